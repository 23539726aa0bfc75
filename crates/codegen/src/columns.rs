//! What the columns of the input and of the output are, as notes at the head of generated code.
//!
//! The code takes the matrix that the equations take, so whoever calls it makes that of a row of
//! the table. The notes say all that this needs.

use matgrad::data::{Code, Encoder, Input};

/// A line for each column of the input with what stands there for a missing value, and a line for
/// each output.
pub fn columns(encoder: &Encoder) -> Vec<String> {
    let mut notes = vec!["Columns of the input, x as it stands in the table:".to_string()];
    let mut next = 1;
    for column in encoder.input_columns() {
        let lines = lines(column);
        notes.extend(lines.iter().zip(next..).map(|(line, k)| format!("{k}: {line}")));
        next += lines.len();
    }
    if encoder.input_columns().iter().any(|column| !matches!(column.code, Code::Numbers { .. })) {
        notes.push("A word that stands on no line is 0 in each column of its name.".into());
    }
    let labels = encoder.labels().iter().enumerate();
    notes.extend(labels.map(|(k, label)| format!("Output {}: {label}", k + 1)));
    for (name, scale) in encoder.number_targets() {
        let (divisor, offset) = (scale.divisor, scale.offset);
        notes.push(format!("Output: {name}, times {divisor:?} plus {offset:?}"));
    }
    notes
}

/// The matrix columns of a column of the table.
fn lines(column: &Input) -> Vec<String> {
    let name = &column.name;
    let constant = format!("{name}, always 0, since it is constant in the training rows");
    // What a missing value counts as, on the line of that level.
    let missing = |k: usize, usual: usize| if k == usual { " or missing" } else { "" };
    let mut lines = match &column.code {
        Code::Numbers { scale, .. } if scale.divisor == 0.0 => vec![constant],
        Code::Numbers { impute, scale } => vec![format!(
            "{name}, (x - {}) / {}; a missing x is {impute}",
            scale.offset, scale.divisor
        )],
        Code::Boolean { levels, usual } => vec![match &levels[..] {
            [low, high] => format!(
                "{name}, 1 where it is {high:?}{}, 0 where it is {low:?}{}",
                missing(1, *usual),
                missing(0, *usual)
            ),
            _ => constant,
        }],
        Code::Categories { levels, .. } if levels.len() == 1 => vec![constant],
        Code::Categories { levels, usual } => {
            let each = levels.iter().enumerate();
            each.map(|(k, level)| {
                format!("1 where {name} is {level:?}{}, else 0", missing(k, *usual))
            })
            .collect()
        }
    };
    if column.indicator {
        lines.push(format!("1 where {name} is missing, else 0"));
    }
    lines
}
