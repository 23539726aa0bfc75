//! CSV and its cousins: delimiter, header, numbers and words from text.
//!
//! The text is gone through once for numbers; the columns in which a word turned up are gone
//! through again for their words. Nothing is allocated for a cell.

use crate::sheet::{Growth, Sheet};
use crate::store::{Content, Memory};
use crate::table::{Words, is_missing, number};
use crate::{Error, Growing, Table};
use csv::{ByteRecord, Reader, ReaderBuilder};

/// Whether the first line holds the names of the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// Look: the first line is a header if none of its fields is a number or a missing value, and
    /// a column that has a name there holds only numbers below; or, in a table of nothing but
    /// words, if its fields are all different and none turns up again in its own column. Beside
    /// words, columns may be named 0, 1, 2, … by their places, as pandas does.
    #[default]
    Auto,
    /// It does.
    Present,
    /// It does not; columns are called `1`, `2`, ….
    Absent,
}

/// The table in a text.
pub(crate) fn parse(
    data: &[u8],
    file: &str,
    (header, delimiter): (Header, Option<u8>),
    memory: &Memory,
) -> Result<Table, Error> {
    if data.starts_with(&[0xff, 0xfe]) || data.starts_with(&[0xfe, 0xff]) {
        let reason = "the text is UTF-16; save the table as UTF-8".to_string();
        return Err(Error::Format { file: file.to_string(), reason });
    }
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let delimiter = delimiter.unwrap_or_else(|| sniff(data));
    let data = if delimiter == b' ' { single_blanks(data, memory)? } else { Content::Lent(data) };
    let source = Source { data: &data, delimiter, file };

    let (numbers, mut sheet) = source.numbers(memory)?;
    let present = match header {
        Header::Present => true,
        Header::Absent => false,
        Header::Auto => source.looks_like_header(&numbers)?,
    };
    let skipped = usize::from(present);
    if sheet.rows == skipped {
        return Err(Error::NoRows { file: file.to_string() });
    }
    let names = source.names(&numbers, present)?;
    let levels = source.words(&numbers, &mut sheet, skipped)?;
    Ok(Table::of_sheet(file, (sheet, skipped), names.into_iter().zip(levels), present))
}

/// A text and how to cut it.
struct Source<'a> {
    data: &'a [u8],
    delimiter: u8,
    file: &'a str,
}

/// What the first pass finds, beside the numbers.
struct Numbers {
    columns: Vec<NumberColumn>,
    first: ByteRecord,
    first_line: usize,
}

/// Whether a column is one of numbers.
#[derive(Default)]
struct NumberColumn {
    word_first: bool,
    word_below: bool,
    number_below: bool,
}

impl Source<'_> {
    fn reader(&self) -> Reader<&[u8]> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(self.data)
    }

    /// Calls `visit` with every record that is not blank, its index and its line.
    fn records(
        &self,
        mut visit: impl FnMut(&ByteRecord, usize, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut reader = self.reader();
        let mut record = ByteRecord::new();
        let (mut index, mut line, mut counted) = (0, 1, 0);
        loop {
            let more = reader.read_byte_record(&mut record).map_err(|error| Error::Read {
                file: self.file.to_string(),
                reason: error.to_string(),
            })?;
            if !more {
                return Ok(());
            }
            // The reader's own line is one off after CRLF and blank lines, so lines are counted.
            let start = record.position().map_or(0, |position| position.byte() as usize);
            let start = start.max(counted).min(self.data.len());
            let blank = self.data[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let start = start + blank.count();
            line += line_ends(&self.data[counted..start]);
            counted = start;
            let end = (reader.position().byte() as usize).min(self.data.len());
            let last = self.data[end..].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if let Some(at) =
                last.then(|| open_quote(&self.data[start..], self.delimiter)).flatten()
            {
                let line = line + line_ends(&self.data[start..start + at]);
                return Err(Error::OpenQuote { file: self.file.to_string(), line });
            }
            if record.len() == 1 && field(&record[0]).is_empty() {
                continue;
            }
            visit(&record, index, line)?;
            index += 1;
        }
    }

    /// The first pass: every record as numbers, with its line in a further column.
    fn numbers(&self, memory: &Memory) -> Result<(Numbers, Sheet), Error> {
        let mut found = Numbers { columns: vec![], first: ByteRecord::new(), first_line: 0 };
        let mut growth = None;
        self.records(|record, index, line| {
            if index == 0 {
                (found.first, found.first_line) = (record.clone(), line);
                found.columns.resize_with(record.len(), NumberColumn::default);
            }
            if record.len() != found.columns.len() {
                return Err(Error::Ragged {
                    file: self.file.to_string(),
                    line,
                    found: record.len(),
                    first: found.first_line,
                    expected: found.columns.len(),
                });
            }
            let growth = growth.get_or_insert_with(|| Growth::new(record.len() + 1, memory));
            let fields = found.columns.iter_mut().zip(record);
            let fields = fields.map(|(column, text)| column.number(field(text), index == 0));
            growth.push(fields.chain([line as f64]))
        })?;
        let growth = growth.ok_or_else(|| Error::Empty { file: self.file.to_string() })?;
        Ok((found, growth.finish()?))
    }

    fn looks_like_header(&self, numbers: &Numbers) -> Result<bool, Error> {
        let first: Vec<&[u8]> = numbers.first.iter().map(field).collect();
        let data = |text: &[u8]| number(text).is_some() || (!text.is_empty() && is_missing(text));
        let counted = |(i, text): (usize, &&[u8])| !data(text) || number(text) == Some(i as f64);
        if !first.iter().enumerate().all(counted) || first.iter().all(|text| data(text)) {
            return Ok(false);
        }
        let above_numbers = |(column, text): (&NumberColumn, &&[u8])| {
            !text.is_empty() && !data(text) && column.number_below && !column.word_below
        };
        if numbers.columns.iter().zip(&first).any(above_numbers) {
            return Ok(true);
        }
        let mut sorted = first.clone();
        sorted.sort_unstable();
        if first.contains(&&b""[..]) || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(false);
        }
        let mut again = false;
        self.records(|record, index, _| {
            let same = |(text, name): (&[u8], &&[u8])| text == *name && !data(name);
            again |= index > 0 && record.iter().map(field).zip(&first).any(same);
            Ok(())
        })?;
        Ok(!again)
    }

    fn names(&self, numbers: &Numbers, present: bool) -> Result<Vec<String>, Error> {
        let first = &numbers.first;
        let number = |index: usize| (index + 1).to_string();
        if !present {
            return Ok((0..first.len()).map(number).collect());
        }
        let mut seen = std::collections::HashMap::new();
        let mut names = Vec::with_capacity(first.len());
        for (index, text) in first.iter().map(field).enumerate() {
            let name = match text {
                b"" => number(index),
                text => std::str::from_utf8(text)
                    .map_err(|_| Error::NotUtf8 {
                        file: self.file.to_string(),
                        line: numbers.first_line,
                        column: index + 1,
                    })?
                    .to_string(),
            };
            if let Some(earlier) = seen.insert(name.clone(), index) {
                return Err(Error::DuplicateColumn {
                    file: self.file.to_string(),
                    name,
                    first: earlier + 1,
                    second: index + 1,
                });
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The second pass: the columns that are not numbers; their levels.
    fn words(
        &self,
        numbers: &Numbers,
        sheet: &mut Sheet,
        skipped: usize,
    ) -> Result<Vec<Option<Vec<String>>>, Error> {
        let mut words: Vec<Option<Words>> = numbers
            .columns
            .iter()
            .map(|column| column.word_below || (skipped == 0 && column.word_first))
            .map(|is_words| is_words.then(Words::default))
            .collect();
        if words.iter().any(Option::is_some) {
            self.records(|record, index, line| {
                for (column, words) in words.iter_mut().enumerate() {
                    let Some(words) = words else { continue };
                    let text = field(&record[column]);
                    if index < skipped {
                        continue;
                    }
                    if !text.is_ascii() && std::str::from_utf8(text).is_err() {
                        let file = self.file.to_string();
                        return Err(Error::NotUtf8 { file, line, column: column + 1 });
                    }
                    let code = words.code((!is_missing(text)).then_some(text));
                    sheet.set(index, column, code);
                }
                Ok(())
            })?;
        }
        Ok(Words::finish(words, sheet, skipped))
    }
}

impl NumberColumn {
    /// The number in a field; `NaN` for a word, which is kept in mind, and for none.
    fn number(&mut self, text: &[u8], is_first: bool) -> f64 {
        if self.word_below {
            return f64::NAN;
        }
        let value = if is_missing(text) {
            Some(f64::NAN)
        } else {
            let value = number(text);
            self.number_below |= !is_first && value.is_some();
            value
        };
        self.word_first |= is_first && value.is_none();
        self.word_below |= !is_first && value.is_none();
        value.unwrap_or(f64::NAN)
    }
}

/// A field without the spaces around it, nor the quotes that a space before them kept.
fn field(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match text {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        _ => text,
    }
}

/// Where the quote is in a record that its end does not close.
fn open_quote(record: &[u8], delimiter: u8) -> Option<usize> {
    let (mut open, mut begins) = (None, true);
    let mut bytes = record.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match open {
            None if begins && byte == b'"' => open = Some(at),
            None => begins = byte == delimiter || matches!(byte, b'\r' | b'\n'),
            // Two quotes are one that is meant.
            Some(_) if byte == b'"' && record.get(at + 1) == Some(&b'"') => drop(bytes.next()),
            Some(_) if byte == b'"' => (open, begins) = (None, false),
            Some(_) => {}
        }
    }
    open
}

/// Line ends in a text: LF, CRLF or CR.
fn line_ends(text: &[u8]) -> usize {
    let lone_cr = |(i, &byte): (usize, &u8)| byte == b'\r' && text.get(i + 1) != Some(&b'\n');
    let lf = text.iter().filter(|&&byte| byte == b'\n').count();
    lf + if text.contains(&b'\r') {
        text.iter().enumerate().filter(|&x| lone_cr(x)).count()
    } else {
        0
    }
}

/// The delimiter: of `,` tab `;` `|` one that the first two lines have equally often, else the
/// most frequent of the first line; if it has none, and both lines have equally many runs of
/// blanks, a blank.
fn sniff(data: &[u8]) -> u8 {
    let head = &data[..data.len().min(1 << 20)];
    let mut lines = head
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    let mut best = (false, 0, b',');
    for delimiter in [b',', b'\t', b';', b'|'] {
        let count = unquoted(first, delimiter);
        let agrees = count > 0 && count == unquoted(second, delimiter);
        if (agrees, count) > (best.0, best.1) {
            best = (agrees, count, delimiter);
        }
    }
    let runs =
        |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|run| !run.is_empty()).count();
    if best.1 == 0 && runs(first) > 1 && runs(first) == runs(second) { b' ' } else { best.2 }
}

/// How often a delimiter stands outside quotes.
fn unquoted(line: &[u8], delimiter: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for &byte in line {
        quoted ^= byte == b'"';
        count += usize::from(!quoted && byte == delimiter);
    }
    count
}

/// Every run of spaces and tabs outside quotes as one space, none at the ends of lines.
fn single_blanks(data: &[u8], memory: &Memory) -> Result<Content<'static>, Error> {
    let mut text = Growing::new(memory);
    let (mut quoted, mut blank, mut last) = (false, false, b'\n');
    for part in data.chunks(1 << 16) {
        let mut kept = Vec::with_capacity(part.len() + 1);
        for &byte in part {
            quoted ^= byte == b'"';
            if !quoted && matches!(byte, b' ' | b'\t') {
                blank = true;
                continue;
            }
            if blank && !matches!(byte, b'\n' | b'\r') && !matches!(last, b'\n' | b'\r') {
                kept.push(b' ');
            }
            (blank, last) = (false, byte);
            kept.push(byte);
        }
        text.extend(&kept)?;
    }
    Ok(Content::Held(text.finish()?))
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
