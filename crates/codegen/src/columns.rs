//! What the columns of the input and of the output are, as notes at the head of generated code.
//!
//! The code takes the matrix that the equations take, so whoever calls it makes that of a row of
//! the table. The notes say all that this needs.

use matgrad::data::Encoder;
use serde_json::Value;

/// A line for each column of the input with what stands there for a missing value, and a line for
/// each output.
pub fn columns(encoder: &Encoder) -> Vec<String> {
    let json = encoder.to_json();
    let inputs = || json["inputs"].as_array().into_iter().flatten();
    let mut notes = vec!["Columns of the input, x as it stands in the table:".to_string()];
    let mut next = 1;
    for column in inputs() {
        let mut lines = if column.get("numbers").is_some() { number(column) } else { word(column) };
        if column["indicator"] == true {
            lines.push(format!("1 where {} is missing, else 0", name(column)));
        }
        notes.extend(lines.iter().zip(next..).map(|(line, k)| format!("{k}: {line}")));
        next += lines.len();
    }
    if inputs().any(|column| column.get("numbers").is_none()) {
        notes.push("A word that stands on no line is 0 in each column of its name.".into());
    }
    let labels = encoder.labels().iter().enumerate();
    notes.extend(labels.map(|(k, label)| format!("Output {}: {label}", k + 1)));
    for target in json["target"]["numbers"].as_array().into_iter().flatten() {
        let (divisor, offset) = (&target["divisor"], &target["offset"]);
        notes.push(format!("Output: {}, times {divisor} plus {offset}", name(target)));
    }
    notes
}

fn name(column: &Value) -> &str {
    column["name"].as_str().unwrap_or("?")
}

/// The one column of a number.
fn number(column: &Value) -> Vec<String> {
    let name = name(column);
    let of = |key: &str| column["numbers"][key].as_f64().unwrap_or(0.0);
    let (offset, divisor) = (of("offset"), of("divisor"));
    vec![match divisor == 0.0 {
        true => format!("{name}, always 0, since it is constant in the training rows"),
        false => format!("{name}, (x - {offset}) / {divisor}; a missing x is {}", of("impute")),
    }]
}

/// The columns of words: one for two values, else one for each level.
fn word(column: &Value) -> Vec<String> {
    let name = name(column);
    let code = column.get("categories").or(column.get("boolean"));
    let levels = code.and_then(|code| code["levels"].as_array());
    let levels: Vec<&str> = levels.into_iter().flatten().filter_map(Value::as_str).collect();
    let usual = code.and_then(|code| code["usual"].as_u64()).unwrap_or(0) as usize;
    // What a missing value counts as, on the line of that level.
    let missing = |k: usize| if k == usual { " or missing" } else { "" };
    match levels[..] {
        [low, high] if column.get("boolean").is_some() => vec![format!(
            "{name}, 1 where it is {high:?}{}, 0 where it is {low:?}{}",
            missing(1),
            missing(0)
        )],
        [_] => vec![format!("{name}, always 0, since it is constant in the training rows")],
        _ => {
            let levels = levels.iter().enumerate();
            levels
                .map(|(k, level)| format!("1 where {name} is {level:?}{}, else 0", missing(k)))
                .collect()
        }
    }
}
