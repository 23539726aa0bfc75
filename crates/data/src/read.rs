//! From a path to a [`Table`]: which format it is, and what is packed with gzip.
//!
//! The content decides: gzip, NPY, Parquet and Arrow begin with their own signs; all else is text.

use crate::store::{Content, Memory};
use crate::text::{self, Header};
use crate::{Error, Table, npy, picture};
use std::io::Read;
use std::path::Path;

/// How to read a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Whether the first line names the columns.
    pub header: Header,
    /// The byte between fields; a blank stands for any run of spaces and tabs. `None`: a tab for
    /// `.tsv`, else whichever of `,` tab `;` `|` or blanks the first line uses.
    pub delimiter: Option<u8>,
    /// A file, and a table, that is larger than this stays, or goes, on the disk.
    pub memory: Memory,
}

/// Reads the table at `path`: CSV and its cousins, NPY (a column for each column of the array),
/// pictures as IDX (with the labels beside them), PNG or JPEG, and with the feature `parquet`
/// Parquet, Arrow IPC and Feather; each plain or packed with gzip. A folder is a table of its
/// pictures, labelled by its inner folders.
/// The path `-` is standard input.
///
/// # Errors
/// [`Error::Read`] for a file that cannot be read, and those of [`read_bytes`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table, Error> {
    if path == Path::new("-") {
        return read_csv(&mut std::io::stdin().lock(), "standard input", options);
    }
    if path.is_dir() {
        return picture::folder(path, &options.memory);
    }
    let content = |path: &Path| {
        let file = path.display().to_string();
        Ok((unpack(Content::of_file(path, &options.memory)?, &file, options)?, file))
    };
    let (bytes, file) = content(path)?;
    if bytes.starts_with(picture::IDX)
        && let Some(beside) = picture::labels_beside(path)
    {
        let (labels, beside) = content(&beside)?;
        return picture::idx(&bytes, Some((&labels, &beside)), &file, &options.memory);
    }
    table(bytes, &file, options)
}

/// Reads a table from a stream to its end, such as standard input; `file` is its name in
/// messages. All formats of [`read`] are known by their content.
///
/// # Errors
/// [`Error::Read`] when the stream fails, and those of [`read_bytes`].
pub fn read_csv(reader: &mut dyn Read, file: &str, options: &ReadOptions) -> Result<Table, Error> {
    let bytes = Content::of_stream(reader, file, &options.memory, |error| error.to_string())?;
    table(unpack(bytes, file, options)?, file, options)
}

/// Reads a table from the content of a file; `file` is its name in messages, and its extension
/// tells `.tsv`.
///
/// # Errors
/// [`Error::Empty`], [`Error::NoRows`], [`Error::Ragged`], [`Error::NotUtf8`],
/// [`Error::DuplicateColumn`] for texts; [`Error::Format`] for what is no table;
/// [`Error::NeedsFeature`] for Parquet and Arrow in a build without them; [`Error::Read`] for
/// damaged gzip; [`Error::Write`] where a table that is too large for memory has no room.
pub fn read_bytes(bytes: &[u8], file: &str, options: &ReadOptions) -> Result<Table, Error> {
    table(unpack(Content::Lent(bytes), file, options)?, file, options)
}

/// The table in content that is not packed.
fn table(bytes: Content, file: &str, options: &ReadOptions) -> Result<Table, Error> {
    let memory = &options.memory;
    if bytes.is_empty() {
        return Err(Error::Empty { file: file.to_string() });
    }
    let name = file.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if bytes.starts_with(npy::MAGIC) {
        return npy::table(&bytes, file, memory);
    }
    if bytes.starts_with(picture::IDX) {
        return picture::idx(&bytes, None, file, memory);
    }
    if bytes.starts_with(picture::PNG) || bytes.starts_with(picture::JPEG) {
        return picture::single(&bytes, file, memory);
    }
    if bytes.starts_with(b"PAR1") {
        return columnar(bytes, file, Columnar::Parquet, memory);
    }
    if bytes.starts_with(b"ARROW1") {
        return columnar(bytes, file, Columnar::ArrowFile, memory);
    }
    if bytes.starts_with(&[0xff; 4]) {
        return columnar(bytes, file, Columnar::ArrowStream, memory);
    }
    if let Some(reason) = foreign(&bytes, name) {
        return Err(Error::Format { file: file.to_string(), reason });
    }
    let tab = name.ends_with(".tsv").then_some(b'\t');
    text::parse(&bytes, file, (options.header, options.delimiter.or(tab)), memory)
}

/// The formats behind the feature `parquet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columnar {
    Parquet,
    ArrowFile,
    ArrowStream,
}

#[cfg(feature = "parquet")]
fn columnar(bytes: Content, file: &str, format: Columnar, memory: &Memory) -> Result<Table, Error> {
    crate::columnar::read(bytes, file, format, memory)
}

#[cfg(not(feature = "parquet"))]
fn columnar(_: Content, file: &str, format: Columnar, _: &Memory) -> Result<Table, Error> {
    let format = match format {
        Columnar::Parquet => "a Parquet table",
        Columnar::ArrowFile | Columnar::ArrowStream => "an Arrow table",
    };
    Err(Error::NeedsFeature { file: file.to_string(), format: format.to_string() })
}

fn unpack<'a>(bytes: Content<'a>, file: &str, options: &ReadOptions) -> Result<Content<'a>, Error> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut stream = flate2::read::MultiGzDecoder::new(&bytes[..]);
    Content::of_stream(&mut stream, file, &options.memory, |error| {
        format!("the gzip data is damaged or cut off ({error}); fetch it again")
    })
}

/// Why content without a known sign is no text, if it is none.
fn foreign(bytes: &[u8], name: &str) -> Option<String> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if bytes.starts_with(b"PK\x03\x04") {
        return Some("this is a zip archive (xlsx, npz); export the table as CSV".to_string());
    }
    if matches!(extension, "npy" | "parquet" | "arrow" | "feather" | "ipc") {
        return Some(format!("the content is not what the name .{extension} says; write it again"));
    }
    let utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !utf_16 && bytes[..bytes.len().min(8192)].contains(&0) {
        return Some(
            "this is binary and no table that matgrad knows; export it as CSV".to_string(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::io::Write;

    fn fails(bytes: &[u8], file: &str, message: Expect) {
        let error = read_bytes(bytes, file, &ReadOptions::default()).unwrap_err();
        message.assert_eq(&error.to_string());
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_known_by_its_content() {
        let text = b"a,b\n1,2\n";
        let plain = read_bytes(text, "t.csv", &ReadOptions::default()).unwrap();
        assert_eq!(read_bytes(&gzip(text), "t.csv", &ReadOptions::default()).unwrap(), plain);
        let tsv =
            read_bytes(&gzip(b"a,1\tb\n1\t2\n"), "t.TSV.gz", &ReadOptions::default()).unwrap();
        assert_eq!(tsv.columns[0].name, "a,1");
        let packed = gzip(text);
        fails(
            &packed[..packed.len() - 4],
            "t.csv.gz",
            expect![
                "t.csv.gz: cannot be read: the gzip data is damaged or cut off (unexpected end of file); fetch it again"
            ],
        );
    }

    /// Read from a file that is mapped, into one that is mapped: nothing is another.
    #[test]
    fn a_table_on_the_disk_is_the_one_in_memory() {
        let text = b"a\tb c\n1\tx\n2\ty\n?\tx\n".as_slice();
        let matrix = crate::Matrix::new(2, 2, vec![1.0, 2.0, 3.0, f64::NAN]).unwrap();
        let numbers = npy::to_bytes(&matrix, npy::Precision::F32);
        let picture = [&[0, 0, 8, 3], &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..], &[255, 51]];
        for bytes in [text, &gzip(text), b"a b\n1  2\n3 x\n", &numbers, &picture.concat()] {
            let path = crate::scratch(&format!("matgrad-disk-{}", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            let of = |most| {
                let memory = Memory { most, ..Memory::default() };
                read(&path, &ReadOptions { memory, ..ReadOptions::default() }).unwrap()
            };
            assert_eq!(format!("{:?}", of(0)), format!("{:?}", of(u64::MAX)));
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn what_is_no_table() {
        fails(
            b"",
            "e.csv",
            expect!["e.csv: the file is empty; a table needs at least one line of values"],
        );
        fails(
            b"PK\x03\x04....",
            "t.xlsx",
            expect!["t.xlsx: this is a zip archive (xlsx, npz); export the table as CSV"],
        );
        fails(
            b"1,2\n",
            "t.npy",
            expect!["t.npy: the content is not what the name .npy says; write it again"],
        );
        fails(
            b"\x7fELF\0\0",
            "t.csv",
            expect!["t.csv: this is binary and no table that matgrad knows; export it as CSV"],
        );
        fails(
            b"\xff\xfea\0",
            "t.csv",
            expect!["t.csv: the text is UTF-16; save the table as UTF-8"],
        );
        let missing = read(Path::new("no/such.csv"), &ReadOptions::default()).unwrap_err();
        assert!(missing.to_string().starts_with("no/such.csv: cannot be read: "), "{missing}");
    }

    #[cfg(not(feature = "parquet"))]
    #[test]
    fn needs_the_feature() {
        fails(
            b"PAR1....",
            "t.parquet",
            expect![
                "t.parquet: this is a Parquet table, which this build does not read; build with `--features parquet`, or export the table as CSV"
            ],
        );
        fails(
            b"ARROW1..",
            "t.feather",
            expect![
                "t.feather: this is an Arrow table, which this build does not read; build with `--features parquet`, or export the table as CSV"
            ],
        );
    }

    #[test]
    fn npy_tables() {
        let matrix = crate::Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let bytes = npy::to_bytes(&matrix, npy::Precision::F64);
        let table = read_bytes(&bytes, "t.npy", &ReadOptions::default()).unwrap();
        assert_eq!((table.rows, table.columns.len(), table.named), (2, 2, false));
        assert_eq!(table.place(1), "row 2");
        let empty = npy::to_bytes(&crate::Matrix::zeros(0, 2), npy::Precision::F64);
        assert!(matches!(
            read_bytes(&empty, "t.npy", &ReadOptions::default()),
            Err(Error::NoRows { .. })
        ));
    }
}
