//! `weakspot layers`: the places of a network where maps can be read, and the one that a study would choose.

use weakspot::Result;
use weakspot::attribution::{Method, choose_layer};
use weakspot::classifier::{LayerKind, Signature};
use weakspot_nn::checkpoint;

use crate::args::LayersArgs;
use crate::model;
use crate::model::network::{self, Network};
use crate::system::threads;
use crate::terminal::output;

/// The side of images where neither the file nor the user says one: ImageNet's.
const SIDE: usize = 224;

/// Prints a table: names, kind, channels, grid, pixels that a cell depends on, and what lies on every path.
pub(crate) fn run(args: &LayersArgs) -> Result<()> {
    threads::start(None)?;
    let (channels, size) = if network::is_network(&args.file) {
        let input = weakspot_nn::image_shape(&args.file, args.model.layout)?;
        let asked = args.size.map(|side| (side, side));
        (input.channels, input.size.or(asked).unwrap_or((SIDE, SIDE)))
    } else {
        let known = checkpoint::description(&args.file)?;
        let own = known.map(|known| (known.model.channels, (known.model.height, known.model.width_px)));
        let (channels, size) = own.unwrap_or((3, (SIDE, SIDE)));
        (channels, args.size.map_or(size, |side| (side, side)))
    };
    let opened = model::open(&args.file, &args.model, [channels, size.0, size.1])?;
    for said in &opened.said {
        output::talk(said);
    }
    output::talk(&format!("{}; images of {channels} x {} x {}", opened.summary, size.0, size.1));
    let rows = rows(&opened.network);
    let titles = ["layer", "kind", "channels", "grid", "sees", "every path", "also called"];
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(titles[column].len())
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(titles.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    output::data(&lines.join("\n"))?;
    output::talk(&choice(opened.network.signature()));
    Ok(())
}

fn kind(kind: LayerKind) -> String {
    match kind {
        LayerKind::Convolution => "convolution",
        LayerKind::Normalization => "normalisation",
        LayerKind::Activation => "activation",
        LayerKind::Pooling => "pooling",
        LayerKind::Other => "other",
    }
    .to_owned()
}

fn rows(network: &Network) -> Vec<[String; 7]> {
    let grid = |(height, width): (usize, usize)| format!("{height}x{width}");
    match network {
        Network::Onnx(model) => {
            let row = |layer: &weakspot_nn::Listed| {
                let (first, others) =
                    layer.names.split_first().map_or(("", &[][..]), |(f, o)| (f.as_str(), o));
                [
                    first.to_owned(),
                    kind(layer.kind),
                    layer.channels.to_string(),
                    grid(layer.grid),
                    layer.receptive_field.map_or_else(|| "all".to_owned(), |side| format!("{side} px")),
                    if layer.on_every_path { "yes" } else { "no" }.to_owned(),
                    others.join(", "),
                ]
            };
            model.layers().iter().map(row).collect()
        }
        Network::Vgg16(_) => {
            let row = |layer: &weakspot::classifier::LayerInfo| {
                let [none, chain] = ["", "yes"].map(str::to_owned);
                [
                    layer.name.clone(),
                    kind(layer.kind),
                    layer.channels.to_string(),
                    grid(layer.grid),
                    none.clone(),
                    chain,
                    none,
                ]
            };
            network.signature().layers.iter().map(row).collect()
        }
    }
}

/// Which layer a study would choose, and why.
fn choice(signature: &Signature) -> String {
    match choose_layer(signature, None, Method::GRAD_CAM) {
        Ok(layer) if signature.preferred.is_some() => format!(
            "a study reads maps at {layer}: the last place with a grid of at least 4x4 that every path goes through \
             and from whose cells a gradient reaches the logits; --layer chooses another"
        ),
        Ok(layer) => format!("a study reads maps at {layer}; --layer chooses another"),
        Err(error) => format!("a study needs --cam gradient: {error}"),
    }
}
