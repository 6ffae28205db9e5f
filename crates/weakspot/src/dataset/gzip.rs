//! gzip files as people have them: several members, and zeros after the last.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The members of a gzip file one after the other, as one stream.
///
/// Zeros to the end of the file after a member are padding (of tapes, of downloads in whole blocks); gzip itself passes
/// over them too. Anything else there is an error.
pub(super) struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Members<R> {
    pub(super) fn new(file: R) -> Self {
        Self(Some(GzDecoder::new(file)))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.0 else { return Ok(0) };
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut rest) = self.0.take().map(GzDecoder::into_inner) else { return Ok(0) };
            let padding = skip_zeros(&mut rest)?;
            if rest.fill_buf()?.is_empty() {
                return Ok(0);
            }
            if padding {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "other bytes after its padding of zeros",
                ));
            }
            self.0 = Some(GzDecoder::new(rest));
        }
    }
}

/// Skips zeros, and says whether there were any.
fn skip_zeros(file: &mut impl BufRead) -> io::Result<bool> {
    let mut any = false;
    loop {
        let zeros = file.fill_buf()?.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(any);
        }
        any = true;
        file.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // A small buffer, so that zeros go beyond one.
        Members::new(io::BufReader::with_capacity(16, file)).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn zeros_after_the_last_member_were_a_corrupt_file() {
        let members = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(unpacked(&members).unwrap(), b"one two");
        assert_eq!(unpacked(&[&members[..], &[0; 1_000]].concat()).unwrap(), b"one two");
        for rest in [&b"garbage"[..], b"\0\0garbage", &[&[0; 40], &gzip(b"x")[..]].concat()] {
            assert!(unpacked(&[&members[..], rest].concat()).is_err(), "{rest:?}");
        }
        assert!(unpacked(&members[..members.len() - 1]).is_err());
        assert!(unpacked(b"").is_err());
    }
}
