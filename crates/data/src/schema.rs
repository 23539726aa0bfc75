//! The encoder as JSON, which the model file keeps; numbers come back bit for bit.

use crate::input::{Code, Input};
use crate::number::Scale;
use crate::target::{NumberTarget, Target};
use crate::{Encoder, Error};
use serde_json::{Map, Value, json};

/// The version of the JSON.
const VERSION: u64 = 1;
/// The most columns of a table that only a network describes.
pub const MOST_COLUMNS: usize = 1 << 20;

impl Encoder {
    /// All that was learnt, as JSON.
    pub fn to_json(&self) -> Value {
        let input = |input: &Input| {
            let mut object = Map::new();
            object.insert("name".to_string(), json!(input.name));
            object.insert("position".to_string(), json!(input.position));
            object.insert("indicator".to_string(), json!(input.indicator));
            let (key, value) = match &input.code {
                Code::Numbers { impute, scale } => {
                    let (offset, divisor) = (scale.offset, scale.divisor);
                    ("numbers", json!({"impute": impute, "offset": offset, "divisor": divisor}))
                }
                Code::Boolean { levels, usual } => {
                    ("boolean", json!({"levels": levels, "usual": usual}))
                }
                Code::Categories { levels, usual } => {
                    ("categories", json!({"levels": levels, "usual": usual}))
                }
            };
            object.insert(key.to_string(), value);
            Value::Object(object)
        };
        let target = match &self.target {
            Target::Classes { name, position, labels } => {
                json!({"classes": {"name": name, "position": position, "labels": labels}})
            }
            Target::Numbers(targets) => {
                let number = |target: &NumberTarget| {
                    json!({
                        "name": target.name,
                        "position": target.position,
                        "offset": target.scale.offset,
                        "divisor": target.scale.divisor,
                    })
                };
                json!({"numbers": targets.iter().map(number).collect::<Vec<_>>()})
            }
        };
        json!({
            "version": VERSION,
            "named": self.named,
            "columns": self.columns,
            "allow_missing_targets": self.allow_missing_targets,
            "inputs": self.inputs.iter().map(input).collect::<Vec<_>>(),
            "target": target,
            "warnings": self.warnings,
        })
    }

    /// Of a table without names: numbers as they are in, and numbers, or the classes 0, 1, … in
    /// one column after them, out.
    ///
    /// # Errors
    /// [`Error::Columns`] for more than 2²⁰ of them.
    pub fn plain(inputs: usize, outputs: usize, classes: bool) -> Result<Encoder, Error> {
        if inputs.saturating_add(outputs) > MOST_COLUMNS {
            return Err(Error::Columns { count: inputs.saturating_add(outputs) });
        }
        let scale = Scale { offset: 0.0, divisor: 1.0 };
        let name = |position: usize| (position + 1).to_string();
        let input = |position| Input {
            name: name(position),
            position,
            code: Code::Numbers { impute: 0.0, scale },
            indicator: false,
        };
        let number = |position| NumberTarget { name: name(position), position, scale };
        let labels = (0..outputs).map(|k| k.to_string()).collect();
        let target = match classes {
            true => Target::Classes { name: name(inputs), position: inputs, labels },
            false => Target::Numbers((inputs..inputs + outputs).map(number).collect()),
        };
        Ok(Encoder {
            inputs: (0..inputs).map(input).collect(),
            target,
            named: false,
            columns: inputs + if classes { 1 } else { outputs },
            allow_missing_targets: false,
            warnings: Vec::new(),
        })
    }

    /// The encoder that [`Encoder::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Schema`] when something is missing or impossible, with its place in the JSON.
    pub fn from_json(value: &Value) -> Result<Encoder, Error> {
        let root = Node { value, path: String::new() };
        let version = root.at("version")?.whole()?;
        if version as u64 != VERSION {
            return Err(root.at("version")?.wrong(&format!("{VERSION} (it is {version})")));
        }
        let columns = root.at("columns")?.whole()?;
        let inputs = root.at("inputs")?.list()?;
        let inputs = inputs.iter().map(|node| input(node, columns)).collect::<Result<_, _>>()?;
        Ok(Encoder {
            inputs,
            target: target(&root.at("target")?, columns)?,
            named: root.at("named")?.boolean()?,
            columns,
            allow_missing_targets: root.at("allow_missing_targets")?.boolean()?,
            warnings: root.at("warnings")?.words()?,
        })
    }
}

fn input(node: &Node, columns: usize) -> Result<Input, Error> {
    let code = if let Some(numbers) = node.get("numbers") {
        Code::Numbers { impute: numbers.at("impute")?.number()?, scale: scale(&numbers)? }
    } else if let Some(boolean) = node.get("boolean") {
        let (levels, usual) = levels(&boolean)?;
        if levels.len() != 2 {
            return Err(boolean.at("levels")?.wrong("two words"));
        }
        Code::Boolean { levels, usual }
    } else {
        let (levels, usual) = levels(&node.at("categories")?)?;
        Code::Categories { levels, usual }
    };
    Ok(Input {
        name: node.at("name")?.text()?,
        position: position(node, columns)?,
        code,
        indicator: node.at("indicator")?.boolean()?,
    })
}

fn target(node: &Node, columns: usize) -> Result<Target, Error> {
    if let Some(classes) = node.get("classes") {
        let labels = classes.at("labels")?.words()?;
        if labels.len() < 2 {
            return Err(classes.at("labels")?.wrong("a list of two labels or more"));
        }
        let (name, position) = (classes.at("name")?.text()?, position(&classes, columns)?);
        return Ok(Target::Classes { name, position, labels });
    }
    let number = |node: &Node| {
        let (name, position) = (node.at("name")?.text()?, position(node, columns)?);
        Ok(NumberTarget { name, position, scale: scale(node)? })
    };
    node.at("numbers")?.list()?.iter().map(number).collect::<Result<_, _>>().map(Target::Numbers)
}

fn scale(node: &Node) -> Result<Scale, Error> {
    Ok(Scale { offset: node.at("offset")?.number()?, divisor: node.at("divisor")?.number()? })
}

fn levels(node: &Node) -> Result<(Vec<String>, usize), Error> {
    let (levels, usual) = (node.at("levels")?.words()?, node.at("usual")?.whole()?);
    if usual >= levels.len().max(1) {
        return Err(node.at("usual")?.wrong("the index of a level"));
    }
    Ok((levels, usual))
}

fn position(node: &Node, columns: usize) -> Result<usize, Error> {
    let position = node.at("position")?;
    match position.whole()? {
        index if index < columns => Ok(index),
        _ => Err(position.wrong("the index of a column")),
    }
}

/// A JSON value that knows where it stands.
struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    fn get(&self, key: &str) -> Option<Node<'a>> {
        let path = format!("{}/{key}", self.path);
        self.value.get(key).map(|value| Node { value, path })
    }

    fn at(&self, key: &str) -> Result<Node<'a>, Error> {
        self.get(key)
            .ok_or_else(|| Error::Schema { what: format!("{}/{key} is missing", self.path) })
    }

    fn wrong(&self, wanted: &str) -> Error {
        Error::Schema { what: format!("{} is not {wanted}", self.path) }
    }

    fn list(&self) -> Result<Vec<Node<'a>>, Error> {
        let list = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        let node = |(i, value)| Node { value, path: format!("{}/{i}", self.path) };
        Ok(list.iter().enumerate().map(node).collect())
    }

    fn words(&self) -> Result<Vec<String>, Error> {
        self.list()?.iter().map(Node::text).collect()
    }

    fn text(&self) -> Result<String, Error> {
        self.value.as_str().map(str::to_string).ok_or_else(|| self.wrong("text"))
    }

    fn boolean(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    fn number(&self) -> Result<f64, Error> {
        self.value.as_f64().ok_or_else(|| self.wrong("a number"))
    }

    fn whole(&self) -> Result<usize, Error> {
        let whole = self.value.as_u64().and_then(|n| usize::try_from(n).ok());
        whole.ok_or_else(|| self.wrong("a whole number"))
    }
}
