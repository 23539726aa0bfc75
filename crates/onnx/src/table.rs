//! The preparation of a table, as nodes: numbers are imputed and scaled, categories looked up.
//!
//! A column of categories is one table: a row for each level, one for a missing value and one for
//! a level not seen in training; a word finds its row by a `LabelEncoder`. The rows are what
//! [`Encoder::inputs`] makes of those words, so there is nothing to keep in step.

use matgrad::data::{Column, Encoder, Table, Values};
use serde_json::Value;

use crate::proto::data_type;
use crate::write::{Attribute, Size, Writer};

/// A column of the table as the encoder describes it, with its index among the inputs.
type Place<'a> = (usize, &'a Value);

/// Words that stand for a missing value, as the reader of tables has them.
const MISSING: [&str; 8] = ["", "?", "NA", "NaN", "na", "nan", "Na", "NAN"];

/// Declares the inputs and writes what makes the matrix of them; returns its tensor.
pub(crate) fn inputs(
    writer: &mut Writer,
    encoder: &Encoder,
    json: &Value,
    batch: &str,
    name: &str,
) -> String {
    let columns: Vec<&Value> = json["inputs"].as_array().into_iter().flatten().collect();
    let (numbers, words): (Vec<Place>, Vec<Place>) =
        columns.iter().copied().enumerate().partition(|(_, c)| c.get("numbers").is_some());
    let number = |c: &Value, key: &str| c["numbers"][key].as_f64().unwrap_or(0.0);
    let indicator = |c: &Value| c["indicator"] == true;
    let untouched = words.is_empty()
        && numbers.iter().all(|(_, c)| {
            let kept = (number(c, "impute"), number(c, "offset"), number(c, "divisor"));
            kept == (0.0, 0.0, 1.0) && !indicator(c)
        });
    let names = |of: &[Place]| {
        of.iter().map(|(_, c)| c["name"].as_str().unwrap_or("?")).collect::<Vec<_>>().join(", ")
    };
    if untouched {
        let dims = [Size::Symbol(batch), Size::Number(numbers.len() as u64)];
        return writer.input(name, data_type::FLOAT, &dims, &names(&numbers));
    }
    // Parts of the matrix, with the matrix columns that they are.
    let mut parts: Vec<String> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let begins: Vec<usize> = (0..columns.len()).map(|i| width(&columns[..i])).collect();
    if !numbers.is_empty() {
        let n = numbers.len();
        let dims = [Size::Symbol(batch), Size::Number(n as u64)];
        let raw = writer.input("numbers", data_type::DOUBLE, &dims, &names(&numbers));
        let mut row = |key: &str| {
            let values = numbers.iter().map(|(_, c)| match number(c, key) {
                // The number of a constant column is 0, whatever stands in it.
                0.0 if key == "divisor" => f64::INFINITY,
                number => number,
            });
            let values: Vec<f64> = values.collect();
            writer.doubles(key, &[1, n], &values)
        };
        let (impute, offset, divisor) = (row("impute"), row("offset"), row("divisor"));
        let missing = writer.node("IsNaN", &[&raw], &[], "missing");
        let known = writer.node("Where", &[&missing, &impute, &raw], &[], "known");
        let centred = writer.node("Sub", &[&known, &offset], &[], "centred");
        let scaled = writer.node("Div", &[&centred, &divisor], &[], "scaled");
        let float = [("to", Attribute::Int(data_type::FLOAT.into()))];
        let alone = words.is_empty() && !numbers.iter().any(|(_, c)| indicator(c));
        let cast = if alone { name } else { "scaled_32" };
        parts.push(writer.node("Cast", &[&scaled], &float, cast));
        if alone {
            return parts.remove(0);
        }
        places.extend(numbers.iter().map(|(i, _)| begins[*i]));
        let marked: Vec<usize> = (0..n).filter(|&k| indicator(numbers[k].1)).collect();
        if !marked.is_empty() {
            let wanted: Vec<i64> = marked.iter().map(|&k| k as i64).collect();
            let which = writer.ints(&wanted);
            let flags = writer.node("Cast", &[&missing], &float, "missing_32");
            let axis = [("axis", Attribute::Int(1))];
            parts.push(writer.node("Gather", &[&flags, &which], &axis, "indicators"));
            places.extend(marked.iter().map(|&k| begins[numbers[k].0] + 1));
        }
    }
    for (i, column) in words {
        let width = width(&columns[i..=i]);
        if width > 0 {
            parts.push(looked_up(writer, encoder, column, batch, begins[i], width));
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

/// The number of matrix columns of these inputs, as [`Encoder::input_width`] counts them.
fn width(columns: &[&Value]) -> usize {
    let one = |c: &&Value| {
        let levels = c["categories"]["levels"].as_array().map_or(1, Vec::len);
        levels + usize::from(c["indicator"] == true)
    };
    columns.iter().map(one).sum()
}

fn looked_up(
    writer: &mut Writer,
    encoder: &Encoder,
    column: &Value,
    batch: &str,
    begin: usize,
    width: usize,
) -> String {
    let name = column["name"].as_str().unwrap_or("?");
    let code = column.get("categories").or(column.get("boolean"));
    let levels = code.and_then(|c| c["levels"].as_array());
    let levels: Vec<String> =
        levels.into_iter().flatten().filter_map(|l| l.as_str().map(String::from)).collect();
    let rows = levels.len() + 2;
    // A word that is no level: longer than each of them.
    let unseen = levels.concat() + "_";
    let codes = (0..levels.len()).map(Some).chain([None, Some(levels.len())]);
    let values = Values::Categories {
        codes: codes.collect(),
        levels: levels.iter().cloned().chain([unseen]).collect(),
    };
    let position = column["position"].as_u64().unwrap_or(0) as usize;
    let table = sample(encoder, position, name, values, rows);
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
fn sample(encoder: &Encoder, position: usize, name: &str, values: Values, rows: usize) -> Table {
    let json = encoder.to_json();
    let total = json["columns"].as_u64().unwrap_or(0) as usize;
    let mut columns: Vec<Column> = (0..total)
        .map(|j| Column {
            name: (j + 1).to_string(),
            values: Values::Numbers(vec![f64::NAN; rows].into()),
        })
        .collect();
    for input in json["inputs"].as_array().into_iter().flatten() {
        let at = input["position"].as_u64().unwrap_or(0) as usize;
        columns[at].name = input["name"].as_str().unwrap_or("?").into();
    }
    columns[position] = Column { name: name.into(), values };
    Table { file: String::new(), columns, rows, named: encoder.named(), lines: None }
}

/// Puts a prediction of scaled numbers back on the scale of the table.
pub(crate) fn unscale(writer: &mut Writer, json: &Value, predicted: String) -> String {
    let targets: Vec<&Value> = json["target"]["numbers"].as_array().into_iter().flatten().collect();
    let of = |key: &str| targets.iter().map(|t| t[key].as_f64().unwrap_or(0.0)).collect::<Vec<_>>();
    let (offset, divisor) = (of("offset"), of("divisor"));
    if offset.iter().all(|&x| x == 0.0) && divisor.iter().all(|&x| x == 1.0) {
        return predicted;
    }
    let n = targets.len();
    let divisor = writer.floats("target_divisor", &[1, n], &divisor);
    let offset = writer.floats("target_offset", &[1, n], &offset);
    let wide = writer.node("Mul", &[&predicted, &divisor], &[], "unscaled");
    writer.node("Add", &[&wide, &offset], &[], "prediction")
}
