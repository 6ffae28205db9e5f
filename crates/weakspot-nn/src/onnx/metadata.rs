//! What a file's metadata says about its classes and its pixels.

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metadata {
    pub class_names: Option<Vec<String>>,
    pub mean: Option<Vec<f32>>,
    pub std: Option<Vec<f32>>,
}

impl Metadata {
    /// From the entries of a file. What cannot be read is not there: the entries have no standard.
    pub(crate) fn of(entries: &[(String, String)]) -> Self {
        let find = |keys: &[&str]| {
            entries
                .iter()
                .find(|(key, _)| keys.contains(&key.to_lowercase().as_str()))
                .map(|(_, value)| value.as_str())
        };
        Self {
            class_names: find(&["names", "labels", "classes", "class_names", "id2label"]).and_then(names),
            mean: find(&["mean", "image_mean"]).and_then(numbers),
            std: find(&["std", "image_std"]).and_then(numbers),
        }
    }
}

/// `[0.5, 0.5, 0.5]`, or numbers between commas or spaces.
fn numbers(text: &str) -> Option<Vec<f32>> {
    let text = text.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let numbers = parts.map(|part| part.parse().ok()).collect::<Option<Vec<f32>>>()?;
    (!numbers.is_empty() && numbers.iter().all(|n| n.is_finite())).then_some(numbers)
}

/// A list in JSON or Python's text form, an object from numbers to names, or names between commas or lines.
fn names(text: &str) -> Option<Vec<String>> {
    let quoted = text.replace('\'', "\"");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    // Python's keys are bare numbers, which JSON's may not be.
    let keyed = with_quoted_keys(&quoted);
    let value = json(text).or_else(|| json(&quoted)).or_else(|| json(&keyed));
    let text_of = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    match value {
        Some(serde_json::Value::Array(names)) => names.iter().map(text_of).collect(),
        Some(serde_json::Value::Object(names)) => {
            (0..names.len()).map(|i| names.get(&i.to_string()).and_then(text_of)).collect()
        }
        _ => {
            let between = if text.contains('\n') { '\n' } else { ',' };
            let names: Vec<String> = text.split(between).map(|name| name.trim().to_owned()).collect();
            (names.len() > 1 && names.iter().all(|name| !name.is_empty())).then_some(names)
        }
    }
}

/// `{0: "a"}` as `{"0": "a"}`.
fn with_quoted_keys(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 16);
    let mut digits = String::new();
    let mut inside = false;
    for c in text.chars() {
        if c == '"' {
            inside = !inside;
        }
        if !inside && c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            if c == ':' {
                result.push('"');
                result.push_str(&digits);
                result.push('"');
            } else {
                result.push_str(&digits);
            }
            digits.clear();
        }
        result.push(c);
    }
    result + &digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_forms_that_exporters_write() {
        let expected = Some(vec!["cat".to_owned(), "dog".to_owned()]);
        for text in [
            r#"["cat", "dog"]"#,
            "['cat', 'dog']",
            "{0: 'cat', 1: 'dog'}",
            r#"{"1": "dog", "0": "cat"}"#,
            "cat, dog",
            "cat\ndog",
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        assert_eq!(names("{0: 'cat', 2: 'dog'}"), None, "a number has no name");
        assert_eq!(names("cat"), None);
    }

    #[test]
    fn numbers_are_read_with_and_without_brackets() {
        let expected = Some(vec![0.485, 0.456, 0.406]);
        for text in ["[0.485, 0.456, 0.406]", "0.485 0.456 0.406", "(0.485,0.456,0.406)"] {
            assert_eq!(numbers(text), expected, "{text}");
        }
        assert_eq!((numbers("nan"), numbers("a, b"), numbers("")), (None, None, None));
    }
}
