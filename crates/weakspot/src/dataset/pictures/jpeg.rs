//! Whether a JPEG file is whole: decoders fill what is missing with grey and say nothing.

/// Whether the end marker follows the picture's data (ITU-T T.81, annex B).
///
/// Segments are walked by their lengths, so that the end marker of a thumbnail inside one is not taken for the
/// picture's. What stands after the end marker is nobody's business.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // The next marker: 0xff, then neither a stuffed zero, a fill byte nor a restart marker.
        let Some(marker) = next_marker(bytes, &mut at) else { return false };
        match marker {
            0xd9 => return true,
            // Markers without a segment.
            0x01 | 0xd8 => {}
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
}

/// Moves behind the next marker and returns its second byte.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let found = bytes.get(*at..)?.iter().position(|&byte| byte == 0xff)?;
        *at += found + 1;
        let second = *bytes.get(*at)?;
        if !matches!(second, 0x00 | 0xff | 0xd0..=0xd7) {
            *at += 1;
            return Some(second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_pictures_end() {
        let soi = [0xff, 0xd8];
        let thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        let scan = [0xff, 0xda, 0, 4, 1, 2, 7, 0xff, 0x00, 9, 0xff, 0xd3, 9];
        let end = [0xff, 0xd9];
        assert!(!is_whole(&[&soi[..], &thumbnail, &scan].concat()));
        let whole = [&soi[..], &thumbnail, &scan, &end].concat();
        assert!(is_whole(&whole));
        assert!(is_whole(&[&whole[..], b"appended"].concat()));
        for cut in 0..whole.len() {
            assert!(!is_whole(&whole[..cut]), "{cut}");
        }
    }
}
