//! What a record of an earlier version is told about itself when it is read again.

use crate::checks;
use crate::record::Record;

/// Enters the flags that the program which wrote the record did not know.
pub(crate) fn upgrade(record: &mut Record) {
    let Some(flag) = checks::weak_baseline(record) else { return };
    for d in &mut record.directions {
        if d.flags.iter().all(|known| known.id != flag.id) {
            d.flags.push(flag.clone());
        }
    }
}
