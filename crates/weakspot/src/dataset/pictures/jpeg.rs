//! The markers of a JPEG file: whether it is whole (decoders silently fill what is missing with grey), and what its
//! decoder keeps.

/// Whether the end marker follows the picture's data (ITU-T T.81, annex B).
///
/// Segments are walked by their lengths, so that the end marker of a thumbnail inside one is not taken for the
/// picture's. What follows the end marker does not matter.
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

/// Bytes that the decoder keeps for each pixel until the last scan: two for each channel, if a scan holds less than
/// the whole picture. A scan that holds all of it is decoded row by row.
pub(super) fn kept(bytes: &[u8]) -> u64 {
    let (mut at, mut channels, mut in_parts) = (2, 0, false);
    loop {
        let Some(marker) = next_marker(bytes, &mut at) else { return 2 * channels };
        match marker {
            0x01 | 0xd8 => continue,
            0xd9 => return 2 * channels,
            // A frame: length, bits, height, width, channels. The tables 0xc4, 0xc8 and 0xcc are none.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                channels = bytes.get(at + 7).map_or(4, |&count| u64::from(count));
                in_parts = marker != 0xc0 && marker != 0xc1;
            }
            // The first scan: length, channels.
            0xda => {
                let scanned = bytes.get(at + 2).map_or(0, |&count| u64::from(count));
                return if in_parts || scanned < channels { 2 * channels } else { 0 };
            }
            _ => {}
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else { return 2 * channels };
        at += usize::from(u16::from_be_bytes([high, low])).max(2);
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
    fn what_comes_in_several_scans_is_kept() {
        let frame = |kind: u8| [0xff, kind, 0, 17, 8, 0, 9, 0, 9, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1];
        let scan = |channels: u8| [0xff, 0xda, 0, 3, channels];
        let tables = [0xff, 0xc4, 0, 3, 0];
        let of = |kind, channels| kept(&[&[0xff, 0xd8][..], &tables, &frame(kind), &scan(channels)].concat());
        assert_eq!([of(0xc0, 3), of(0xc0, 1), of(0xc2, 3)], [0, 6, 6]);
        assert_eq!(kept(b"\xff\xd8"), 0);
    }

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
