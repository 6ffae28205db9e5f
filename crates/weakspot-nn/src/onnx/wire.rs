//! Protocol buffers, as far as ONNX needs them: fields of a message, borrowed from the file's bytes.
//!
//! # References
//! The encoding is described at <https://protobuf.dev/programming-guides/encoding/>.

use weakspot::{Error, Result};

/// Messages inside messages: ONNX needs about ten, a hostile file can ask for any number.
const DEEPEST: u8 = 40;

/// A message that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the message begins in the file.
    start: usize,
    depth: u8,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    /// A message, a string, or numbers one after the other.
    Bytes(Message<'a>),
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, start: 0, depth: 0 }
    }

    fn bad(&self, what: &str) -> Error {
        Error::format(format!("byte {}: expected a message of ONNX; got {what}", self.start + self.at))
            .with_hint("copy or download the file again, or export the model again")
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else { return Err(self.bad("an end within a number")) };
            self.at += 1;
            // Bits beyond the sixty-fourth are dropped.
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.bad("a number of more than ten bytes"))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => {
                Err(self
                    .bad(&format!("a length of {count} bytes where {} are left", self.bytes.len() - self.at)))
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    /// The next field and its number; `None` at the end.
    ///
    /// # Errors
    /// `Format`, with the place in the file.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                if self.depth >= DEEPEST {
                    return Err(self.bad("messages nested too deeply"));
                }
                let start = self.start + self.at;
                Field::Bytes(Self { bytes: self.take(length)?, at: 0, start, depth: self.depth + 1 })
            }
            5 => Field::Fixed32(self.array()?),
            other => return Err(self.bad(&format!("a field of the unknown type {other}"))),
        };
        Ok(Some((tag >> 3, field)))
    }
}

impl<'a> Field<'a> {
    fn wrong(self, expected: &str) -> Error {
        let came = match self {
            Self::Varint(_) => "a whole number",
            Self::Fixed64(_) | Self::Fixed32(_) => "a number of fixed length",
            Self::Bytes(_) => "a message or a string",
        };
        Error::format(format!("expected {expected} in a message of ONNX; got {came}"))
    }

    pub(super) fn message(self) -> Result<Message<'a>> {
        match self {
            Self::Bytes(message) => Ok(message),
            _ => Err(self.wrong("a message")),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(message) => Ok(message.bytes),
            _ => Err(self.wrong("a string")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_encoding| {
            Error::format("expected text in UTF-8 in a message of ONNX; got other bytes")
        })
    }

    pub(super) fn integer(self) -> Result<i64> {
        match self {
            // Negative numbers are written as the sixty-four bits of their two's complement.
            Self::Varint(value) => Ok(value.cast_signed()),
            _ => Err(self.wrong("a whole number")),
        }
    }

    pub(super) fn float(self) -> Result<f32> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.wrong("a floating-point number")),
        }
    }

    /// Adds whole numbers, alone or one after the other.
    pub(super) fn integers(self, to: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Bytes(mut packed) => {
                while packed.at < packed.bytes.len() {
                    to.push(packed.varint()?.cast_signed());
                }
                Ok(())
            }
            alone => alone.integer().map(|value| to.push(value)),
        }
    }

    /// Adds floating-point numbers, alone or one after the other.
    pub(super) fn floats(self, to: &mut Vec<f32>) -> Result<()> {
        match self {
            Self::Bytes(packed) => {
                let (whole, rest) = packed.bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(self.wrong("numbers of four bytes each"));
                }
                to.extend(whole.iter().map(|&bytes| f32::from_le_bytes(bytes)));
                Ok(())
            }
            alone => alone.float().map(|value| to.push(value)),
        }
    }

    /// Adds floating-point numbers of double precision.
    pub(super) fn doubles(self, to: &mut Vec<f64>) -> Result<()> {
        match self {
            Self::Bytes(packed) => {
                let (whole, rest) = packed.bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(self.wrong("numbers of eight bytes each"));
                }
                to.extend(whole.iter().map(|&bytes| f64::from_le_bytes(bytes)));
                Ok(())
            }
            Self::Fixed64(bytes) => {
                to.push(f64::from_le_bytes(bytes));
                Ok(())
            }
            _ => Err(self.wrong("a floating-point number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type_are_read() {
        // 1: 300; 2: "ab"; 3: 1.5 in four bytes; 4: -1; 5: [1, 2] one after the other.
        let mut bytes = vec![0x08, 0xac, 0x02, 0x12, 2, b'a', b'b', 0x1d];
        bytes.extend(1.5_f32.to_le_bytes());
        bytes.push(0x20);
        bytes.extend([0xff; 9]);
        bytes.extend([0x01, 0x2a, 2, 1, 2]);
        let mut message = Message::new(&bytes);
        let mut next = || message.next().unwrap().unwrap();
        assert_eq!(next().1.integer().unwrap(), 300);
        assert_eq!(next().1.text().unwrap(), "ab");
        assert_eq!(next().1.float().unwrap(), 1.5);
        assert_eq!(next().1.integer().unwrap(), -1);
        let mut integers = Vec::new();
        next().1.integers(&mut integers).unwrap();
        assert_eq!(integers, [1, 2]);
        assert!(message.next().unwrap().is_none());
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_its_place() {
        let error = |bytes: &[u8]| Message::new(bytes).next().unwrap_err().to_string();
        assert!(error(&[0x12, 5, 1]).starts_with("byte 2: "), "{}", error(&[0x12, 5, 1]));
        assert!(error(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).contains("length"));
        assert!(error(&[0x08]).contains("an end"));
        assert!(error(&[0xff; 11]).contains("ten bytes"));
        assert!(error(&[0x0b]).contains("unknown type 3"));
        // A message in a message in a message.
        let mut nested = vec![0x0a, 0];
        for _ in 0..60 {
            let mut outer = vec![0x0a, nested.len() as u8];
            outer.extend(&nested);
            nested = outer;
        }
        let mut message = Message::new(&nested);
        let deepest = loop {
            match message.next() {
                Ok(Some((_, field))) => message = field.message().unwrap(),
                Ok(None) => panic!("expected an error"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(deepest.contains("nested too deeply"), "{deepest}");
    }
}
