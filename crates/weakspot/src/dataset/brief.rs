//! Names and cells from users' files, short enough for a message.

/// The most characters of a name, or of a list of names, in a message.
const LONGEST: usize = 80;

/// At most 80 characters of a text, the last two being dots where some were left out. Nothing else is changed: control
/// characters are made visible where messages are printed.
pub(super) fn brief(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 2).chain("..".chars()).collect(),
    }
}

/// Names as a list, each of them and the whole shortened; `none` where there is none.
pub(super) fn brief_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&brief(name));
        if list.len() > 4 * LONGEST {
            break;
        }
    }
    if list.is_empty() { "none".to_owned() } else { brief(&list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_a_megabyte_filled_the_screen() {
        let short = brief(&"\u{732b}".repeat(1 << 20));
        assert_eq!((short.chars().count(), short.ends_with("\u{732b}..")), (80, true));
        assert_eq!(brief(&"a".repeat(80)), "a".repeat(80));
        assert_eq!(brief("a\u{1b}[31m\n"), "a\u{1b}[31m\n", "what is printed decides about these");
        assert_eq!(brief_list(["x", "y"]), "x, y");
        assert_eq!(brief_list([]), "none");
        let many: Vec<String> = (0..785).map(|i| format!("pixel{i}")).collect();
        let listed = brief_list(many.iter().map(String::as_str));
        assert!(listed.starts_with("pixel0, pixel1, ") && listed.chars().count() == 80, "{listed}");
    }
}
