//! The first directory of a TIFF file: what kind of pixels it has, and where they end.
//!
//! The format is Adobe's (TIFF 6.0, 1992); files with 64-bit offsets ("BigTIFF") are of the same kind.

use std::io::{Read, Seek, SeekFrom};

/// A directory has no more entries than this.
const MAX_ENTRIES: u64 = 4_096;
/// A list of strips or tiles is no longer than this.
const MAX_VALUES: u64 = 1 << 22;

/// What is read of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Bits of a sample.
    bits: u64,
    /// 1: whole numbers, 2: with a sign, 3: floats.
    format: u64,
    /// 0 and 1: grey, 2: RGB, 3: palette, 5: inks, 6: YCbCr, 8 to 10: CIE Lab.
    colours: u64,
    /// Samples of a pixel.
    samples: u64,
    /// How the pixels are packed.
    packing: u64,
    /// Where the last strip or tile ends, in bytes from the start.
    pub(super) end: u64,
}

impl Directory {
    /// Reads the first directory; `None` if there is none.
    pub(super) fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let mut file = File::open(file)?;
        let entries = file.entries()?;
        let mut values =
            |tag: u16| entries.iter().find(|entry| entry.tag == tag).and_then(|entry| file.values(entry));
        let mut first =
            |tag: u16, absent: u64| values(tag).and_then(|values| values.first().copied()).unwrap_or(absent);
        let [bits, format, samples] = [(258, 1), (339, 1), (277, 1)].map(|(tag, one)| first(tag, one));
        let [packing, colours] = [(259, 1), (262, u64::MAX)].map(|(tag, absent)| first(tag, absent));
        // Strips, then tiles: where each begins, and how many bytes it has.
        let mut end = 0;
        for [begins, lengths] in [[273, 279], [324, 325]] {
            if let (Some(begins), Some(lengths)) = (values(begins), values(lengths)) {
                let ends = begins.iter().zip(&lengths).map(|(begin, length)| begin.saturating_add(*length));
                end = ends.fold(end, u64::max);
            }
        }
        Some(Self { bits, format, colours, samples, packing, end })
    }

    /// What kind of TIFF this is, with its article.
    pub(super) fn called(&self) -> String {
        let Self { bits, samples, packing, .. } = self;
        let numbers = match self.format {
            3 => "floats",
            2 => "numbers with a sign",
            _ => "numbers",
        };
        let colours = match self.colours {
            0 | 1 => "grey".to_owned(),
            2 => "RGB".to_owned(),
            3 => return format!("a TIFF with a palette of {bits} bits"),
            5 => "inks (CMYK)".to_owned(),
            6 => "YCbCr".to_owned(),
            8..=10 => "CIE Lab".to_owned(),
            other => format!("colours of number {other}"),
        };
        format!("a TIFF of {bits}-bit {numbers}, {colours}, {samples} to a pixel, compression {packing}")
    }
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// The values, or where they are.
    field: Vec<u8>,
}

/// A file with its order of bytes.
struct File<'a, R> {
    inner: &'a mut R,
    big_endian: bool,
    /// Bytes of an offset: 4 or 8.
    offset: usize,
}

impl<'a, R: Read + Seek> File<'a, R> {
    /// Stands at the first directory afterwards.
    fn open(inner: &'a mut R) -> Option<Self> {
        inner.rewind().ok()?;
        let mut file = Self { inner, big_endian: false, offset: 4 };
        let order = file.bytes(2)?;
        file.big_endian = order == b"MM";
        if file.number(2)? == 43 {
            file.offset = 8;
            // The length of an offset, and nothing.
            file.bytes(4)?;
        }
        let first = file.number(file.offset)?;
        file.inner.seek(SeekFrom::Start(first)).ok()?;
        Some(file)
    }

    fn entries(&mut self) -> Option<Vec<Entry>> {
        let count = self.number(if self.offset == 4 { 2 } else { 8 })?;
        (count <= MAX_ENTRIES).then_some(())?;
        let entry = |file: &mut Self| {
            let tag = file.number(2)? as u16;
            let kind = file.number(2)? as u16;
            Some(Entry { tag, kind, count: file.number(file.offset)?, field: file.bytes(file.offset)? })
        };
        (0..count).map(|_| entry(self)).collect()
    }

    /// The values of an entry, if they are whole numbers.
    fn values(&mut self, entry: &Entry) -> Option<Vec<u64>> {
        let size = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let count = usize::try_from(entry.count).ok().filter(|&count| count as u64 <= MAX_VALUES)?;
        let bytes = if count * size <= self.offset {
            entry.field.clone()
        } else {
            let place = self.value(&entry.field);
            self.inner.seek(SeekFrom::Start(place)).ok()?;
            self.bytes(count * size)?
        };
        Some(bytes.chunks_exact(size).take(count).map(|bytes| self.value(bytes)).collect())
    }

    fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.bytes(size)?;
        Some(self.value(&bytes))
    }

    fn value(&self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// Memory grows with what is really read.
    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.inner.take(count as u64).read_to_end(&mut bytes).ok()?;
        (bytes.len() == count).then_some(bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use super::*;

    /// A little-endian TIFF of 2 x 2 pixels in one strip, the directory before the pixels. Entries are tag and value.
    pub(in super::super) fn tiff(entries: &[(u16, u32)], pixels: &[u8]) -> Vec<u8> {
        let mut all: Vec<(u16, u32)> =
            [(256, 2), (257, 2), (259, 1), (278, 2), (279, pixels.len() as u32)].to_vec();
        all.extend(entries);
        let strip = 8 + 2 + 12 * (all.len() as u32 + 1) + 4;
        all.push((273, strip));
        all.sort_unstable();
        let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
        bytes.extend((all.len() as u16).to_le_bytes());
        for (tag, value) in all {
            bytes.extend(tag.to_le_bytes());
            // Type 4, one of it.
            bytes.extend([4, 0, 1, 0, 0, 0]);
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend([0; 4]);
        assert_eq!(bytes.len(), strip as usize);
        bytes.extend(pixels);
        bytes
    }

    #[test]
    fn a_directory_says_what_it_is_and_where_it_ends() {
        let float = tiff(&[(258, 32), (262, 1), (277, 1), (339, 3)], &[0; 16]);
        let read = Directory::read(&mut Cursor::new(&float)).unwrap();
        assert_eq!(read.end, float.len() as u64);
        assert_eq!(read.called(), "a TIFF of 32-bit floats, grey, 1 to a pixel, compression 1");
        let palette = tiff(&[(258, 8), (262, 3), (277, 1)], &[0; 4]);
        let read = Directory::read(&mut Cursor::new(&palette)).unwrap();
        assert_eq!(read.called(), "a TIFF with a palette of 8 bits");
        for cut in 0..8 + 2 + 12 * 8 {
            assert_eq!(Directory::read(&mut Cursor::new(&palette[..cut])), None, "{cut}");
        }
    }
}
