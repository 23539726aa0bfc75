//! One input column of the training table, and the columns of the matrix it becomes.
//!
//! Numbers become one scaled column, booleans one of 0 and 1, categories one for each level seen
//! in training (one-hot). A missing value is replaced by the training mean or the most frequent
//! level; on request a further column tells where that happened.

use crate::encoder::Missing;
use crate::error::show_column;
use crate::number::{Scale, Scaling, Summary, numbers};
use crate::sheet::height;
use crate::table::number;
use crate::{Error, Table, Values};
use std::collections::HashMap;

/// What was learnt about one input column.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What the column is called in the training table.
    pub name: String,
    /// The index in the training table.
    pub position: usize,
    /// How its values become matrix columns.
    pub code: Code,
    /// Whether a further column is 1 where the value was missing.
    pub indicator: bool,
}

/// How values become matrix columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Code {
    /// One column.
    Numbers {
        /// What stands for a missing value, before it is scaled.
        impute: f64,
        /// How it is scaled.
        scale: Scale,
    },
    /// One column of 0 and 1.
    Boolean {
        /// The words of 0 and 1; one alone is always 0.
        levels: Vec<String>,
        /// Which of them a missing value counts as.
        usual: usize,
    },
    /// A column for each level.
    Categories {
        /// The words.
        levels: Vec<String>,
        /// Which of them a missing value counts as.
        usual: usize,
    },
}

/// A value of a column of categories, seen from the levels that were learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Level(usize),
    Missing,
    Unseen,
}

/// What the training rows have in a column.
pub(crate) enum Found {
    Numbers(Summary),
    /// How often each level of the table occurs.
    Words(Vec<usize>),
}

impl Found {
    /// In each of these columns. All are gone through together, part of the rows by part, since the
    /// table may be larger than memory.
    pub(crate) fn all(
        table: &Table,
        columns: &[usize],
        rows: &[usize],
    ) -> Result<Vec<Found>, Error> {
        let empty = |&column: &usize| match table.columns.get(column).map(|c| &c.values) {
            Some(Values::Numbers(_)) | None => Found::Numbers(Summary::new()),
            Some(Values::Categories { levels, .. }) => Found::Words(vec![0; levels.len()]),
        };
        let mut all: Vec<Found> = columns.iter().map(empty).collect();
        for pass in 0..Summary::PASSES {
            for part in rows.chunks(height(table.columns.len())) {
                for (found, &column) in all.iter_mut().zip(columns) {
                    match found {
                        Found::Numbers(summary) => {
                            summary.add(pass, &numbers(table, column, part)?);
                        }
                        Found::Words(counts) if pass == 0 => count(table, column, part, counts),
                        Found::Words(_) => {}
                    }
                }
            }
            for found in &mut all {
                match found {
                    Found::Numbers(summary) => summary.end(pass),
                    Found::Words(_) => {}
                }
            }
        }
        Ok(all)
    }
}

impl Input {
    /// The column, by what was found in so many training rows; what is worth a warning, and constant
    /// columns with their values.
    pub(crate) fn fit(
        table: &Table,
        (column, found): (usize, &Found),
        rows: usize,
        scaling: Scaling,
        missing: Missing,
        (warnings, constant): (&mut Vec<String>, &mut Vec<String>),
    ) -> Input {
        let name = table.name(column).to_string();
        let shown = show_column(&name);
        let (code, known) = match found {
            Found::Numbers(summary) => {
                if summary.count == 0 {
                    warnings.push(format!("column {shown} has no value in the training rows"));
                } else if summary.is_constant() {
                    constant.push(format!("{shown} ({})", summary.mean));
                }
                let code = Code::Numbers { impute: summary.mean, scale: summary.scale(scaling) };
                (code, summary.count)
            }
            Found::Words(counts) => {
                let (levels, counts) = seen(table, column, counts);
                match &levels[..] {
                    [] => {
                        warnings.push(format!("column {shown} has no value in the training rows"))
                    }
                    [only] => constant.push(format!("{shown} (\"{only}\")")),
                    [..] if levels.len() > 50 && levels.len() * 2 > rows => {
                        let levels = levels.len();
                        warnings.push(format!(
                            "column {shown} has {levels} levels in {rows} rows and becomes as many \
                         inputs; leave it out if it is a name or a number of the row"
                        ));
                    }
                    [..] => {}
                }
                let most = counts.iter().max().copied().unwrap_or(0);
                let usual = counts.iter().position(|&count| count == most).unwrap_or(0);
                let known = counts.iter().sum();
                if is_boolean(&levels) {
                    (Code::Boolean { levels, usual }, known)
                } else {
                    (Code::Categories { levels, usual }, known)
                }
            }
        };
        let indicator = match missing {
            Missing::Impute => false,
            Missing::ImputeAndIndicate => known < rows,
        };
        Input { name, position: column, code, indicator }
    }

    /// The number of matrix columns.
    pub fn width(&self) -> usize {
        let width = match &self.code {
            Code::Numbers { .. } | Code::Boolean { .. } => 1,
            Code::Categories { levels, .. } => levels.len(),
        };
        width + usize::from(self.indicator)
    }

    /// A name for each matrix column: `age`, `colour=red`, `age=missing`.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = &self.name;
        let mut names = match &self.code {
            Code::Numbers { .. } => vec![name.clone()],
            Code::Boolean { levels, .. } => {
                vec![format!("{name}={}", levels.last().map_or("", String::as_str))]
            }
            Code::Categories { levels, .. } => {
                levels.iter().map(|level| format!("{name}={level}")).collect()
            }
        };
        if self.indicator {
            names.push(format!("{name}=missing"));
        }
        names
    }

    /// Writes the matrix columns from `at` on; `out` has rows of a matrix, one for each of `rows`,
    /// and is zero there. Returns how many values were of a level not seen in training.
    pub(crate) fn encode(
        &self,
        table: &Table,
        column: usize,
        rows: &[usize],
        out: &mut [f64],
        at: usize,
    ) -> Result<usize, Error> {
        let last = at + self.width().saturating_sub(1);
        let width = out.len() / rows.len().max(1);
        let (levels, usual) = match &self.code {
            Code::Numbers { impute, scale } => {
                for (i, x) in numbers(table, column, rows)?.into_iter().enumerate() {
                    out[i * width + at] = scale.apply(if x.is_nan() { *impute } else { x });
                    if self.indicator && x.is_nan() {
                        out[i * width + last] = 1.0;
                    }
                }
                return Ok(0);
            }
            Code::Boolean { levels, usual } | Code::Categories { levels, usual } => {
                (levels, *usual)
            }
        };
        let one_column = matches!(self.code, Code::Boolean { .. });
        let mut unseen = 0;
        for (i, cell) in cells(table, column, rows, levels).into_iter().enumerate() {
            let row = &mut out[i * width..(i + 1) * width];
            let level = match cell {
                Cell::Level(level) => level,
                Cell::Missing => {
                    if self.indicator {
                        row[last] = 1.0;
                    }
                    usual
                }
                Cell::Unseen => {
                    unseen += 1;
                    continue;
                }
            };
            if one_column {
                row[at] = level as f64;
            } else if levels.len() > 1 {
                row[at + level] = 1.0;
            }
        }
        Ok(unseen)
    }
}

/// Counts the levels among `rows`.
pub(crate) fn count(table: &Table, column: usize, rows: &[usize], counts: &mut [usize]) {
    let Some(Values::Categories { codes, .. }) = table.columns.get(column).map(|c| &c.values)
    else {
        return;
    };
    for code in rows.iter().filter_map(|&row| codes.get(row)) {
        if let Some(count) = counts.get_mut(code) {
            *count += 1;
        }
    }
}

/// The levels that occur, in the order of the column, and how often each does.
pub(crate) fn seen(table: &Table, column: usize, counts: &[usize]) -> (Vec<String>, Vec<usize>) {
    let levels = match table.columns.get(column).map(|c| &c.values) {
        Some(Values::Categories { levels, .. }) => &levels[..],
        Some(Values::Numbers(_)) | None => &[],
    };
    let seen = levels.iter().zip(counts).filter(|(_, count)| **count > 0);
    seen.map(|(level, count)| (level.clone(), *count)).unzip()
}

/// The values at `rows` as indices of `levels`. Words are compared as text and then as numbers,
/// so that `1` and `1.0` are one level.
pub(crate) fn cells(table: &Table, column: usize, rows: &[usize], levels: &[String]) -> Vec<Cell> {
    let bits = |x: f64| (x + 0.0).to_bits();
    let by_number: HashMap<u64, usize> = levels
        .iter()
        .enumerate()
        .filter_map(|(index, level)| Some((bits(number(level.as_bytes())?), index)))
        .collect();
    match table.columns.get(column).map(|column| &column.values) {
        None => vec![Cell::Missing; rows.len()],
        Some(Values::Numbers(numbers)) => rows
            .iter()
            .map(|&row| match numbers.get(row) {
                Some(x) if !x.is_nan() => {
                    by_number.get(&bits(x)).map_or(Cell::Unseen, |&level| Cell::Level(level))
                }
                _ => Cell::Missing,
            })
            .collect(),
        Some(Values::Categories { levels: words, codes }) => {
            let by_word: HashMap<&str, usize> =
                levels.iter().enumerate().map(|(index, level)| (level.as_str(), index)).collect();
            let known: Vec<Option<usize>> = words
                .iter()
                .map(|word| {
                    by_word
                        .get(word.as_str())
                        .copied()
                        .or_else(|| by_number.get(&bits(number(word.as_bytes())?)).copied())
                })
                .collect();
            let cell = |code: usize| known.get(code).copied().flatten();
            rows.iter()
                .map(|&row| match codes.get(row) {
                    None => Cell::Missing,
                    Some(code) => cell(code).map_or(Cell::Unseen, Cell::Level),
                })
                .collect()
        }
    }
}

/// Whether the levels, which are sorted, are no and yes, or false and true, in any case.
fn is_boolean(levels: &[String]) -> bool {
    let [low, high] = levels else { return false };
    let pair = (low.to_ascii_lowercase(), high.to_ascii_lowercase());
    matches!((pair.0.as_str(), pair.1.as_str()), ("false", "true") | ("no", "yes"))
}
