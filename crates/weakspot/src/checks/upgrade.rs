//! Adds to a record of an earlier version what is known about it now.

use crate::checks;
use crate::record::Record;

/// Adds the flags that were unknown to the program that wrote the record.
pub(crate) fn upgrade(record: &mut Record) {
    let Some(flag) = checks::weak_baseline(record) else { return };
    for d in &mut record.directions {
        if d.flags.iter().all(|known| known.id != flag.id) {
            d.flags.push(flag.clone());
        }
    }
}
