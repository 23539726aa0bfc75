//! The one table that every reader fills: columns of numbers or of categories.
//!
//! A missing value is `NaN` among numbers and `None` among categories. A column of booleans
//! (`true`/`false` or `yes`/`no`, in one spelling) is a column of two categories; as an input it
//! becomes one column of 0 and 1, as a target two classes with the words as labels.

use crate::error::show_names;
use crate::sheet::{Cells, Codes, Sheet};
use crate::{Error, Matrix};
use std::collections::HashMap;
use std::sync::Arc;

/// Columns of equal length, with what messages need to point at a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The path the table came from, or `standard input`.
    pub file: String,
    /// The columns, each with `rows` values.
    pub columns: Vec<Column>,
    /// The number of rows.
    pub rows: usize,
    /// Whether the columns have names of their own; else they are called `1`, `2`, ….
    pub named: bool,
    /// The line each row began on, from 1; `None` for binary tables.
    pub lines: Option<Cells>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name from the header, or the number of the column from 1.
    pub name: String,
    /// One value for each row.
    pub values: Values,
}

/// The values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; `NaN` is missing. They may be infinite: [`crate::Encoder`] refuses those, with
    /// line and column, in the columns it uses.
    Numbers(Cells),
    /// Words.
    Categories {
        /// The different words, sorted: as numbers if all are numbers, else as text.
        levels: Vec<String>,
        /// The index in `levels` of each row's word; `None` is missing.
        codes: Codes,
    },
}

impl Values {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(numbers) => numbers.len(),
            Values::Categories { codes, .. } => codes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// The index (from 0) of a column given by name or, if no column is called that, by number
    /// from 1.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], with the name that is spelt most like `name`.
    pub fn column(&self, name: &str) -> Result<usize, Error> {
        let name = name.trim();
        if let Some(index) = self.columns.iter().position(|column| column.name == name) {
            return Ok(index);
        }
        match name.parse::<usize>() {
            Ok(number) if (1..=self.columns.len()).contains(&number) => Ok(number - 1),
            _ => Err(Error::UnknownColumn {
                file: self.file.clone(),
                name: name.to_string(),
                nearest: self.nearest(name),
                columns: self.show_columns(),
            }),
        }
    }

    /// Where a row came from: `line 7` of a text, `row 7` of a binary table.
    pub fn place(&self, row: usize) -> String {
        match self.lines.as_ref().and_then(|lines| lines.get(row)) {
            Some(line) => format!("line {line}"),
            None => format!("row {}", row + 1),
        }
    }

    /// A number for each row that says which rows have equal values in `column`, for
    /// [`crate::split`]; rows without a value share the last number. A column outside the table
    /// puts all rows together.
    pub fn strata(&self, column: usize) -> Vec<usize> {
        match self.columns.get(column).map(|column| &column.values) {
            None => vec![0; self.rows],
            Some(Values::Categories { levels, codes }) => {
                codes.iter().map(|code| code.unwrap_or(levels.len())).collect()
            }
            Some(Values::Numbers(numbers)) => {
                let distinct = distinct(numbers.iter());
                let find = |x: f64| distinct.binary_search_by(|y| y.total_cmp(&(x + 0.0)));
                numbers.iter().map(|x| find(x).unwrap_or(distinct.len())).collect()
            }
        }
    }

    /// A table of a matrix: columns `1`, `2`, … of numbers.
    pub fn from_matrix(matrix: &Matrix, file: &str) -> Table {
        let columns = (0..matrix.cols)
            .map(|j| Column {
                name: (j + 1).to_string(),
                values: Values::Numbers(matrix.column(j).into()),
            })
            .collect();
        Table { file: file.to_string(), columns, rows: matrix.rows, named: false, lines: None }
    }

    /// A table of the rows of a sheet from this one on: a name, and for words their levels, for
    /// each of its columns. One column more than names holds the lines.
    pub(crate) fn of_sheet(
        file: &str,
        (sheet, from): (Sheet, usize),
        columns: impl IntoIterator<Item = (String, Option<Vec<String>>)>,
        named: bool,
    ) -> Table {
        let (rows, sheet) = (sheet.rows - from, Arc::new(sheet));
        let cells = |column| Cells::new(&sheet, column, from);
        let columns = columns.into_iter().enumerate().map(|(k, (name, levels))| {
            let values = match levels {
                None => Values::Numbers(cells(k)),
                Some(levels) => Values::Categories { levels, codes: Codes(cells(k)) },
            };
            Column { name, values }
        });
        let columns: Vec<Column> = columns.collect();
        let lines = (columns.len() < sheet.cols).then(|| cells(columns.len()));
        Table { file: file.to_string(), columns, rows, named, lines }
    }

    /// The column of a model's training table in this one, by name.
    pub(crate) fn required(&self, name: &str) -> Result<usize, Error> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            Error::MissingColumn {
                file: self.file.clone(),
                name: name.to_string(),
                nearest: self.nearest(name),
                columns: self.show_columns(),
            }
        })
    }

    pub(crate) fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| &column.name)
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let wanted = name.to_lowercase();
        let length = wanted.chars().count();
        self.columns
            .iter()
            .filter(|_| self.named)
            .map(|column| {
                (strsim::damerau_levenshtein(&wanted, &column.name.to_lowercase()), column)
            })
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, _)| *distance <= (length / 2).max(2) && *distance < length)
            .map(|(_, column)| column.name.clone())
    }

    fn show_columns(&self) -> String {
        if self.named {
            let names: Vec<String> =
                self.columns.iter().map(|column| column.name.clone()).collect();
            format!("The columns are {}", show_names(&names))
        } else {
            format!("The columns have no names and are numbered 1 to {}", self.columns.len())
        }
    }
}

/// Gathers the words of a column, each kept once.
#[derive(Default)]
pub(crate) struct Words {
    index: HashMap<Box<[u8]>, usize>,
    words: Vec<String>,
}

impl Words {
    /// What stands for a word, or for none, until [`Words::finish`].
    pub(crate) fn code(&mut self, word: Option<&[u8]>) -> f64 {
        let Some(word) = word else { return f64::NAN };
        let code = match self.index.get(word) {
            Some(&code) => code,
            None => {
                let code = self.words.len();
                self.index.insert(word.into(), code);
                self.words.push(String::from_utf8_lossy(word).into_owned());
                code
            }
        };
        code as f64
    }

    /// The levels, sorted, and the place of each code among them.
    fn sorted(self) -> (Vec<String>, Vec<f64>) {
        let words = self.words;
        let mut order: Vec<usize> = (0..words.len()).collect();
        match words.iter().map(|word| number(word.as_bytes())).collect::<Option<Vec<f64>>>() {
            Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
            None => order.sort_by(|&a, &b| words[a].cmp(&words[b])),
        }
        let mut rank = vec![0.0; words.len()];
        for (place, &word) in order.iter().enumerate() {
            rank[word] = place as f64;
        }
        (order.into_iter().map(|word| words[word].clone()).collect(), rank)
    }

    /// The sorted levels of the columns that have words; the codes of their rows from this one on
    /// become places among them.
    pub(crate) fn finish(
        words: Vec<Option<Words>>,
        sheet: &mut Sheet,
        from: usize,
    ) -> Vec<Option<Vec<String>>> {
        let sorted = words.into_iter().map(|words| words.map(Words::sorted).unzip());
        let (levels, ranks): (Vec<_>, Vec<_>) = sorted.unzip();
        let ranks =
            ranks.iter().enumerate().filter_map(|(column, rank)| Some((column, rank.as_ref()?)));
        let ranks: Vec<(usize, &Vec<f64>)> = ranks.collect();
        for row in from..sheet.rows {
            for &(column, rank) in &ranks {
                let code = sheet.get(row, column);
                if !code.is_nan() {
                    sheet.set(row, column, rank[code as usize]);
                }
            }
        }
        levels
    }
}

/// Whether a trimmed field stands for a missing value: `?`, nothing, `NA`, `NaN`, in any case.
pub(crate) fn is_missing(field: &[u8]) -> bool {
    field.is_empty()
        || field == b"?"
        || field.eq_ignore_ascii_case(b"na")
        || field.eq_ignore_ascii_case(b"nan")
}

/// The number a trimmed field spells, if it does.
pub(crate) fn number(field: &[u8]) -> Option<f64> {
    // Words are turned away by their first byte; `inf` and `nan` are numbers.
    match field.first()? {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I' | b'n' | b'N' => {
            std::str::from_utf8(field).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// The different numbers, ascending, without `NaN`; −0 is 0.
pub(crate) fn distinct(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut found: Vec<f64> = Vec::new();
    let sort = |found: &mut Vec<f64>| {
        found.sort_by(f64::total_cmp);
        found.dedup();
    };
    // Now and then, so that a long column of few numbers is not held as a whole.
    let mut full = 1 << 16;
    for x in numbers.filter(|x| !x.is_nan()) {
        found.push(x + 0.0);
        if found.len() == full {
            sort(&mut found);
            full = (2 * found.len()).max(1 << 16);
        }
    }
    sort(&mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::sheet::Growth;
    use expect_test::expect;

    fn table() -> Table {
        let matrix = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, f64::NAN]).unwrap();
        let mut table = Table::from_matrix(&matrix, "t.csv");
        table.columns[0].name = "sepal length".to_string();
        table.columns[1].name = "species".to_string();
        table.named = true;
        table
    }

    #[test]
    fn columns_by_name_and_number() {
        let table = table();
        assert_eq!(table.column("species").unwrap(), 1);
        assert_eq!(table.column(" 1 ").unwrap(), 0);
        expect![[r#"t.csv: there is no column "specise"; did you mean "species"? The columns are "sepal length", "species""#]]
        .assert_eq(&table.column("specise").unwrap_err().to_string());
        expect![[r#"t.csv: there is no column "3". The columns are "sepal length", "species""#]]
            .assert_eq(&table.column("3").unwrap_err().to_string());
        expect![[r#"t.csv: the model needs the column "Species", which the table does not have; did you mean "species"? The columns are "sepal length", "species""#]]
        .assert_eq(&table.required("Species").unwrap_err().to_string());
        let unnamed = Table::from_matrix(&Matrix::zeros(1, 2), "x.npy");
        expect![[
            r#"x.npy: there is no column "9". The columns have no names and are numbered 1 to 2"#
        ]]
        .assert_eq(&unnamed.column("9").unwrap_err().to_string());
    }

    #[test]
    fn strata() {
        let matrix = Matrix::new(4, 1, vec![3.0, 1.0, f64::NAN, 3.0]).unwrap();
        assert_eq!(Table::from_matrix(&matrix, "t").strata(0), [1, 0, 2, 1]);
        assert_eq!(Table::from_matrix(&matrix, "t").strata(9), [0; 4]);
    }

    #[test]
    fn levels_are_sorted() {
        let levels = |words: &[&str]| {
            let mut gathered = Words::default();
            let mut growth = Growth::new(1, &Memory::default());
            for word in words {
                growth.push([gathered.code(Some(word.as_bytes()))]).unwrap();
            }
            let mut sheet = growth.finish().unwrap();
            let mut levels = Words::finish(vec![Some(gathered)], &mut sheet, 0);
            (levels.remove(0).unwrap(), Cells::new(&Arc::new(sheet), 0, 0))
        };
        assert_eq!(levels(&["10", "9", "10"]).0, ["9", "10"]);
        assert_eq!(levels(&["10", "9", "b"]).0, ["10", "9", "b"]);
        assert_eq!(levels(&["z", "a", "z"]).1, Cells::from(vec![1.0, 0.0, 1.0]));
    }
}
