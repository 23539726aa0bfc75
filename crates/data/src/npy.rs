//! NumPy's `.npy` files, versions 1 to 3: real numbers and booleans, C and Fortran order, either
//! byte order; of more than two dimensions the first counts the rows.
//!
//! ```
//! use matgrad_data::{Matrix, npy};
//! let matrix = Matrix::new(1, 2, vec![0.5, -1.0])?;
//! let bytes = npy::to_bytes(&matrix, npy::Precision::F64);
//! assert_eq!(npy::parse(&bytes, "x.npy")?.matrix, matrix);
//! # Ok::<(), matgrad_data::Error>(())
//! ```
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use crate::sheet::Growth;
use crate::{Error, Matrix, Memory, Table};
use std::io::Read;
use std::path::Path;

/// How every `.npy` file begins.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// An array as it was stored, and as a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The dimensions in the file.
    pub dims: Vec<usize>,
    /// The values: 1×1 for no dimension, n×1 for one, rows×cols for two, for
    /// more (pictures) all but the first one in a row.
    pub matrix: Matrix,
}

/// An array in single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Single {
    /// The dimensions in the file.
    pub dims: Vec<usize>,
    /// Rows, as those of [`Array::matrix`].
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// The values, row by row.
    pub data: Vec<f32>,
}

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a number; values are rounded to the nearest.
    F32,
    /// Eight bytes a number.
    F64,
}

/// Reads a file as a matrix: an array without dimensions is 1×1, one of n values is n×1.
/// Integers beyond 2⁵³ are rounded.
///
/// # Errors
/// [`Error::Read`] when the file cannot be read, and those of [`parse`].
pub fn read(path: &Path) -> Result<Matrix, Error> {
    read_array(path).map(|array| array.matrix)
}

/// Reads a file as [`read`] does, and keeps its dimensions.
///
/// # Errors
/// Those of [`read`].
pub fn read_array(path: &Path) -> Result<Array, Error> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Error::Read { file: file.clone(), reason: error.to_string() })?;
    parse(&bytes, &file)
}

/// Writes a matrix as a two-dimensional array in C order; an existing file is replaced.
///
/// # Errors
/// [`Error::Write`] when the file cannot be written.
pub fn write(path: &Path, matrix: &Matrix, precision: Precision) -> Result<(), Error> {
    std::fs::write(path, to_bytes(matrix, precision)).map_err(|error| Error::Write {
        file: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// The content of the file that [`write()`] writes: version 1, little-endian.
pub fn to_bytes(matrix: &Matrix, precision: Precision) -> Vec<u8> {
    let (descr, size) = match precision {
        Precision::F32 => ("<f4", 4),
        Precision::F64 => ("<f8", 8),
    };
    let (rows, cols) = (matrix.rows, matrix.cols);
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    // The format wants the values to begin at a multiple of 64, after a line feed.
    const PREFIX: usize = 10;
    let length = (PREFIX + header.len() + 1).next_multiple_of(64) - PREFIX;
    header.push_str(&" ".repeat(length - header.len() - 1));
    header.push('\n');

    let mut bytes = Vec::with_capacity(PREFIX + length + size * matrix.data.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for &x in &matrix.data {
        match precision {
            Precision::F32 => bytes.extend_from_slice(&(x as f32).to_le_bytes()),
            Precision::F64 => bytes.extend_from_slice(&x.to_le_bytes()),
        }
    }
    bytes
}

/// Reads the content of a file; `file` is its name in messages.
///
/// # Errors
/// [`Error::Format`] when the content is no `.npy` file, is cut off, or holds something else
/// than real numbers.
pub fn parse(bytes: &[u8], file: &str) -> Result<Array, Error> {
    parse_array(bytes).map_err(|reason| Error::Format { file: file.to_string(), reason })
}

/// What stands before the values.
struct Header {
    kind: Kind,
    fortran: bool,
    dims: Vec<usize>,
    rows: usize,
    cols: usize,
    /// Bytes of all values.
    size: usize,
}

const CUT: &str = "the .npy header is cut off; write the file again";

/// The length of what stands before the values, from the first twelve bytes.
fn prefix(bytes: &[u8]) -> Result<usize, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("this is no .npy file; write it with numpy.save")?;
    match rest {
        [1, _, a, b, ..] => Ok(10 + usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, ..] => Ok(12 + u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        [1..=3, ..] | [] => Err(CUT.to_string()),
        [version, ..] => Err(format!(".npy version {version} is not known; write version 1")),
    }
}

impl Header {
    fn parse(text: &str) -> Result<Header, String> {
        let kind = Kind::parse(string(entry(text, "descr")?)?)?;
        let fortran = match entry(text, "fortran_order")? {
            text if text.starts_with("True") => true,
            text if text.starts_with("False") => false,
            _ => {
                return Err(
                    "'fortran_order' in the .npy header is neither True nor False".to_string()
                );
            }
        };
        let dims = dims(entry(text, "shape")?)?;
        let (rows, cols) = match dims[..] {
            [] => (1, 1),
            [n] => (n, 1),
            [rows, cols] => (rows, cols),
            // Pictures: the rest of the dimensions, row by row, is a row.
            [rows, ref rest @ ..] if !fortran => {
                (rows, rest.iter().fold(1, |n: usize, &d| n.saturating_mul(d)))
            }
            _ => {
                return Err(format!(
                    "the array has {} dimensions in Fortran order; save \
                     numpy.ascontiguousarray of it",
                    dims.len()
                ));
            }
        };
        let size = rows.saturating_mul(cols).saturating_mul(kind.size);
        Ok(Header { kind, fortran: fortran && rows > 1 && cols > 1, dims, rows, cols, size })
    }

    fn cut(&self, found: usize) -> String {
        let Header { rows, cols, kind, .. } = self;
        format!(
            "an array of {rows}×{cols} values of {} bytes was announced, but {found} bytes \
             follow; the file is cut off, write it again",
            kind.size
        )
    }
}

/// What is announced, and the bytes of the values.
fn parts(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let (head, values) = bytes.split_at_checked(prefix(bytes)?).ok_or(CUT)?;
    let header = Header::parse(&String::from_utf8_lossy(&head[MAGIC.len() + 4..]))?;
    let stored = values.get(..header.size).ok_or_else(|| header.cut(values.len()))?;
    Ok((header, stored))
}

/// The array as a table: columns `1`, `2`, … of numbers.
pub(crate) fn table(bytes: &[u8], file: &str, memory: &Memory) -> Result<Table, Error> {
    let failed = |reason| Error::Format { file: file.to_string(), reason };
    let (header, stored) = parts(bytes).map_err(failed)?;
    let Header { kind, rows, cols, .. } = &header;
    if stored.is_empty() {
        return Err(Error::NoRows { file: file.to_string() });
    }
    let at = |i: usize, j: usize| if header.fortran { j * rows + i } else { i * cols + j };
    let value = |place: usize| kind.value(&stored[place * kind.size..][..kind.size]);
    let mut growth = Growth::new(*cols, memory);
    for i in 0..*rows {
        growth.push((0..*cols).map(|j| value(at(i, j))))?;
    }
    let columns = (1..=*cols).map(|number| (number.to_string(), None));
    Ok(Table::of_sheet(file, (growth.finish()?, 0), columns, false))
}

fn parse_array(bytes: &[u8]) -> Result<Array, String> {
    let (header, stored) = parts(bytes)?;
    let Header { kind, rows, cols, .. } = &header;
    let mut data: Vec<f64> = stored.chunks_exact(kind.size).map(|raw| kind.value(raw)).collect();
    if header.fortran {
        data = (0..data.len()).map(|at| data[at % cols * rows + at / cols]).collect();
    }
    let matrix = Matrix { rows: *rows, cols: *cols, data };
    Ok(Array { dims: header.dims, matrix })
}

/// Reads a file as single precision, holding nothing else of it.
///
/// # Errors
/// Those of [`read`].
pub fn read_f32(path: &Path) -> Result<Single, Error> {
    let file = path.display().to_string();
    let failed = |reason: String| Error::Format { file: file.clone(), reason };
    let unread =
        |error: std::io::Error| Error::Read { file: file.clone(), reason: error.to_string() };
    let mut source = std::io::BufReader::new(std::fs::File::open(path).map_err(unread)?);
    let mut start = Vec::new();
    source.by_ref().take(12).read_to_end(&mut start).map_err(unread)?;
    let length = prefix(&start).map_err(failed)?;
    let more = length.saturating_sub(start.len()) as u64;
    source.by_ref().take(more).read_to_end(&mut start).map_err(unread)?;
    let head = start.get(MAGIC.len() + 4..length).ok_or_else(|| failed(CUT.into()))?;
    let header = Header::parse(&String::from_utf8_lossy(head)).map_err(failed)?;
    let (rows, cols, width) = (header.rows, header.cols, header.kind.size);
    // The file itself bounds what is set aside.
    let there = std::fs::metadata(path).map_err(unread)?.len() as usize;
    if there.saturating_sub(length) < header.size {
        return Err(failed(header.cut(there.saturating_sub(length))));
    }
    let mut data = vec![0.0; rows * cols];
    let mut block = vec![0; 1 << 16];
    // A header of version 1 is longer than the twelve bytes, so the source stands at the values.
    for (k, part) in (0..header.size).step_by(block.len()).enumerate() {
        let bytes = &mut block[..(header.size - part).min(1 << 16)];
        source.read_exact(bytes).map_err(unread)?;
        let first = k * (1 << 16) / width;
        if let Kind { letter: b'f', size: 4, big_endian: false } = header.kind
            && !header.fortran
        {
            // As nearly all files are: nothing to ask of each number.
            for (to, &raw) in data[first..].iter_mut().zip(bytes.as_chunks().0) {
                *to = f32::from_le_bytes(raw);
            }
            continue;
        }
        for (i, raw) in bytes.chunks_exact(width).enumerate() {
            let at = first + i;
            let to = if header.fortran { at % rows * cols + at / rows } else { at };
            data[to] = header.kind.value(raw) as f32;
        }
    }
    Ok(Single { dims: header.dims, rows, cols, data })
}

/// An element type: `f`, `i`, `u` or `b`, its size in bytes and order.
struct Kind {
    letter: u8,
    size: usize,
    big_endian: bool,
}

impl Kind {
    fn parse(descr: &str) -> Result<Kind, String> {
        let (order, rest) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'=', rest),
        };
        let big_endian = order == b'>' || (order == b'=' && cfg!(target_endian = "big"));
        let (letter, size) = match rest {
            [b'b', b'1'] | [b'?'] => (b'b', 1),
            [letter @ (b'i' | b'u'), size @ (b'1' | b'2' | b'4' | b'8')]
            | [letter @ b'f', size @ (b'4' | b'8')] => (*letter, usize::from(*size - b'0')),
            _ => {
                return Err(format!(
                    "the array holds values of type '{descr}'; convert it to numbers first \
                     (f4, f8, i1 to i8, u1 to u8, bool)"
                ));
            }
        };
        Ok(Kind { letter, size, big_endian })
    }

    /// The number in `size` bytes.
    fn value(&self, raw: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..raw.len()].copy_from_slice(raw);
        if self.big_endian {
            word[..raw.len()].reverse();
        }
        let bits = u64::from_le_bytes(word);
        let unused = 64 - 8 * raw.len() as u32;
        match (self.letter, self.size) {
            (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
            (b'f', _) => f64::from_bits(bits),
            (b'i', _) => (((bits << unused) as i64) >> unused) as f64,
            (b'b', _) => f64::from(u8::from(bits != 0)),
            _ => bits as f64,
        }
    }
}

/// What follows `'key':` in the header, which is a Python dictionary.
fn entry<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| header.split_once(quoted.as_str()))
        .and_then(|(_, rest)| rest.trim_start().strip_prefix(':'))
        .map(str::trim_start)
        .ok_or_else(|| format!("the .npy header has no '{key}'; write the file again"))
}

fn string(text: &str) -> Result<&str, String> {
    let quoted = |quote| text.strip_prefix(quote)?.split_once(quote).map(|(inner, _)| inner);
    quoted('\'').or_else(|| quoted('"')).ok_or_else(|| {
        "the array holds records, not numbers; save one field of it at a time".to_string()
    })
}

fn dims(text: &str) -> Result<Vec<usize>, String> {
    let inner =
        text.strip_prefix('(').and_then(|text| text.split_once(')')).map(|(inner, _)| inner);
    let inner = inner.ok_or("'shape' in the .npy header is no tuple; write the file again")?;
    let parts = inner.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| part.trim_end_matches('L').parse())
        .collect::<Result<_, _>>()
        .map_err(|_| format!("'shape' in the .npy header is ({inner}); write the file again"))
}

#[cfg(test)]
#[path = "npy_tests.rs"]
mod tests;
