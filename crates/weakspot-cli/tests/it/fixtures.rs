//! Small files in the formats that users bring.

use std::io::Write as _;
use std::path::Path;

use weakspot::output::write_atomic;

/// An IDX file: magic `[0, 0, 8, axes]`, the axes' lengths, big-endian, then bytes.
pub(crate) fn idx(lengths: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, lengths.len() as u8];
    bytes.extend(lengths.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend_from_slice(data);
    bytes
}

/// Grey images of 28x28 in which the class is a bright column, with some noise.
pub(crate) fn digits(per_class: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for i in 0..per_class * 10 {
        let class = i % 10;
        labels.push(class as u8);
        for pixel in 0..28 * 28usize {
            let noise = (pixel * 7 + i * 13) % 11;
            pixels.push(if pixel % 28 / 2 == class + 2 { 200 + noise as u8 } else { noise as u8 });
        }
    }
    (pixels, labels)
}

/// The four files of `mnist`, plain.
pub(crate) fn mnist(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (part, per_class) in [("train", 20), ("t10k", 5)] {
        let (pixels, labels) = digits(per_class);
        let n = labels.len() as u32;
        write_atomic(&folder.join(format!("{part}-images-idx3-ubyte")), &idx(&[n, 28, 28], &pixels)).unwrap();
        write_atomic(&folder.join(format!("{part}-labels-idx1-ubyte")), &idx(&[n], &labels)).unwrap();
    }
}

/// Bytes as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An array for a fixture.
pub(crate) enum Array {
    F32(Vec<usize>, Vec<f32>),
    U8(Vec<usize>, Vec<u8>),
    I64(Vec<usize>, Vec<i64>),
}

impl Array {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(_, v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U8(_, v) => v.clone(),
            Self::I64(_, v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::F32(shape, _) | Self::U8(shape, _) | Self::I64(shape, _) => shape,
        }
    }

    /// As NumPy's `save` writes it (format 1.0).
    pub(crate) fn npy(&self) -> Vec<u8> {
        let kind = match self {
            Self::F32(..) => "<f4",
            Self::U8(..) => "|u1",
            Self::I64(..) => "<i8",
        };
        let lengths: Vec<String> = self.shape().iter().map(ToString::to_string).collect();
        let shape = lengths.join(",") + ",";
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(self.bytes());
        bytes
    }
}

/// Arrays by name as safetensors.
pub(crate) fn safetensors(arrays: &[(&str, &Array)]) -> Vec<u8> {
    use safetensors::tensor::{Dtype, TensorView, serialize};
    let data: Vec<Vec<u8>> = arrays.iter().map(|(_, array)| array.bytes()).collect();
    let views = arrays.iter().zip(&data).map(|((name, array), bytes)| {
        let kind = match array {
            Array::F32(..) => Dtype::F32,
            Array::U8(..) => Dtype::U8,
            Array::I64(..) => Dtype::I64,
        };
        ((*name).to_owned(), TensorView::new(kind, array.shape().to_vec(), bytes).unwrap())
    });
    serialize(views, None).unwrap()
}

/// Arrays by name as `.npz`: a zip archive of `.npy` entries, stored.
pub(crate) fn npz(arrays: &[(&str, &Array)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, array) in arrays {
        let (name, data) = (format!("{name}.npy"), array.npy());
        let mut crc = flate2::Crc::new();
        crc.update(&data);
        let offset = bytes.len() as u32;
        // Version 2.0, no flags, stored, 1980-01-01, checksum, sizes, lengths of name and extra field.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(&data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        // No comment, disk 0, no attributes, then where the entry is.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    let entries = arrays.len() as u16;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(entries.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// An RGB PNG of one colour: signature, header, one stream of unfiltered rows, end.
pub(crate) fn png(side: u32, shade: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    };
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..side {
        rows.write_all(&[0]).unwrap();
        rows.write_all(&vec![shade; side as usize * 3]).unwrap();
    }
    chunk(b"IDAT", &rows.finish().unwrap());
    chunk(b"IEND", &[]);
    bytes
}
