//! Parquet and Arrow (IPC file, stream, Feather 2) tables; only with the feature `parquet`.
//!
//! Types are kept as they are declared: integers, decimals and floats are numbers (null and NaN
//! missing), text, dictionaries and booleans are categories (null, and what is missing in CSV).
//! All else that Arrow can write as text, such as dates, becomes categories as well.

use crate::read::Columnar;
use crate::sheet::Growth;
use crate::store::Content;
use crate::table::{Words, is_missing};
use crate::{Error, Memory, Store, Table};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::Cursor;
use std::sync::Arc;

/// The table in the content of a file, batch by batch.
pub(crate) fn read(
    content: Content,
    file: &str,
    format: Columnar,
    memory: &Memory,
) -> Result<Table, Error> {
    let damaged = |error: ArrowError| Error::Read {
        file: file.to_string(),
        reason: format!("the table is damaged, or uses what is not supported ({error})"),
    };
    let bytes = match content {
        Content::Lent(bytes) => Bytes::copy_from_slice(bytes),
        Content::Held(bytes) => Bytes::from_owner(Owned(bytes)),
        Content::Mapped(map) => Bytes::from_owner(map),
    };
    type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;
    let (schema, batches): (_, Batches) = match format {
        Columnar::Parquet => {
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)
                .map_err(|error| damaged(error.into()))?;
            let schema = builder.schema().clone();
            (schema, Box::new(builder.build().map_err(|error| damaged(error.into()))?))
        }
        Columnar::ArrowFile => {
            let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(damaged)?;
            (reader.schema(), Box::new(reader))
        }
        Columnar::ArrowStream => {
            let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(damaged)?;
            (reader.schema(), Box::new(reader))
        }
    };
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    for (index, field) in schema.fields().iter().enumerate() {
        let name = field.name().trim().to_string();
        if let Some(first) = names.iter().position(|earlier| *earlier == name) {
            let (file, first, second) = (file.to_string(), first + 1, index + 1);
            return Err(Error::DuplicateColumn { file, name, first, second });
        }
        names.push(name);
    }
    let is_words = |field: &Arc<Field>| (!is_number(field.data_type())).then(Words::default);
    let mut words: Vec<Option<Words>> = schema.fields().iter().map(is_words).collect();
    let mut growth = Growth::new(names.len(), memory);
    for batch in batches {
        let batch = batch.map_err(damaged)?;
        let mut columns: Vec<Vec<f64>> = Vec::with_capacity(names.len());
        for (index, (array, words)) in batch.columns().iter().zip(&mut words).enumerate() {
            let cells = match words {
                None => numbers(array),
                Some(words) => codes(array, words),
            };
            columns.push(cells.map_err(|error| Error::Format {
                file: file.to_string(),
                reason: format!(
                    "column \"{}\" of type {} is neither numbers nor categories ({error}); \
                     leave it out when the table is written",
                    names[index],
                    array.data_type()
                ),
            })?);
        }
        for row in 0..batch.num_rows() {
            growth.push(columns.iter().map(|column| column[row]))?;
        }
    }
    let mut sheet = growth.finish()?;
    if sheet.rows == 0 {
        return Err(Error::NoRows { file: file.to_string() });
    }
    let levels = Words::finish(words, &mut sheet, 0);
    Ok(Table::of_sheet(file, (sheet, 0), names.into_iter().zip(levels), true))
}

/// Bytes as Parquet wants to have them.
struct Owned(Store<u8>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn is_number(kind: &DataType) -> bool {
    if let DataType::Dictionary(_, values) = kind {
        return is_number(values);
    }
    kind == &DataType::Null || kind.is_numeric()
}

fn numbers(array: &ArrayRef) -> Result<Vec<f64>, ArrowError> {
    let array = cast(array, &DataType::Float64)?;
    let numbers = array.as_primitive::<Float64Type>().iter();
    Ok(numbers.map(|x| x.unwrap_or(f64::NAN)).collect())
}

fn codes(array: &ArrayRef, words: &mut Words) -> Result<Vec<f64>, ArrowError> {
    let array = cast(array, &DataType::LargeUtf8)?;
    let codes = array.as_string::<i64>().iter().map(|word| {
        let word = word.map(|word| word.trim().as_bytes());
        words.code(word.filter(|word| !is_missing(word)))
    });
    Ok(codes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReadOptions, Values, read_bytes};
    use arrow::array::{
        BooleanArray, DictionaryArray, Float32Array, Int64Array, StringArray, StructArray,
    };
    use arrow::datatypes::Int32Type;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use arrow::ipc::{CompressionType, MetadataVersion};
    use expect_test::expect;
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;

    fn batch() -> RecordBatch {
        let colours: DictionaryArray<Int32Type> =
            [Some("red"), None, Some("blue")].into_iter().collect();
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(-3)])) as ArrayRef, true),
            ("x", Arc::new(Float32Array::from(vec![0.5, 1.5, f32::NAN])), true),
            ("good", Arc::new(BooleanArray::from(vec![true, false, true])), true),
            ("colour", Arc::new(colours), true),
            ("word", Arc::new(StringArray::from(vec![" 10", "?", "9"])), true),
        ])
        .unwrap()
    }

    fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn check(bytes: &[u8]) {
        let table = read_bytes(bytes, "t.bin", &ReadOptions::default()).unwrap();
        assert_eq!((table.rows, table.columns.len(), table.named), (6, 5, true));
        let memory = Memory { most: 0, ..Memory::default() };
        let on_disk = read_bytes(bytes, "t.bin", &ReadOptions { memory, ..Default::default() });
        assert_eq!(format!("{table:?}"), format!("{:?}", on_disk.unwrap()));
        let numbers = |column: usize| match &table.columns[column].values {
            Values::Numbers(numbers) => numbers.iter().map(|x| format!("{x} ")).collect::<String>(),
            Values::Categories { .. } => panic!("categories"),
        };
        let words = |column: usize| match &table.columns[column].values {
            Values::Numbers(_) => panic!("numbers"),
            Values::Categories { levels, codes } => {
                (levels.join(" "), codes.iter().take(3).collect::<Vec<_>>())
            }
        };
        assert_eq!(numbers(0), "1 NaN -3 1 NaN -3 ");
        assert_eq!(numbers(1), "0.5 1.5 NaN 0.5 1.5 NaN ");
        assert_eq!(words(2), ("false true".to_string(), vec![Some(1), Some(0), Some(1)]));
        assert_eq!(words(3), ("blue red".to_string(), vec![Some(1), None, Some(0)]));
        assert_eq!(words(4), ("9 10".to_string(), vec![Some(1), None, Some(0)]));
        assert_eq!(table.place(4), "row 5");
    }

    #[test]
    fn parquet_comes_back() {
        let (zstd, gzip) = (ZstdLevel::default(), GzipLevel::default());
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(zstd),
            Compression::GZIP(gzip),
            Compression::LZ4_RAW,
        ] {
            check(&parquet(&batch(), compression));
        }
    }

    #[test]
    fn arrow_comes_back() {
        let batch = batch();
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap();
            let options = options.try_with_compression(compression).unwrap();
            let mut bytes = Vec::new();
            let schema = batch.schema();
            let mut writer =
                FileWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
            writer.write(&batch).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            drop(writer);
            check(&bytes);
        }
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        check(&bytes);
    }

    #[test]
    fn messages() {
        let bytes = parquet(&batch(), Compression::SNAPPY);
        let error = read_bytes(&bytes[..200], "t.parquet", &ReadOptions::default()).unwrap_err();
        let message = error.to_string();
        let begin =
            "t.parquet: cannot be read: the table is damaged, or uses what is not supported";
        assert!(message.starts_with(begin), "{message}");
        let inner = Arc::new(Int64Array::from(vec![1])) as ArrayRef;
        let field = Arc::new(Field::new("a", DataType::Int64, false));
        let records = Arc::new(StructArray::from(vec![(field, inner)])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("pair", records)]).unwrap();
        let bytes = parquet(&batch, Compression::SNAPPY);
        let error = read_bytes(&bytes, "t.parquet", &ReadOptions::default()).unwrap_err();
        expect![[r#"t.parquet: column "pair" of type Struct("a": non-null Int64) is neither numbers nor categories (Cast error: Casting from Struct("a": non-null Int64) to LargeUtf8 not supported); leave it out when the table is written"#]].assert_eq(&error.to_string());
    }
}
