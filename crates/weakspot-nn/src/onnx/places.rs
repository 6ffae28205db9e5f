//! In which modules of the author's program a node lies, as the exporter recorded it.

use super::file::Node;

/// The entry that PyTorch's newer exporter writes: a list of names in Python's text form.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// Module paths, the outermost first: `layer4`, `layer4.1`, `layer4.1.conv2`.
pub(super) fn modules(node: &Node<'_>) -> Vec<String> {
    if let Some((_, scopes)) = node.metadata.iter().find(|(key, _)| *key == SCOPES) {
        let mut names = listed(scopes);
        // The last is the node's own name, the first, which is empty, the whole network's.
        names.pop();
        names.retain(|name| !name.is_empty());
        return names;
    }
    match node.name.strip_prefix('/') {
        Some(path) => of_path(path),
        None => of_keras(&node.name),
    }
}

/// The strings of a list such as `['', 'layer1', 'layer1.0']`.
fn listed(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = rest.as_bytes()[start] as char;
        let inside = &rest[start + 1..];
        let Some(end) = inside.find(quote) else { break };
        names.push(inside[..end].to_owned());
        rest = &inside[end + 1..];
    }
    names
}

/// `layer4/layer4.1/conv2/Conv`, as PyTorch's older exporter names nodes: a part repeats its parent's last name where
/// the module was in a list.
fn of_path(path: &str) -> Vec<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    // The last part is the operator's.
    parts.pop();
    let mut names: Vec<String> = Vec::new();
    let mut before = "";
    for part in parts {
        let within = part.strip_prefix(before).filter(|rest| !before.is_empty() && rest.starts_with('.'));
        names.push(match (names.last(), within) {
            (Some(outer), Some(rest)) => format!("{outer}{rest}"),
            (Some(outer), None) => format!("{outer}.{part}"),
            (None, _) => part.to_owned(),
        });
        before = part;
    }
    names
}

/// `model/block1_conv1/Conv2D`, as tf2onnx names nodes: the part before the operator's is the layer.
fn of_keras(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [.., layer, _] if !layer.is_empty() => vec![layer.to_owned()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Vec<String> {
        modules(&Node { name: name.to_owned(), ..Node::default() })
    }

    #[test]
    fn modules_of_both_exporters_are_pytorchs() {
        let scopes = "['', 'layer4', 'layer4.1', 'layer4.1.conv2', 'conv2d_19']";
        let node = Node { metadata: vec![(SCOPES, scopes)], ..Node::default() };
        assert_eq!(modules(&node), ["layer4", "layer4.1", "layer4.1.conv2"]);
        assert_eq!(of("/layer4/layer4.1/conv2/Conv"), ["layer4", "layer4.1", "layer4.1.conv2"]);
        let vit = "/encoder/layers/encoder_layer_0/self_attention/MatMul";
        assert_eq!(
            of(vit)[2..],
            ["encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_0.self_attention"]
        );
        assert_eq!(of("/features/features.0/features.0.1/Relu"), ["features", "features.0", "features.0.1"]);
        assert_eq!(of("/Add"), Vec::<String>::new(), "a node of the network itself");
    }

    #[test]
    fn a_keras_layer_is_the_part_before_the_operator() {
        assert_eq!(of("StatefulPartitionedCall/model/conv1_relu/Relu"), ["conv1_relu"]);
        assert_eq!(of("Conv_0"), Vec::<String>::new());
    }
}
