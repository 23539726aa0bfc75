//! A trained model and its file: one safetensors file with all that is needed to use it again.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use matgrad_data::Encoder;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

use crate::{Error, Network};

/// A network with weights and what was learnt from the training table.
pub struct Model {
    /// The equations.
    pub network: Network,
    /// Parameters and constants.
    pub weights: Vec<(NodeId, Matrix)>,
    /// Columns to matrices and back.
    pub encoder: Encoder,
    /// The seed it was trained with.
    pub seed: u64,
}

const VERSION: &str = "1";

impl Model {
    /// Writes the file: to a temporary one beside it first, then in its place.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let fail = |e: &dyn std::fmt::Display| {
            Error::Input(format!("{} cannot be written: {e}", path.display()))
        };
        let graph = &self.network.equations.graph;
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .weights
            .iter()
            .map(|(node, m)| {
                let name = graph.name(*node).map_or("?".into(), |n| n.spelling.clone());
                (name, vec![m.rows, m.cols], m.data.iter().flat_map(|x| x.to_le_bytes()).collect())
            })
            .collect();
        let mut metadata: HashMap<String, String> = HashMap::from([
            ("format".into(), format!("matgrad {VERSION}")),
            ("version".into(), env!("CARGO_PKG_VERSION").into()),
            ("equations".into(), self.network.source.clone()),
            ("encoder".into(), self.encoder.to_json().to_string()),
            ("labels".into(), json!(self.encoder.labels()).to_string()),
            ("seed".into(), self.seed.to_string()),
        ]);
        metadata.insert(
            "checksum".into(),
            checksum(&metadata, tensors.iter().map(|t| (t.0.as_str(), t.2.as_slice()))),
        );
        let views: Result<Vec<(String, TensorView)>, _> = tensors
            .iter()
            .map(|(n, s, b)| TensorView::new(Dtype::F64, s.clone(), b).map(|v| (n.clone(), v)))
            .collect();
        let bytes = safetensors::serialize(views.map_err(|e| fail(&e))?, Some(metadata))
            .map_err(|e| fail(&e))?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file_name =
            path.file_name().map_or("model".into(), |n| n.to_string_lossy().into_owned());
        let temporary = folder.join(format!(".{file_name}.{}", std::process::id()));
        let written = std::fs::File::create(&temporary)
            .and_then(|mut f| f.write_all(&bytes).and_then(|()| f.sync_all()))
            .and_then(|()| std::fs::rename(&temporary, path));
        written.map_err(|e| {
            // Nothing half written stays.
            std::fs::remove_file(&temporary).ok();
            fail(&e)
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is no model, truncated or altered.
    pub fn load(path: &Path) -> Result<Model, Error> {
        let fail = |why: String| Error::Input(format!("{}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
        let broken = |e: safetensors::SafeTensorError| {
            fail(format!(
                "this is no model, or it is truncated ({e}); train it again or take a copy"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let get = |key: &str| {
            metadata
                .get(key)
                .cloned()
                .ok_or_else(|| fail(format!("no {key} in it: it was not written by matgrad")))
        };
        let known = get("checksum")?;
        let names = tensors.names();
        let views: Result<Vec<_>, _> =
            names.iter().map(|n| tensors.tensor(n).map(|t| (n.to_string(), t))).collect();
        let views = views.map_err(broken)?;
        if checksum(&metadata, views.iter().map(|(n, t)| (n.as_str(), t.data()))) != known {
            return Err(fail(
                "the checksum does not match: the file was altered or damaged".into(),
            ));
        }
        let network = Network::parse(&path.display().to_string(), &get("equations")?)?;
        let encoder: Value =
            serde_json::from_str(&get("encoder")?).map_err(|e| fail(e.to_string()))?;
        let encoder = Encoder::from_json(&encoder)?;
        let graph = &network.equations.graph;
        let mut weights = Vec::new();
        for (node, initial) in network.initial(0)? {
            let name = graph.name(node).map_or("?", |n| n.spelling.as_str());
            let (_, tensor) = views
                .iter()
                .find(|(n, _)| n == name)
                .ok_or_else(|| fail(format!("it lacks {name}")))?;
            if tensor.dtype() != Dtype::F64 || tensor.shape() != [initial.rows, initial.cols] {
                return Err(fail(format!(
                    "{name} is {:?} {:?}, but the equations say {}×{}",
                    tensor.dtype(),
                    tensor.shape(),
                    initial.rows,
                    initial.cols
                )));
            }
            let data = tensor
                .data()
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().expect("chunks of 8 bytes")))
                .collect();
            weights.push((node, Matrix::new(initial.rows, initial.cols, data)));
        }
        let seed = get("seed")?.parse().map_err(|_| fail("its seed is no number".into()))?;
        Ok(Model { network, weights, encoder, seed })
    }
}

/// CRC-32 over metadata and tensors, in the order of their names.
fn checksum<'a>(
    metadata: &'a HashMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let mut parts: Vec<(&str, &[u8])> = metadata
        .iter()
        .filter(|(k, _)| *k != "checksum")
        .map(|(k, v)| (k.as_str(), v.as_bytes()))
        .chain(tensors)
        .collect();
    parts.sort_unstable();
    let mut crc = flate2::Crc::new();
    for (name, bytes) in parts {
        crc.update(name.as_bytes());
        crc.update(&(bytes.len() as u64).to_le_bytes());
        crc.update(bytes);
    }
    format!("crc32:{:08x}", crc.sum())
}
