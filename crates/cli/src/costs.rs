//! Weights and costs from flags and files.

use std::path::Path;

use matgrad::costs::{self, Costs, Decision};
use matgrad::data::{Encoder, Header, ReadOptions, Table, Values, read};
use matgrad::expr::matrix::Matrix;

use crate::Failure;
use crate::args::train::{Decided, Train};

/// What the flags say of the classes of this table.
///
/// # Errors
/// Flags that do not go together; files of another shape, or with other labels.
pub fn costs(
    args: &Train,
    encoder: &Encoder,
    data: &Table,
    train: &[usize],
) -> Result<Costs, Failure> {
    let labels = encoder.labels();
    let classes_only = args.class_weight.is_some() || args.cost_matrix.is_some();
    if classes_only && labels.is_empty() {
        return Err(Failure::input(
            "the target is numbers: --class-weight and --cost-matrix are for classes",
        ));
    }
    let matrix = args.cost_matrix.as_deref().map(|path| cost_matrix(path, labels)).transpose()?;
    let expected = args.loss.as_deref() == Some("expected_cost");
    let by_cost = args.class_weight.as_deref() == Some("cost");
    if matrix.is_none() && (expected || by_cost) {
        return Err(Failure { code: 2, message: "costs are wanted: name a --cost-matrix".into() });
    }
    let class_weights = match (args.class_weight.as_deref(), &matrix) {
        (None, _) => None,
        (Some("cost"), Some(matrix)) => Some(costs::by_cost(matrix)),
        (Some("balanced"), _) => {
            let codes: Vec<usize> =
                encoder.class_codes(data, train)?.into_iter().flatten().collect();
            Some(costs::balanced(&codes, labels.len()))
        }
        (Some(file), _) => Some(class_weights(Path::new(file), labels)?),
    };
    // Where the loss holds the costs already, its output is to be taken at its word.
    let decision = match (args.decide, &matrix) {
        (Some(Decided::Probable), _) | (None, None) => Decision::Probable,
        (Some(Decided::Cheapest), _) => Decision::Cheapest,
        (None, Some(_)) if expected || by_cost => Decision::Probable,
        (None, Some(_)) => Decision::Cheapest,
    };
    Ok(Costs { class_weights, weight_column: args.weight_column.clone(), matrix, decision })
}

/// The weights of rows by their column; a table without the column weighs all the same.
///
/// # Errors
/// A column of words, or a weight that is missing.
pub fn column(costs: &Costs, data: &Table, rows: &[usize]) -> Result<Option<Vec<f64>>, Failure> {
    let Some(name) = &costs.weight_column else { return Ok(None) };
    let Ok(column) = data.column(name) else { return Ok(None) };
    let Values::Numbers(values) = &data.columns[column].values else {
        return Err(Failure::input(format!(
            "{}: the weight column {name} holds words; numbers from 0 are wanted",
            data.file
        )));
    };
    let each = rows.iter().map(|&row| {
        let weight = values.get(row).unwrap_or(f64::NAN);
        if weight.is_finite() && weight >= 0.0 {
            return Ok(weight);
        }
        Err(Failure::input(format!(
            "{}: {}: the weight is {weight}; numbers from 0 are wanted",
            data.file,
            data.place(row),
        )))
    });
    each.collect::<Result<_, _>>().map(Some)
}

/// The cells of a file, with the table that knows their lines.
fn cells(path: &Path) -> Result<(Table, Vec<Vec<String>>), Failure> {
    let options = ReadOptions { header: Header::Absent, ..ReadOptions::default() };
    let table = read(path, &options)?;
    let cell = |column: usize, row: usize| match &table.columns[column].values {
        Values::Numbers(numbers) => numbers.get(row).map_or(String::new(), |x| x.to_string()),
        Values::Categories { levels, codes } => {
            codes.get(row).map_or(String::new(), |code| levels[code].clone())
        }
    };
    let row = |i: usize| (0..table.columns.len()).map(|j| cell(j, i)).collect();
    let cells = (0..table.rows).map(row).collect();
    Ok((table, cells))
}

/// Something wrong at a row of a file.
fn wrong(table: &Table, row: usize, what: impl std::fmt::Display) -> Failure {
    Failure::input(format!("{}, {}: {what}", table.file, table.place(row)))
}

fn number(table: &Table, row: usize, text: &str) -> Result<f64, Failure> {
    let number = text.trim().parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| wrong(table, row, format!("{text:?} is no number")))
}

/// Where each label stands in a list of names, which are the first names of the table's rows from
/// `first` on; `None` where they are names of its columns.
fn places(
    table: &Table,
    names: &[String],
    labels: &[String],
    first: Option<usize>,
) -> Result<Vec<usize>, Failure> {
    let row = |k: usize| first.map_or(0, |first| first + k);
    let all = labels.join(", ");
    for (k, name) in names.iter().map(|name| name.trim()).enumerate() {
        if !labels.iter().any(|label| label == name) {
            let what = format!("there is no label {name:?}; the labels are {all}");
            return Err(wrong(table, row(k), what));
        }
        if let Some(before) = names[..k].iter().position(|other| other.trim() == name) {
            let place = table.place(row(before));
            return Err(wrong(table, row(k), format!("the label {name} is already on {place}")));
        }
    }
    let place = |label: &String| {
        names.iter().position(|name| name.trim() == label).ok_or_else(|| {
            Failure::input(format!("{} has no label {label}; the labels are {all}", table.file))
        })
    };
    labels.iter().map(place).collect()
}

fn class_weights(path: &Path, labels: &[String]) -> Result<Vec<f64>, Failure> {
    let (table, cells) = cells(path)?;
    if table.columns.len() != 2 {
        return Err(Failure::input(format!("{}: write `label,weight` lines", table.file)));
    }
    let names: Vec<String> = cells.iter().map(|row| row[0].clone()).collect();
    let places = places(&table, &names, labels, Some(0))?;
    let weight = |i: usize| {
        let weight = number(&table, i, &cells[i][1])?;
        match weight < 0.0 {
            true => {
                Err(wrong(&table, i, format!("the weight is {weight}; numbers from 0 are wanted")))
            }
            false => Ok(weight),
        }
    };
    places.into_iter().map(weight).collect()
}

fn cost_matrix(path: &Path, labels: &[String]) -> Result<Matrix, Failure> {
    let (table, cells) = cells(path)?;
    let k = labels.len();
    let square = |size: usize| cells.len() == size && cells.iter().all(|row| row.len() == size);
    let (rows, cols): (Vec<usize>, Vec<usize>) = if square(k) {
        ((0..k).collect(), (0..k).collect())
    } else if square(k + 1) {
        let first: Vec<String> = cells.iter().skip(1).map(|row| row[0].clone()).collect();
        let next = |found: Vec<usize>| found.into_iter().map(|i| i + 1).collect();
        let decided = &cells[0][1..];
        (
            next(places(&table, &first, labels, Some(1))?),
            next(places(&table, decided, labels, None)?),
        )
    } else {
        return Err(Failure::input(format!(
            "{}: {k}×{k} costs are wanted, a row for each true class and a column for each \
             decision, in the order {}, or with labels as first row and column",
            path.display(),
            labels.join(", ")
        )));
    };
    let mut costs = Matrix::filled(k, k, 0.0);
    for (i, &row) in rows.iter().enumerate() {
        for (j, &col) in cols.iter().enumerate() {
            costs.data[i * k + j] = number(&table, row, &cells[row][col])?;
        }
    }
    Ok(costs)
}
