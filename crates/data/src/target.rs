//! What is to be learnt: one class out of several, or numbers.

use crate::error::{show_column, show_names};
use crate::input::{Cell, cells, count, seen};
use crate::number::{Scale, Scaling, Summary, numbers};
use crate::table::distinct;
use crate::{Error, Table, Values};

/// Whether targets are classes or numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// Look, as [`TargetKind::resolve`] says.
    #[default]
    Auto,
    /// One column whose different values are the classes.
    Classes,
    /// One or more columns of numbers.
    Numbers,
}

impl TargetKind {
    /// What `Auto` means for these target columns and training rows. Several columns are numbers.
    /// One column is of classes if it holds words, or if it holds whole numbers of which at most
    /// 20 are different, and at most 2 or a fifth of the rows; else it is of numbers.
    pub fn resolve(self, table: &Table, targets: &[usize], rows: &[usize]) -> TargetKind {
        match (self, targets) {
            (TargetKind::Auto, [column]) => match table.columns.get(*column).map(|c| &c.values) {
                Some(Values::Categories { .. }) => TargetKind::Classes,
                Some(Values::Numbers(numbers)) => {
                    let most = 20.min((rows.len() / 5).max(2));
                    let mut different: Vec<f64> = Vec::new();
                    for x in rows.iter().filter_map(|&row| numbers.get(row)) {
                        let is_new = !x.is_nan() && !different.contains(&x);
                        if is_new && (different.len() == most || x.fract() != 0.0) {
                            return TargetKind::Numbers;
                        }
                        different.extend(is_new.then_some(x));
                    }
                    match different.is_empty() {
                        true => TargetKind::Numbers,
                        false => TargetKind::Classes,
                    }
                }
                None => TargetKind::Numbers,
            },
            (TargetKind::Auto, _) => TargetKind::Numbers,
            (TargetKind::Classes | TargetKind::Numbers, _) => self,
        }
    }
}

/// What was learnt about the targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Classes { name: String, position: usize, labels: Vec<String> },
    Numbers(Vec<NumberTarget>),
}

/// A target column of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberTarget {
    pub(crate) name: String,
    pub(crate) position: usize,
    pub(crate) scale: Scale,
}

impl Target {
    pub(crate) fn fit(
        table: &Table,
        columns: &[usize],
        rows: &[usize],
        kind: TargetKind,
        scaling: Scaling,
        warnings: &mut Vec<String>,
    ) -> Result<Target, Error> {
        let nothing = || Error::NoTrainingRows { file: table.file.clone() };
        match kind.resolve(table, columns, rows) {
            TargetKind::Classes => {
                let &[column] = columns else {
                    return Err(Error::SeveralClassTargets {
                        file: table.file.clone(),
                        count: columns.len(),
                        column: show_column(table.name(columns[0])),
                    });
                };
                let labels = labels(table, column, rows)?;
                let (name, shown) = (table.name(column), show_column(table.name(column)));
                match &labels[..] {
                    [] => return Err(nothing()),
                    [only] => {
                        let (file, label) = (table.file.clone(), only.clone());
                        return Err(Error::OneClass { file, column: shown, label });
                    }
                    [..] if labels.len() * 2 > rows.len() && labels.len() > 20 => {
                        warnings.push(format!(
                            "the target column {shown} has {} classes in {} rows; \
                             if it is meant to be numbers, look for a word in it",
                            labels.len(),
                            rows.len()
                        ));
                    }
                    [..] => {}
                }
                Ok(Target::Classes { name: name.to_string(), position: column, labels })
            }
            TargetKind::Numbers | TargetKind::Auto => {
                let mut targets = Vec::with_capacity(columns.len());
                for &column in columns {
                    let guessed = columns.len() > 1 && kind == TargetKind::Auto;
                    let values = numbers(table, column, rows).map_err(|error| {
                        if let (Error::NotANumber { column, .. }, true) = (&error, guessed) {
                            let (file, column) = (table.file.clone(), column.clone());
                            return Error::SeveralClassTargets {
                                file,
                                count: columns.len(),
                                column,
                            };
                        }
                        error
                    })?;
                    let summary = Summary::of(&values);
                    let name = table.name(column).to_string();
                    if summary.count == 0 {
                        return Err(nothing());
                    }
                    if summary.is_constant() {
                        warnings.push(format!(
                            "the target column {} is constant in the training rows ({})",
                            show_column(&name),
                            summary.mean
                        ));
                    }
                    targets.push(NumberTarget {
                        name,
                        position: column,
                        scale: summary.scale(scaling),
                    });
                }
                Ok(Target::Numbers(targets))
            }
        }
    }

    /// Name and position of each target column in the training table.
    pub(crate) fn columns(&self) -> Vec<(&str, usize)> {
        match self {
            Target::Classes { name, position, .. } => vec![(name, *position)],
            Target::Numbers(targets) => {
                targets.iter().map(|target| (&target.name[..], target.position)).collect()
            }
        }
    }
}

/// The class of each row, as an index of `labels`; `None` where it is missing.
pub(crate) fn classes(
    table: &Table,
    column: usize,
    rows: &[usize],
    labels: &[String],
) -> Result<Vec<Option<usize>>, Error> {
    let cells = cells(table, column, rows, labels);
    let class = |(cell, &row): (Cell, &usize)| match cell {
        Cell::Level(level) => Ok(Some(level)),
        Cell::Missing => Ok(None),
        Cell::Unseen => Err(Error::UnknownClass {
            file: table.file.clone(),
            place: table.place(row),
            column: show_column(table.name(column)),
            label: word(table, column, row),
            known: show_names(labels),
        }),
    };
    cells.into_iter().zip(rows).map(class).collect()
}

/// The classes among `rows`, sorted.
fn labels(table: &Table, column: usize, rows: &[usize]) -> Result<Vec<String>, Error> {
    if let Some(Values::Categories { levels, .. }) = table.columns.get(column).map(|c| &c.values) {
        let mut counts = vec![0; levels.len()];
        count(table, column, rows, &mut counts);
        return Ok(seen(table, column, &counts).0);
    }
    let values = numbers(table, column, rows)?;
    Ok(distinct(values.into_iter()).iter().map(f64::to_string).collect())
}

fn word(table: &Table, column: usize, row: usize) -> String {
    match table.columns.get(column).map(|column| &column.values) {
        Some(Values::Numbers(numbers)) => numbers.get(row).map_or(String::new(), |x| x.to_string()),
        Some(Values::Categories { levels, codes }) => {
            codes.get(row).and_then(|code| levels.get(code).cloned()).unwrap_or_default()
        }
        None => String::new(),
    }
}
