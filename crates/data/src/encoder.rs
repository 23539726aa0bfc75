//! What was learnt from the training table, and the matrices it makes of any table like it.
//!
//! Columns are found by name, in any order and among others, when both the training table and the
//! new one have names. Else they are found by position; a table that has exactly the target
//! columns less is taken as the training table without them, and columns beyond are ignored.

use crate::error::show_column;
use crate::input::{Code, Found, Input};
use crate::number::{Scale, Scaling, numbers, shared};
use crate::sheet::height;
use crate::target::{Target, TargetKind, classes};
use crate::{Error, Matrix, Table};

/// What becomes of missing inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The mean of the training rows, or their most frequent level, stands for them.
    #[default]
    Impute,
    /// And a further input, 1 where the value was missing and 0 elsewhere, for each column that
    /// has missing values among the training rows.
    ImputeAndIndicate,
}

/// What [`Encoder::fit`] is to learn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncoderOptions {
    /// The target columns, counted from 0; see [`Table::column`].
    pub targets: Vec<usize>,
    /// Whether they are classes or numbers.
    pub target_kind: TargetKind,
    /// The input columns; all that are no targets if `None`.
    pub inputs: Option<Vec<usize>>,
    /// How inputs that are numbers are scaled.
    pub scaling: Scaling,
    /// How targets that are numbers are scaled.
    pub target_scaling: Scaling,
    /// What becomes of missing inputs.
    pub missing: Missing,
    /// Whether rows without a target are allowed; the target matrix is then `NaN` there.
    pub allow_missing_targets: bool,
}

/// Tables to matrices: a row of a table becomes a row of [`Encoder::inputs`] (n ×
/// [`Encoder::input_width`]) and one of [`Encoder::targets`] (n × [`Encoder::target_width`]).
/// It is kept with the model as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    pub(crate) inputs: Vec<Input>,
    pub(crate) target: Target,
    pub(crate) named: bool,
    /// The number of columns of the training table.
    pub(crate) columns: usize,
    pub(crate) allow_missing_targets: bool,
    pub(crate) warnings: Vec<String>,
}

/// Rows that are gone through at once where a table may be larger than memory.
const PART: usize = 1 << 14;

impl Encoder {
    /// Learns scales, levels, labels and what stands for missing values from `rows` of `table`,
    /// and from no others.
    ///
    /// # Errors
    /// [`Error::NoTarget`], [`Error::NoInput`], [`Error::NoTrainingRows`], [`Error::RowOutside`],
    /// [`Error::UnknownColumn`] for options that do not fit the table; [`Error::Infinite`],
    /// [`Error::NotANumber`], [`Error::MissingTarget`], [`Error::OneClass`],
    /// [`Error::SeveralClassTargets`] for values that cannot be used.
    pub fn fit(table: &Table, rows: &[usize], options: &EncoderOptions) -> Result<Encoder, Error> {
        let file = || table.file.clone();
        let targets = listed(table, &options.targets)?;
        if targets.is_empty() {
            return Err(Error::NoTarget { file: file() });
        }
        let input_columns = match &options.inputs {
            Some(inputs) => listed(table, inputs)?,
            None => (0..table.columns.len()).filter(|column| !targets.contains(column)).collect(),
        };
        if rows.is_empty() {
            return Err(Error::NoTrainingRows { file: file() });
        }
        inside(table, rows)?;

        let mut warnings = Vec::new();
        for column in input_columns.iter().filter(|column| targets.contains(column)) {
            let shown = show_column(table.name(*column));
            warnings.push(format!("column {shown} is both an input and a target"));
        }
        let (kind, scaling) = (options.target_kind, options.target_scaling);
        let target = Target::fit(table, &targets, rows, kind, scaling, &mut warnings)?;
        let found = Found::all(table, &input_columns, rows)?;
        let (scaling, missing) = (options.scaling, options.missing);
        let mut constant = Vec::new();
        let fitted = input_columns.into_iter().zip(&found).map(|column| {
            Input::fit(table, column, rows.len(), scaling, missing, (&mut warnings, &mut constant))
        });
        let mut inputs: Vec<Input> = fitted.collect();
        let summaries = found.iter().filter_map(|found| match found {
            Found::Numbers(summary) => Some(summary.clone()),
            Found::Words(_) => None,
        });
        let summaries: Vec<_> = summaries.collect();
        match &constant[..] {
            // One line for the many pixels at the border of pictures.
            [a, b, c, _, ..] => warnings.push(format!(
                "{} columns are constant in the training rows, such as {a}, {b} and {c}",
                constant.len()
            )),
            few => warnings.extend(
                few.iter().map(|one| format!("column {one} is constant in the training rows")),
            ),
        }
        let common = if options.scaling == Scaling::Auto { shared(&summaries) } else { None };
        for input in &mut inputs {
            let (Code::Numbers { scale, .. }, Some(divisor)) = (&mut input.code, common) else {
                continue;
            };
            // A constant column stays 0.
            scale.divisor = if scale.divisor == 0.0 { 0.0 } else { divisor };
        }
        let encoder = Encoder {
            inputs,
            target,
            named: table.named,
            columns: table.columns.len(),
            allow_missing_targets: options.allow_missing_targets,
            warnings,
        };
        if encoder.input_width() == 0 {
            return Err(Error::NoInput { file: file() });
        }
        // Only whether they can be encoded, so a part at a time will do.
        rows.chunks(PART).try_for_each(|part| encoder.targets(table, part).map(drop))?;
        Ok(encoder)
    }

    /// The inputs of `rows`: rows.len() × [`Encoder::input_width`]. A level not seen in training
    /// is 0 in all its columns; [`Encoder::unseen`] counts them.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::ColumnCount`] when the table lacks a column;
    /// [`Error::Infinite`], [`Error::NotANumber`] for values; [`Error::RowOutside`].
    pub fn inputs(&self, table: &Table, rows: &[usize]) -> Result<Matrix, Error> {
        self.encode(table, rows).map(|(matrix, _)| matrix)
    }

    /// Warnings about values of `rows` that are of a level not seen in training: one for each
    /// column that has any, with their number.
    ///
    /// # Errors
    /// Those of [`Encoder::inputs`].
    pub fn unseen(&self, table: &Table, rows: &[usize]) -> Result<Vec<String>, Error> {
        self.encode(table, rows).map(|(_, warnings)| warnings)
    }

    /// The targets of `rows`: rows.len() × [`Encoder::target_width`]. Classes are one-hot in the
    /// order of [`Encoder::labels`], numbers are scaled. A missing target, if allowed, is `NaN`;
    /// a missing class is a row of `NaN`.
    ///
    /// # Errors
    /// Those of [`Encoder::inputs`], [`Error::MissingTarget`] and [`Error::UnknownClass`].
    pub fn targets(&self, table: &Table, rows: &[usize]) -> Result<Matrix, Error> {
        inside(table, rows)?;
        let mut matrix = Matrix::zeros(rows.len(), self.target_width());
        let width = matrix.cols;
        match &self.target {
            Target::Classes { .. } => {
                for (i, class) in self.class_codes(table, rows)?.into_iter().enumerate() {
                    match class {
                        Some(class) => matrix.data[i * width + class] = 1.0,
                        None => matrix.data[i * width..(i + 1) * width].fill(f64::NAN),
                    }
                }
            }
            Target::Numbers(targets) => {
                for (j, target) in targets.iter().enumerate() {
                    let column = self.find(table, &target.name, target.position)?;
                    let values = numbers(table, column, rows)?;
                    for (i, (x, &row)) in values.into_iter().zip(rows).enumerate() {
                        if x.is_nan() && !self.allow_missing_targets {
                            return Err(missing_target(table, column, row));
                        }
                        matrix.data[i * width + j] = target.scale.apply(x);
                    }
                }
            }
        }
        Ok(matrix)
    }

    /// The class of each of `rows` as an index of [`Encoder::labels`]; `None` where it is missing
    /// and that is allowed. Empty when the targets are numbers.
    ///
    /// # Errors
    /// Those of [`Encoder::targets`].
    pub fn class_codes(&self, table: &Table, rows: &[usize]) -> Result<Vec<Option<usize>>, Error> {
        inside(table, rows)?;
        match &self.target {
            Target::Classes { name, position, labels } => {
                let column = self.find(table, name, *position)?;
                let codes = classes(table, column, rows, labels)?;
                match codes.iter().zip(rows).find(|(code, _)| code.is_none()) {
                    Some((_, &row)) if !self.allow_missing_targets => {
                        Err(missing_target(table, column, row))
                    }
                    _ => Ok(codes),
                }
            }
            Target::Numbers(_) => Ok(vec![]),
        }
    }

    /// Puts outputs of the network, n × [`Encoder::target_width`], back on the scale of the
    /// table: x = z · divisor + offset for numbers; classes are left as they are.
    pub fn unscale_targets(&self, matrix: &mut Matrix) {
        if let Target::Numbers(targets) = &self.target {
            for row in matrix.data.chunks_mut(matrix.cols.max(1)) {
                for (z, target) in row.iter_mut().zip(targets) {
                    *z = target.scale.undo(*z);
                }
            }
        }
    }

    /// Whether the targets are classes or numbers; never `Auto`.
    pub fn target_kind(&self) -> TargetKind {
        match &self.target {
            Target::Classes { .. } => TargetKind::Classes,
            Target::Numbers(_) => TargetKind::Numbers,
        }
    }

    /// The names of the classes, in the order of the target columns; empty for numbers.
    pub fn labels(&self) -> &[String] {
        match &self.target {
            Target::Classes { labels, .. } => labels,
            Target::Numbers(_) => &[],
        }
    }

    /// The names of the target columns in the training table.
    pub fn target_names(&self) -> Vec<String> {
        self.target.columns().into_iter().map(|(name, _)| name.to_string()).collect()
    }

    /// The names of the columns of [`Encoder::inputs`]: `age`, `colour=red`, `age=missing`.
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.iter().flat_map(Input::names).collect()
    }

    /// The columns of the table that are inputs, in the order of [`Encoder::inputs`].
    pub fn input_columns(&self) -> &[Input] {
        &self.inputs
    }

    /// The targets that are numbers, with their scales.
    pub fn number_targets(&self) -> impl Iterator<Item = (&str, Scale)> {
        let targets = match &self.target {
            Target::Classes { .. } => &[],
            Target::Numbers(targets) => &targets[..],
        };
        targets.iter().map(|target| (target.name.as_str(), target.scale))
    }

    /// The number of columns of the training table.
    pub fn table_width(&self) -> usize {
        self.columns
    }

    /// The number of columns of [`Encoder::inputs`].
    pub fn input_width(&self) -> usize {
        self.inputs.iter().map(Input::width).sum()
    }

    /// The number of columns of [`Encoder::targets`].
    pub fn target_width(&self) -> usize {
        match &self.target {
            Target::Classes { labels, .. } => labels.len(),
            Target::Numbers(targets) => targets.len(),
        }
    }

    /// What the fit noticed and did not stop for, such as constant columns.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the training table had column names.
    pub fn named(&self) -> bool {
        self.named
    }

    /// Where the target columns are in a table.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::ColumnCount`] when the table lacks one.
    pub fn target_columns(&self, table: &Table) -> Result<Vec<usize>, Error> {
        self.target.columns().into_iter().map(|(name, at)| self.find(table, name, at)).collect()
    }

    /// Whether a table holds all target columns, so that it can be evaluated and not only
    /// predicted.
    pub fn has_targets(&self, table: &Table) -> bool {
        self.target_columns(table).is_ok()
    }

    /// Inputs, and a warning for each column with unseen levels.
    fn encode(&self, table: &Table, rows: &[usize]) -> Result<(Matrix, Vec<String>), Error> {
        inside(table, rows)?;
        let column = |input: &Input| self.find(table, &input.name, input.position);
        let columns = self.inputs.iter().map(column).collect::<Result<Vec<usize>, Error>>()?;
        let width = self.input_width().max(1);
        let mut matrix = Matrix::zeros(rows.len(), self.input_width());
        let mut unseen = vec![0; columns.len()];
        let height = height(table.columns.len());
        for (part, out) in rows.chunks(height).zip(matrix.data.chunks_mut(height * width)) {
            let mut at = 0;
            for ((input, &column), unseen) in self.inputs.iter().zip(&columns).zip(&mut unseen) {
                *unseen += input.encode(table, column, part, out, at)?;
                at += input.width();
            }
        }
        let unseen = self.inputs.iter().zip(unseen).filter(|(_, unseen)| *unseen > 0);
        let warning = |(input, unseen): (&Input, usize)| {
            let (shown, count) = (show_column(&input.name), rows.len());
            format!(
                "column {shown}: {unseen} of {count} values were not seen in training and \
                 count as none of its levels"
            )
        };
        Ok((matrix, unseen.map(warning).collect()))
    }

    /// Where a column of the training table is in `table`.
    fn find(&self, table: &Table, name: &str, position: usize) -> Result<usize, Error> {
        if self.named && table.named {
            if table.name(position) == name {
                return Ok(position);
            }
            return table.required(name);
        }
        let targets = self.target.columns();
        let found = table.columns.len();
        if found >= self.columns {
            return Ok(position);
        }
        let is_target = targets.iter().any(|(_, at)| *at == position);
        if found + targets.len() == self.columns && !is_target {
            return Ok(position - targets.iter().filter(|(_, at)| *at < position).count());
        }
        let (file, targets) = (table.file.clone(), targets.len());
        Err(Error::ColumnCount { file, found, expected: self.columns, targets })
    }
}

/// The columns of a list, each once, if the table has them.
fn listed(table: &Table, columns: &[usize]) -> Result<Vec<usize>, Error> {
    let mut list = Vec::with_capacity(columns.len());
    for &column in columns {
        if column >= table.columns.len() {
            table.column(&format!("{}", column.saturating_add(1)))?;
        } else if !list.contains(&column) {
            list.push(column);
        }
    }
    Ok(list)
}

fn inside(table: &Table, rows: &[usize]) -> Result<(), Error> {
    match rows.iter().find(|&&row| row >= table.rows) {
        Some(&row) => {
            let (file, row) = (table.file.clone(), row.saturating_add(1));
            Err(Error::RowOutside { file, row, rows: table.rows })
        }
        None => Ok(()),
    }
}

fn missing_target(table: &Table, column: usize, row: usize) -> Error {
    Error::MissingTarget {
        file: table.file.clone(),
        place: table.place(row),
        column: show_column(table.name(column)),
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
