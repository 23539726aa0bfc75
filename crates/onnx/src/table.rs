//! The preparation of a table, as nodes: numbers are imputed and scaled, categories looked up.
//!
//! A column of categories is one table: a row for each level, one for a missing value and one for
//! a level not seen in training; a word finds its row by a `LabelEncoder`. The rows are what
//! [`Encoder::inputs`] makes of those words, so there is nothing to keep in step.

use matgrad::data::{Code, Column, Encoder, Input, Scale, Table, Values};

use crate::proto::data_type;
use crate::write::{Attribute, Size, Writer};

/// A column of numbers: its index among the inputs, and what becomes of its values.
type Number<'a> = (usize, &'a Input, f64, Scale);

/// Words that stand for a missing value, as the reader of tables has them.
const MISSING: [&str; 8] = ["", "?", "NA", "NaN", "na", "nan", "Na", "NAN"];

/// Declares the inputs and writes what makes the matrix of them; returns its tensor.
pub(crate) fn inputs(writer: &mut Writer, encoder: &Encoder, batch: &str, name: &str) -> String {
    let columns = encoder.input_columns();
    let mut numbers: Vec<Number> = Vec::new();
    let mut words: Vec<(usize, &Input, &[String])> = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        match &column.code {
            Code::Numbers { impute, scale } => numbers.push((i, column, *impute, *scale)),
            Code::Boolean { levels, .. } | Code::Categories { levels, .. } => {
                words.push((i, column, levels));
            }
        }
    }
    let untouched = words.is_empty()
        && numbers.iter().all(|(_, column, impute, scale)| {
            (*impute, scale.offset, scale.divisor) == (0.0, 0.0, 1.0) && !column.indicator
        });
    let names: Vec<&str> = numbers.iter().map(|(_, column, ..)| column.name.as_str()).collect();
    let names = names.join(", ");
    if untouched {
        let dims = [Size::Symbol(batch), Size::Number(numbers.len() as u64)];
        return writer.input(name, data_type::FLOAT, &dims, &names);
    }
    // Parts of the matrix, with the matrix columns that they are.
    let mut parts: Vec<String> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let begins: Vec<usize> = (0..columns.len()).map(|i| width(&columns[..i])).collect();
    if !numbers.is_empty() {
        let n = numbers.len();
        let dims = [Size::Symbol(batch), Size::Number(n as u64)];
        let raw = writer.input("numbers", data_type::DOUBLE, &dims, &names);
        let (missing, scaled) = scaled(writer, &numbers, &raw);
        let float = [("to", Attribute::Int(data_type::FLOAT.into()))];
        let alone = words.is_empty() && !numbers.iter().any(|number| number.1.indicator);
        let cast = if alone { name } else { "scaled_32" };
        parts.push(writer.node("Cast", &[&scaled], &float, cast));
        if alone {
            return parts.remove(0);
        }
        places.extend(numbers.iter().map(|number| begins[number.0]));
        let marked: Vec<usize> = (0..n).filter(|&k| numbers[k].1.indicator).collect();
        if !marked.is_empty() {
            let wanted: Vec<i64> = marked.iter().map(|&k| k as i64).collect();
            let which = writer.ints(&wanted);
            let flags = writer.node("Cast", &[&missing], &float, "missing_32");
            let axis = [("axis", Attribute::Int(1))];
            parts.push(writer.node("Gather", &[&flags, &which], &axis, "indicators"));
            places.extend(marked.iter().map(|&k| begins[numbers[k].0] + 1));
        }
    }
    for (i, column, levels) in words {
        let width = width(&columns[i..=i]);
        if width > 0 {
            let place = (begins[i], width);
            parts.push(looked_up(writer, encoder, (column, levels), batch, place));
            places.extend(begins[i]..begins[i] + width);
        }
    }
    let axis = [("axis", Attribute::Int(1))];
    let joined: Vec<&str> = parts.iter().map(String::as_str).collect();
    let sorted = places.windows(2).all(|p| p[0] < p[1]);
    let all = writer.node("Concat", &joined, &axis, if sorted { name } else { "parts" });
    if sorted {
        return all;
    }
    // Column j of the matrix is the part whose place is j.
    let mut order: Vec<i64> = vec![0; places.len()];
    places.iter().enumerate().for_each(|(k, &place)| order[place] = k as i64);
    let order = writer.ints(&order);
    writer.node("Gather", &[&all, &order], &axis, name)
}

/// Which of the numbers are missing; and all of them filled in, centred and divided.
fn scaled(writer: &mut Writer, numbers: &[Number], raw: &str) -> (String, String) {
    let mut row = |key: &str, value: fn(&Number) -> f64| {
        let values: Vec<f64> = numbers.iter().map(value).collect();
        writer.doubles(key, &[1, numbers.len()], &values)
    };
    let impute = row("impute", |number| number.2);
    let offset = row("offset", |number| number.3.offset);
    // The number of a constant column is 0, whatever stands in it.
    let divisor = row("divisor", |number| match number.3.divisor {
        0.0 => f64::INFINITY,
        divisor => divisor,
    });
    let missing = writer.node("IsNaN", &[raw], &[], "missing");
    let known = writer.node("Where", &[&missing, &impute, raw], &[], "known");
    let centred = writer.node("Sub", &[&known, &offset], &[], "centred");
    let scaled = writer.node("Div", &[&centred, &divisor], &[], "scaled");
    (missing, scaled)
}

/// The number of matrix columns of these inputs.
fn width(columns: &[Input]) -> usize {
    columns.iter().map(Input::width).sum()
}

fn looked_up(
    writer: &mut Writer,
    encoder: &Encoder,
    (column, levels): (&Input, &[String]),
    batch: &str,
    (begin, width): (usize, usize),
) -> String {
    let name = &column.name;
    let rows = levels.len() + 2;
    // A word that is no level: longer than each of them.
    let unseen = levels.concat() + "_";
    let codes = (0..levels.len()).map(Some).chain([None, Some(levels.len())]);
    let values = Values::Categories {
        codes: codes.collect(),
        levels: levels.iter().cloned().chain([unseen]).collect(),
    };
    let table = sample(encoder, column, values, rows);
    let all: Vec<usize> = (0..rows).collect();
    let matrix = encoder.inputs(&table, &all).expect("the sample has the encoder's columns");
    let entries: Vec<f64> = all
        .iter()
        .flat_map(|i| matrix.data[i * matrix.cols..][begin..begin + width].iter().copied())
        .collect();
    let raw = writer.input(name, data_type::STRING, &[Size::Symbol(batch), Size::Number(1)], "");
    let missing = MISSING.iter().filter(|m| !levels.iter().any(|l| l == *m));
    let keys: Vec<String> = levels.iter().cloned().chain(missing.map(|m| m.to_string())).collect();
    let found = (0..keys.len()).map(|k| k.min(levels.len()) as i64).collect();
    let encoded = writer.node(
        "LabelEncoder",
        &[&raw],
        &[
            ("keys_strings", Attribute::Strings(keys)),
            ("values_int64s", Attribute::Ints(found)),
            ("default_int64", Attribute::Int(levels.len() as i64 + 1)),
        ],
        &format!("{name}_level"),
    );
    let shape = writer.ints(&[-1]);
    let flat = writer.node("Reshape", &[&encoded, &shape], &[], &format!("{name}_row"));
    let rows = writer.floats(&format!("{name}_levels"), &[rows, width], &entries);
    writer.node("Gather", &[&rows, &flat], &[], &format!("{name}_columns"))
}

/// A table like the training table with these values in one column and none in the others.
fn sample(encoder: &Encoder, filled: &Input, values: Values, rows: usize) -> Table {
    let mut columns: Vec<Column> = (0..encoder.table_width())
        .map(|j| Column {
            name: (j + 1).to_string(),
            values: Values::Numbers(vec![f64::NAN; rows].into()),
        })
        .collect();
    for input in encoder.input_columns() {
        columns[input.position].name.clone_from(&input.name);
    }
    columns[filled.position].values = values;
    Table { file: String::new(), columns, rows, named: encoder.named(), lines: None }
}

/// Puts a prediction of scaled numbers back on the scale of the table.
pub(crate) fn unscale(writer: &mut Writer, encoder: &Encoder, predicted: String) -> String {
    let scales: Vec<Scale> = encoder.number_targets().map(|(_, scale)| scale).collect();
    if scales.iter().all(|scale| (scale.offset, scale.divisor) == (0.0, 1.0)) {
        return predicted;
    }
    let mut row = |name: &str, value: fn(&Scale) -> f64| {
        let values: Vec<f64> = scales.iter().map(value).collect();
        writer.floats(name, &[1, values.len()], &values)
    };
    let divisor = row("target_divisor", |scale| scale.divisor);
    let offset = row("target_offset", |scale| scale.offset);
    let wide = writer.node("Mul", &[&predicted, &divisor], &[], "unscaled");
    writer.node("Add", &[&wide, &offset], &[], "prediction")
}
