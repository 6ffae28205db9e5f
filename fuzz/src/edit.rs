//! Edits of JSON: from a few bytes to a record that is nearly right.
//!
//! Twenty kilobytes of JSON are no longer JSON after bytes are changed at random. These edits make a record in which
//! one number, name or list is changed, or several.

use serde_json::{Number, Value};

/// Bytes of one edit: two say where, one says what, one says how much.
const EDIT: usize = 4;

/// More edits than this find nothing new.
const MOST: usize = 64;

/// What a text may become.
const WORDS: [&str; 16] = [
    "",
    "0",
    "1",
    "p0",
    "adv",
    "adv_worst",
    "adaptive_worst",
    "mod_adv",
    "channel-mean",
    "weakspot-results/1",
    "1/0",
    "../../x",
    "<b>&amp;",
    "\u{0}\u{202e}\u{1f600}",
    "NaN",
    "18446744073709551616",
];

/// The value with the edits that the bytes describe.
pub(crate) fn edited(base: &Value, data: &[u8]) -> Value {
    let mut value = base.clone();
    for edit in data.chunks_exact(EDIT).take(MOST) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % count(&value);
        if let Some(found) = nth(&mut value, &mut { place }) {
            change(found, edit[2], edit[3]);
        }
    }
    value
}

/// Values within a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value that comes after this many others.
fn nth<'a>(value: &'a mut Value, before: &mut usize) -> Option<&'a mut Value> {
    if *before == 0 {
        return Some(value);
    }
    *before -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| nth(value, before)),
        Value::Object(map) => map.values_mut().find_map(|value| nth(value, before)),
        _ => None,
    }
}

fn change(value: &mut Value, what: u8, amount: u8) {
    let float = |v: f64| Number::from_f64(v).map_or(Value::Null, Value::Number);
    *value = match (what % 20, value.take()) {
        (0, _) => Value::Null,
        (1, _) => amount.into(),
        (2, _) => (-i64::from(amount)).into(),
        (3, _) => u64::MAX.into(),
        (4, _) => (1u64 << (amount % 64)).into(),
        (5, _) => float(f64::from(amount) / 255.0),
        (6, _) => float(1e308),
        (7, _) => float(-1e-320),
        (8, _) => Value::Bool(amount.is_multiple_of(2)),
        (9, _) => WORDS[usize::from(amount) % WORDS.len()].into(),
        (10, _) => "\u{e9}".repeat(usize::from(amount)).into(),
        (11, Value::Number(number)) => float(number.as_f64().unwrap_or_default() + f64::from(amount)),
        (12, Value::Number(number)) => {
            number.as_u64().and_then(|v| v.checked_sub(1)).map_or(float(-1.0), Value::from)
        }
        (13, Value::Number(number)) => number.as_u64().map_or(float(2.0), |v| v.saturating_add(1).into()),
        (14, Value::Array(_)) => Value::Array(Vec::new()),
        (15, Value::Array(mut list)) => {
            list.pop();
            Value::Array(list)
        }
        (16, Value::Array(mut list)) => {
            list.extend(list.last().cloned());
            Value::Array(list)
        }
        (17, Value::Array(mut list)) => {
            list.reverse();
            Value::Array(list)
        }
        (14..=17, Value::Object(mut map)) => {
            if let Some(key) = map.keys().nth(usize::from(amount) % map.len().max(1)).cloned() {
                map.remove(&key);
            }
            Value::Object(map)
        }
        (18, Value::String(text)) => text.chars().rev().collect::<String>().into(),
        (19, Value::Object(mut map)) => {
            map.insert(WORDS[usize::from(amount) % WORDS.len()].to_owned(), amount.into());
            Value::Object(map)
        }
        (_, same) => same,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_edit_changes_nothing_and_one_changes_one_place() {
        let base = json!({"a": [1, 2.5, "x"], "b": {"c": null}});
        assert_eq!(edited(&base, b""), base);
        assert_eq!(edited(&base, b"abc"), base, "three bytes are no edit");
        // Places: 0 all, 1 the list, 2 to 4 what is in it, 5 the map, 6 what is in that.
        assert_eq!(edited(&base, &[2, 0, 13, 0]), json!({"a": [2, 2.5, "x"], "b": {"c": null}}));
        assert_eq!(edited(&base, &[1, 0, 15, 0]), json!({"a": [1, 2.5], "b": {"c": null}}));
        assert_eq!(edited(&base, &[6, 0, 8, 0]), json!({"a": [1, 2.5, "x"], "b": {"c": true}}));
        assert_eq!(edited(&base, &[0, 0, 14, 1]), json!({"a": [1, 2.5, "x"]}));
        assert_eq!(edited(&base, &[2 + 7, 0, 13, 0]), edited(&base, &[2, 0, 13, 0]), "places come round");
    }

    #[test]
    fn every_edit_leaves_a_value_that_can_be_written_and_edited_again() {
        let base = json!({"a": [1, 2.5, "x"], "b": {"c": null}});
        for what in 0..20 {
            for place in 0..7 {
                let edits = [place, 0, what, 200].repeat(MOST);
                assert!(!edited(&base, &edits).to_string().is_empty());
            }
        }
    }
}
