//! A trained model and its file: one safetensors file with all that is needed to use it again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use matgrad_data::Encoder;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use safetensors::{Dtype, SafeTensors, View, tensor::TensorView};
use serde_json::{Value, json};

use crate::file::write_atomically;
use crate::{Checkpoint, Costs, Error, Kept, Link, Network, Precision};

/// A network with weights and what was learnt from the training table.
pub struct Model {
    /// The equations.
    pub network: Network,
    /// Parameters and constants.
    pub weights: Vec<(NodeId, Matrix)>,
    /// Columns to matrices and back.
    pub encoder: Encoder,
    /// Weights and costs.
    pub costs: Costs,
    /// The seed it was trained with.
    pub seed: u64,
    /// In which it was trained, and in which its numbers are stored.
    pub precision: Precision,
    /// How it was trained, and from where training can go on.
    pub training: Option<Training>,
}

/// The update rule of a model with its state.
pub struct Training {
    /// The rule's text.
    pub rule: String,
    /// Hyperparameters that differ from the rule's defaults.
    pub settings: Vec<(String, f64)>,
    /// What else the course of the fit hangs on, such as its batch: [`FitOptions::course`].
    ///
    /// [`FitOptions::course`]: crate::FitOptions::course
    pub course: Vec<(String, String)>,
    /// The last epoch's end.
    pub checkpoint: Checkpoint,
}

const VERSION: &str = "1";

/// A tensor of the file. Its bytes are made where they are written, one tensor at a time.
struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    entries: Entries<'a>,
}

enum Entries<'a> {
    Real(&'a [f64]),
    Kept(&'a Kept),
    Count(&'a [usize]),
}

/// Numbers as bytes, the lowest one of each first.
fn real(numbers: impl Iterator<Item = f64>, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => numbers.flat_map(|x| (x as f32).to_le_bytes()).collect(),
        _ => numbers.flat_map(f64::to_le_bytes).collect(),
    }
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self.entries {
            Entries::Real(x) => real(x.iter().copied(), self.dtype),
            Entries::Kept(Kept::F64(x)) => real(x.iter().copied(), self.dtype),
            Entries::Kept(Kept::F32(x)) => real(x.iter().map(|&x| f64::from(x)), self.dtype),
            Entries::Count(n) => n.iter().flat_map(|&n| (n as u64).to_le_bytes()).collect(),
        })
    }
    fn data_len(&self) -> usize {
        let bytes = if self.dtype == Dtype::F32 { 4 } else { 8 };
        bytes * self.shape.iter().product::<usize>()
    }
}

impl Model {
    /// A model from elsewhere, for tables of numbers that are taken as they are: a column for each
    /// input, then the targets, which are classes where the network ends in a softmax.
    ///
    /// # Errors
    /// A network whose inputs or targets are without number.
    pub fn plain(network: Network, weights: Vec<(NodeId, Matrix)>) -> Result<Model, Error> {
        let (inputs, outputs) = (network.columns(network.input), network.columns(network.target));
        let classes = network.link == Link::Softmax && outputs > 1;
        let encoder = Encoder::plain(inputs, outputs, classes)?;
        let single = |&x: &f64| f64::from(x as f32) == x || x.is_nan();
        let precision = match weights.iter().all(|(_, m)| m.data.iter().all(single)) {
            true => Precision::F32,
            false => Precision::F64,
        };
        let costs = Costs::default();
        Ok(Model { network, weights, encoder, costs, seed: 0, precision, training: None })
    }

    /// Writes the file, as [`write_atomically`] does.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, &self.bytes()?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Metadata or tensors that cannot be written as such a file.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let fail =
            |e: &dyn std::fmt::Display| Error::Run(format!("the model cannot be written: {e}"));
        let graph = &self.network.equations.graph;
        let name = |node: NodeId| graph.name(node).map_or("?".into(), |n| n.spelling.clone());
        let dtype = match self.precision {
            Precision::F32 => Dtype::F32,
            Precision::F64 => Dtype::F64,
        };
        let mut tensors: Vec<Tensor> = Vec::new();
        for (node, m) in &self.weights {
            let (name, shape, entries) =
                (name(*node), vec![m.rows, m.cols], Entries::Real(&m.data));
            tensors.push(Tensor { name, shape, dtype, entries });
        }
        let mut metadata: HashMap<String, String> = HashMap::from([
            ("format".into(), format!("matgrad {VERSION}")),
            ("version".into(), env!("CARGO_PKG_VERSION").into()),
            ("equations".into(), self.network.source.clone()),
            ("encoder".into(), self.encoder.to_json().to_string()),
            ("labels".into(), json!(self.encoder.labels()).to_string()),
            ("costs".into(), self.costs.to_json().to_string()),
            ("seed".into(), self.seed.to_string()),
        ]);
        if let Some(training) = &self.training {
            let Checkpoint { weights, states, order, best, .. } = &training.checkpoint;
            let parameters = self.network.equations.learnt();
            let checkpoint = |part: &str, name: &str, values| {
                let name = format!("checkpoint.{part}.{name}");
                let shape = vec![Kept::len(values)];
                Tensor { name, shape, dtype, entries: Entries::Kept(values) }
            };
            for (k, &node) in parameters.iter().enumerate() {
                tensors.push(checkpoint("weights", &name(node), &weights[k]));
                if let Some((_, best)) = best {
                    tensors.push(checkpoint("best", &name(node), &best[k]));
                }
            }
            for (k, state) in states.iter().enumerate() {
                tensors.push(checkpoint("state", &format!("{k:06}"), state));
            }
            tensors.push(Tensor {
                name: "checkpoint.order".into(),
                shape: vec![order.len()],
                dtype: Dtype::U64,
                entries: Entries::Count(order),
            });
            metadata.insert("optimizer".into(), training.rule.clone());
            metadata.insert("settings".into(), json!(training.settings).to_string());
            metadata.insert("course".into(), json!(training.course).to_string());
            metadata.insert("checkpoint".into(), training.checkpoint.to_json().to_string());
        }
        metadata.insert(
            "checksum".into(),
            checksum(&metadata, tensors.iter().map(|t| (t.name.as_str(), t))),
        );
        let views = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(&e))?;
        in_order(bytes).map_err(|e| fail(&e))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is no model, truncated or altered.
    pub fn load(path: &Path) -> Result<Model, Error> {
        let bytes = std::fs::read(path)
            .map_err(|e| Error::Input(format!("{}: cannot be read: {e}", path.display())))?;
        Model::read(path, &bytes)
    }

    /// Reads the bytes of a file; `path` is its name in messages.
    ///
    /// # Errors
    /// Bytes that are no model, truncated or altered.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Model, Error> {
        let file = File::open(path, bytes)?;
        let network = Network::parse(&path.display().to_string(), &file.text("equations")?)?;
        let encoder = Encoder::from_json(&file.json("encoder")?)?;
        let (weights, precision) = file.weights(&network)?;
        let seed =
            file.text("seed")?.parse().map_err(|_| file.fail("its seed is no number".into()))?;
        let training = file
            .metadata
            .contains_key("checkpoint")
            .then(|| file.training(&network, precision))
            .transpose()?;
        let costs = match file.metadata.contains_key("costs") {
            true => Costs::from_json(&file.json("costs")?)?,
            false => Costs::default(),
        };
        Ok(Model { network, weights, encoder, costs, seed, precision, training })
    }
}

/// A file whose checksum holds.
struct File<'a> {
    path: &'a Path,
    metadata: HashMap<String, String>,
    tensors: HashMap<String, TensorView<'a>>,
}

/// Weights by their nodes, and the precision in which they are stored.
type Weights = (Vec<(NodeId, Matrix)>, Precision);

impl<'a> File<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<File<'a>, Error> {
        let broken = |e: safetensors::SafeTensorError| {
            Error::Input(format!(
                "{}: this is no model, or it is truncated ({e}); train it again or take a copy",
                path.display()
            ))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let file = File {
            path,
            metadata: header.metadata().clone().unwrap_or_default(),
            tensors: tensors.tensors().into_iter().collect(),
        };
        let found = checksum(&file.metadata, file.tensors.iter().map(|(n, t)| (&n[..], t)));
        if found != file.text("checksum")? {
            return Err(file.fail(
                "the checksum does not match: the file was altered or damaged; train it again or \
                 take a copy"
                    .into(),
            ));
        }
        Ok(file)
    }

    fn fail(&self, why: String) -> Error {
        Error::Input(format!("{}: {why}", self.path.display()))
    }

    fn text(&self, key: &str) -> Result<String, Error> {
        let lacks = || self.fail(format!("no {key} in it: it was not written by matgrad"));
        self.metadata.get(key).cloned().ok_or_else(lacks)
    }

    fn json(&self, key: &str) -> Result<Value, Error> {
        serde_json::from_str(&self.text(key)?).map_err(|e| self.fail(e.to_string()))
    }

    fn tensor(&self, name: &str) -> Result<&TensorView<'a>, Error> {
        self.tensors.get(name).ok_or_else(|| self.fail(format!("it lacks {name}")))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, Error> {
        numbers(self.tensor(name)?).map_err(|why| self.fail(format!("{name} {why}")))
    }

    fn weights(&self, network: &Network) -> Result<Weights, Error> {
        let graph = &network.equations.graph;
        let mut weights = Vec::new();
        let mut precision = Precision::F64;
        for (node, initial) in network.initial(0)? {
            let name = graph.name(node).map_or("?", |n| n.spelling.as_str());
            let tensor = self.tensor(name)?;
            if tensor.shape() != [initial.rows, initial.cols] {
                return Err(self.fail(format!(
                    "{name} is {:?}, but the equations say {}×{}",
                    tensor.shape(),
                    initial.rows,
                    initial.cols
                )));
            }
            if tensor.dtype() == Dtype::F32 {
                precision = Precision::F32;
            }
            weights.push((node, Matrix::new(initial.rows, initial.cols, self.numbers(name)?)));
        }
        Ok((weights, precision))
    }

    fn training(&self, network: &Network, precision: Precision) -> Result<Training, Error> {
        let graph = &network.equations.graph;
        let kept = |name: String| Ok(Kept::new(self.numbers(&name)?, precision));
        let each = |part: &str| -> Result<Vec<Kept>, Error> {
            let names = network.equations.learnt().into_iter();
            let names = names.map(|p| graph.name(p).map_or("?", |n| n.spelling.as_str()));
            names.map(|name| kept(format!("checkpoint.{part}.{name}"))).collect()
        };
        let mut checkpoint = Checkpoint::from_json(&self.json("checkpoint")?)?;
        checkpoint.weights = each("weights")?;
        if let Some((_, best)) = &mut checkpoint.best {
            *best = each("best")?;
        }
        let states = (0..).map(|k| format!("checkpoint.state.{k:06}"));
        let states = states.take_while(|name| self.tensors.contains_key(name));
        checkpoint.states = states.map(kept).collect::<Result<_, Error>>()?;
        let order = self.tensor("checkpoint.order")?.data().chunks_exact(8);
        let row = |b: &[u8]| u64::from_le_bytes(b.try_into().expect("chunks of 8")) as usize;
        checkpoint.order = order.map(row).collect();
        let wrong = |e: serde_json::Error| self.fail(e.to_string());
        Ok(Training {
            rule: self.text("optimizer")?,
            settings: serde_json::from_value(self.json("settings")?).map_err(wrong)?,
            course: serde_json::from_value(self.json("course")?).map_err(wrong)?,
            checkpoint,
        })
    }
}

/// The entries of a tensor of real numbers.
pub(crate) fn numbers(tensor: &TensorView) -> Result<Vec<f64>, String> {
    let data = tensor.data();
    let short = |b: &[u8]| u16::from_le_bytes(b.try_into().expect("chunks of 2 bytes"));
    if tensor.dtype() == Dtype::F32 {
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks of 4 bytes"));
        Ok(data.chunks_exact(4).map(|b| f64::from(number(b))).collect())
    } else if tensor.dtype() == Dtype::F64 {
        let number = |b: &[u8]| f64::from_le_bytes(b.try_into().expect("chunks of 8 bytes"));
        Ok(data.chunks_exact(8).map(number).collect())
    } else if tensor.dtype() == Dtype::F16 {
        Ok(data.chunks_exact(2).map(|b| half(short(b))).collect())
    } else if tensor.dtype() == Dtype::BF16 {
        let number = |b: &[u8]| f64::from(f32::from_bits(u32::from(short(b)) << 16));
        Ok(data.chunks_exact(2).map(number).collect())
    } else {
        Err(format!("is of type {:?}; F64, F32, F16 or BF16 is wanted", tensor.dtype()))
    }
}

/// A number of 16 bits: 5 of exponent and 10 of fraction.
pub fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

/// The file with its metadata in the order of their names, so that equal models are equal files.
fn in_order(mut bytes: Vec<u8>) -> Result<Vec<u8>, serde_json::Error> {
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length])?;
    if let Some(Value::Object(metadata)) = header.get_mut("__metadata__") {
        metadata.sort_keys();
    }
    let mut text = serde_json::to_vec(&header)?;
    // Only the order is another, so it has the same length before the spaces that align the data.
    text.resize(length, b' ');
    bytes[8..8 + length].copy_from_slice(&text);
    Ok(bytes)
}

/// What a checksum goes over.
enum Part<'a, V> {
    Text(&'a str),
    Tensor(V),
}

impl<V: View> Part<'_, V> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Part::Text(text) => Cow::Borrowed(text.as_bytes()),
            Part::Tensor(tensor) => tensor.data(),
        }
    }
}

/// CRC-32 over metadata and tensors, in the order of their names.
fn checksum<'a, V: View>(
    metadata: &'a HashMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, V)>,
) -> String {
    let texts = metadata.iter().filter(|(key, _)| *key != "checksum");
    let texts = texts.map(|(key, text)| (key.as_str(), Part::Text(text)));
    let mut parts: Vec<(&str, Part<V>)> = texts.collect();
    parts.extend(tensors.map(|(name, tensor)| (name, Part::Tensor(tensor))));
    parts.sort_by(|a, b| a.0.cmp(b.0).then_with(|| a.1.bytes().cmp(&b.1.bytes())));
    let mut crc = flate2::Crc::new();
    for (name, part) in &parts {
        let bytes = part.bytes();
        crc.update(name.as_bytes());
        crc.update(&(bytes.len() as u64).to_le_bytes());
        crc.update(&bytes);
    }
    format!("crc32:{:08x}", crc.sum())
}
