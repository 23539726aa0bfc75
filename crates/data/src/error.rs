//! What can go wrong between a file and its matrices.
//!
//! Every message begins with the place (file, line, column), says what is wrong there, and ends
//! with what to do about it.

use thiserror::Error;

/// A table, an array file or a schema that cannot be used.
///
/// `file` is the path as it was given (or `standard input`), `place` is `line 7` for text and
/// `row 7` for binary tables, and lines, rows and columns count from 1.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read to its end.
    #[error("{file}: cannot be read: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the operating system or the decompressor said.
        reason: String,
    },
    /// The file could not be written.
    #[error("{file}: cannot be written: {reason}")]
    Write {
        /// The file.
        file: String,
        /// What the operating system said.
        reason: String,
    },
    /// The content is no table that this crate reads.
    #[error("{file}: {reason}")]
    Format {
        /// The file.
        file: String,
        /// What was found, and what to do.
        reason: String,
    },
    /// Parquet and Arrow are an optional feature of the build.
    #[error(
        "{file}: this is {format}, which this build does not read; \
         build with `--features parquet`, or export the table as CSV"
    )]
    NeedsFeature {
        /// The file.
        file: String,
        /// `a Parquet table`, `an Arrow table`.
        format: String,
    },
    /// There is nothing in the file.
    #[error("{file}: the file is empty; a table needs at least one line of values")]
    Empty {
        /// The file.
        file: String,
    },
    /// There is a header and nothing below it.
    #[error(
        "{file}: the table has column names but no rows; \
         if its first line is data, put the names above it, or train with --no-header"
    )]
    NoRows {
        /// The file.
        file: String,
    },
    /// A line has more or fewer fields than the first one.
    #[error(
        "{file}, line {line}: {found} {}, but line {first} has {expected}; \
         look for a missing or an extra delimiter, or quote the field that contains it",
        if *found == 1 { "field" } else { "fields" }
    )]
    Ragged {
        /// The file.
        file: String,
        /// The line at fault.
        line: usize,
        /// Its number of fields.
        found: usize,
        /// The line that set the number of fields.
        first: usize,
        /// The number of fields of that line.
        expected: usize,
    },
    /// A quote that is opened and never closed, so that all the rest is one field.
    #[error(
        "{file}, line {line}: a quote is opened here and never closed; close it, or leave it out"
    )]
    OpenQuote {
        /// The file.
        file: String,
        /// The line of the quote.
        line: usize,
    },
    /// Text that is not UTF-8.
    #[error("{file}, line {line}, column {column}: the text is not UTF-8; save the table as UTF-8")]
    NotUtf8 {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Two columns have one name.
    #[error(
        "{file}: columns {first} and {second} are both named \"{name}\"; \
         rename one, or read with --no-header if the first line is data"
    )]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
        /// The first column of that name, from 1.
        first: usize,
        /// The second.
        second: usize,
    },
    /// A column was asked for that the table does not have.
    #[error("{file}: there is no column \"{name}\"{} {columns}", suggestion(.nearest.as_deref()))]
    UnknownColumn {
        /// The file.
        file: String,
        /// What was asked for.
        name: String,
        /// The name that is spelt most like it.
        nearest: Option<String>,
        /// The columns there are, as a sentence.
        columns: String,
    },
    /// A column the model was trained on is not in the table.
    #[error(
        "{file}: the model needs the column \"{name}\", which the table does not have{} {columns}",
        suggestion(.nearest.as_deref())
    )]
    MissingColumn {
        /// The file.
        file: String,
        /// The column of the training table.
        name: String,
        /// The name that is spelt most like it.
        nearest: Option<String>,
        /// The columns there are, as a sentence.
        columns: String,
    },
    /// A table read by position has too few columns.
    #[error(
        "{file}: the model was trained on {expected} columns ({targets} of them targets, which may \
         be left out), but the table has {found}; without names on both sides columns go by \
         position, so give all of them in that order"
    )]
    ColumnCount {
        /// The file.
        file: String,
        /// Columns of this table.
        found: usize,
        /// Columns of the training table.
        expected: usize,
        /// Targets among them.
        targets: usize,
    },
    /// A value is infinite, or so large that it reads as infinite.
    #[error(
        "{file}, {place}, column {column}: the value is infinite; \
         correct it, or leave it empty if it is unknown"
    )]
    Infinite {
        /// The file.
        file: String,
        /// The line or row.
        place: String,
        /// The column.
        column: String,
    },
    /// A word stands in a column of numbers.
    #[error(
        "{file}, {place}, column {column}: \"{text}\" is not a number; \
         correct it, or leave it empty if it is unknown"
    )]
    NotANumber {
        /// The file.
        file: String,
        /// The line or row.
        place: String,
        /// The column.
        column: String,
        /// The word.
        text: String,
    },
    /// A row has no target value.
    #[error(
        "{file}, {place}, column {column}: the target is missing; \
         remove the row, or allow missing targets"
    )]
    MissingTarget {
        /// The file.
        file: String,
        /// The line or row.
        place: String,
        /// The column.
        column: String,
    },
    /// All training rows are of one class.
    #[error(
        "{file}, column {column}: every training row is of the class \"{label}\", so there is \
         nothing to learn; choose another target column, or more rows"
    )]
    OneClass {
        /// The file.
        file: String,
        /// The target column.
        column: String,
        /// The only class.
        label: String,
    },
    /// A class that was not among the training rows.
    #[error(
        "{file}, {place}, column {column}: the class \"{label}\" was not among the training rows, \
         which had {known}; correct it, or train with rows of that class"
    )]
    UnknownClass {
        /// The file.
        file: String,
        /// The line or row.
        place: String,
        /// The target column.
        column: String,
        /// The class.
        label: String,
        /// The classes of the training rows.
        known: String,
    },
    /// Classes can only come from one column.
    #[error(
        "{file}: {count} target columns were given, of which {column} holds classes; \
         classes come from one column, several targets must all be numbers"
    )]
    SeveralClassTargets {
        /// The file.
        file: String,
        /// How many targets were given.
        count: usize,
        /// One that holds classes.
        column: String,
    },
    /// No target column was given.
    #[error("{file}: no target column was given; name at least one")]
    NoTarget {
        /// The file.
        file: String,
    },
    /// No input column is left.
    #[error("{file}: no input column is left; the table needs a column that is not a target")]
    NoInput {
        /// The file.
        file: String,
    },
    /// No training row was given, or none has a target.
    #[error("{file}: there are no training rows with a target; give more rows")]
    NoTrainingRows {
        /// The file.
        file: String,
    },
    /// A row number outside the table.
    #[error("{file}: row {row} was asked for, but the table has {rows}; ask for a row it has")]
    RowOutside {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// The rows there are.
        rows: usize,
    },
    /// A matrix whose number of values is not rows × columns.
    #[error("a matrix of {rows}×{cols} has no place for {found} values; give one for each element")]
    Shape {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Values given.
        found: usize,
    },
    /// A stored schema that cannot be read.
    #[error(
        "the table schema of the model: {what}; \
         the model file is damaged or of another version, train it again"
    )]
    Schema {
        /// What is missing or wrong, and where in the JSON.
        what: String,
    },
    /// A network for wider tables than there are.
    #[error("a table of {count} columns is wanted; the most are {}", crate::schema::MOST_COLUMNS)]
    Columns {
        /// How many.
        count: usize,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| ".".to_string(), |name| format!("; did you mean \"{name}\"?"))
}

/// A column in a message: the bare number when it has no name, else the name in quotes.
pub(crate) fn show_column(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        name.to_string()
    } else {
        format!("\"{name}\"")
    }
}

/// A few names for a message, quoted, the rest counted.
pub(crate) fn show_names(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text =
        names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
