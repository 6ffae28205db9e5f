//! Corrects checksums and lengths: an input that fails at its checksum tests nothing behind it.

/// A PNG with the checksum of every chunk corrected; anything else unchanged.
#[must_use]
pub fn png(data: &[u8]) -> Vec<u8> {
    const SIGNATURE: usize = 8;
    let mut bytes = data.to_vec();
    let mut at = SIGNATURE;
    // Length, type, data, checksum over type and data.
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let end = (at + 8).saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        if end.checked_add(4).is_none_or(|end| end > bytes.len()) {
            break;
        }
        let sum = crc32fast::hash(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    bytes
}

/// A tar archive with the checksum of every header corrected and the two empty blocks at its end.
#[must_use]
pub fn tar(data: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + BLOCK) {
        if header.iter().all(|&byte| byte == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let size = std::str::from_utf8(&header[124..136]).unwrap_or_default();
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap_or_default();
        at = at.saturating_add(BLOCK).saturating_add(size.min(bytes.len()).next_multiple_of(BLOCK));
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// A safetensors file. An input that begins with a brace is the header's text: it gets its length, and as many zeros as
/// the header claims. Anything else is left unchanged.
pub(crate) fn safetensors(data: &[u8]) -> Vec<u8> {
    const MOST: u64 = 1 << 17;
    if data.first() != Some(&b'{') {
        return data.to_vec();
    }
    let header: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let ends =
        header.as_object().into_iter().flatten().filter_map(|(_, info)| info["data_offsets"][1].as_u64());
    let zeros = ends.max().filter(|&end| end <= MOST).unwrap_or_default();
    let mut bytes = (data.len().next_multiple_of(8) as u64).to_le_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(8 + data.len().next_multiple_of(8), b' ');
    bytes.resize(bytes.len() + zeros as usize, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_whose_checksums_were_turned_is_the_same_again() {
        let whole = weakspot::report::figures::grey_png(2, 1, &[0, 255]).unwrap();
        let mut turned = whole.clone();
        // The checksum of the header: after the signature, a length, a type and 13 bytes.
        turned[29] ^= 0xff;
        *turned.last_mut().unwrap() ^= 0xff;
        assert_ne!(turned, whole);
        assert_eq!(png(&turned), whole);
        for cut in 0..whole.len() {
            assert_eq!(png(&whole[..cut]), whole[..cut], "{cut}");
        }
        assert_eq!(png(&[0xff; 40]), [0xff; 40]);
    }

    #[test]
    fn a_header_of_safetensors_gets_its_length_and_its_values() {
        let header = br#"{"images":{"dtype":"U8","shape":[1,1,2,2],"data_offsets":[0,4]}}"#;
        let file = safetensors(header);
        let tensors = ::safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(tensors.tensor("images").unwrap().data(), [0; 4]);
        assert_eq!(safetensors(b"no header"), b"no header");
        assert_eq!(safetensors(b"{").len(), 16);
        let large = br#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,99999999999]}}"#;
        assert!(safetensors(large).len() < 100);
    }

    #[test]
    fn a_tar_header_gets_its_sum_and_an_archive_its_end() {
        let mut header = vec![0; 512];
        header[..1].copy_from_slice(b"a");
        header[124..136].copy_from_slice(b"00000000001\0");
        let mended = tar(&[&header[..], b"x"].concat());
        assert_eq!(mended.len(), 512 + 512 + 1024);
        // One letter, eleven digits of which one is not 0, eight spaces.
        let sum = 97 + 10 * 48 + 49 + 8 * 32;
        assert_eq!(mended[148..156], *format!("{sum:06o}\0 ").as_bytes());
    }
}
