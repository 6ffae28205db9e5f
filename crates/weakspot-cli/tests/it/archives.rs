//! Zip and tar archives, honest and otherwise.

use std::io::Write as _;

use crate::fixtures::gzip;

/// A member of an archive, and how it lies.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// Unix type and permissions.
    pub(crate) mode: u32,
    /// The length that is claimed, if not the true one.
    pub(crate) claimed: Option<u32>,
    /// Kind of a tar member.
    pub(crate) kind: u8,
}

/// A file.
pub(crate) fn file(name: &str, data: &[u8]) -> Member {
    let name = name.as_bytes().to_vec();
    Member { name, data: data.to_vec(), mode: 0o100_644, claimed: None, kind: b'0' }
}

/// A zip archive, deflated.
pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let mut crc = flate2::Crc::new();
        crc.update(&member.data);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&member.data).unwrap();
        let packed = encoder.finish().unwrap();
        let offset = bytes.len() as u32;
        // Version 2.0, no flags, deflated, 1980-01-01, checksum, sizes, lengths of name and extra field.
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend(member.claimed.unwrap_or(member.data.len() as u32).to_le_bytes());
        common.extend((member.name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(&member.name);
        bytes.extend(&packed);
        // Made by Unix, so that the type in the upper half of the attributes counts.
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((member.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
    }
    let start = bytes.len() as u32;
    let entries = members.len() as u16;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(entries.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// A gzipped tar archive (POSIX ustar).
pub(crate) fn tar_gz(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        let mut header = [0u8; 512];
        header[..member.name.len()].copy_from_slice(&member.name);
        header[100..108].copy_from_slice(format!("{:07o}\0", member.mode & 0o7777).as_bytes());
        let claimed = member.claimed.unwrap_or(member.data.len() as u32);
        header[124..136].copy_from_slice(format!("{claimed:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = member.kind;
        if matches!(member.kind, b'1' | b'2') {
            header[157..163].copy_from_slice(b"/etc/x");
        }
        header[257..265].copy_from_slice(b"ustar\x0000");
        // The checksum is that of the header with spaces in its place.
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend(header);
        bytes.extend(&member.data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    gzip(&bytes)
}
