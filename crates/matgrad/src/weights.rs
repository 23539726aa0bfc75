//! Weights of other programs by their names, from safetensors or NPZ files, for a page of
//! equations.
//!
//! Each parameter takes the tensor that a map names for it, else the one of its own name. A
//! tensor's shape says how it lies: a matrix as it is or transposed, a kernel of a convolution
//! (out, in, height, width) or (height, width, in, out). Where the shape fits both ways, and for
//! a matrix after flattened pictures, the [`Layout`] must be said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use matgrad_data::{npy, npz};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::Op;
use matgrad_expr::syntax::canonical;
use safetensors::SafeTensors;

use crate::model::numbers;
use crate::{Error, Network};

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its entries, the last dimension fastest; or why they are not read.
    pub data: Result<Vec<f64>, String>,
}

/// How tensors lie where their shape leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As PyTorch has them: matrices out × in, kernels out × in × height × width, flattened
    /// pictures channel first.
    OutFirst,
    /// As Keras and these equations have them: matrices in × out, kernels height × width × in ×
    /// out, flattened pictures channel last.
    InFirst,
}

/// The weights of a network, and what of the file was not used.
#[derive(Clone, Debug)]
pub struct Named {
    /// Parameters, constants and states of layers.
    pub weights: Vec<(NodeId, Matrix)>,
    /// Names with shapes.
    pub unused: Vec<String>,
}

/// The tensors of a `.safetensors` or `.npz` file by their names.
///
/// # Errors
/// A file that cannot be read, is neither, truncated or damaged.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, Error> {
    if path.extension().is_some_and(|e| e == "npz") {
        let tensor = |array: npy::Array| Tensor { dims: array.dims, data: Ok(array.matrix.data) };
        return Ok(npz::read(path)?.into_iter().map(|(name, a)| (name, tensor(a))).collect());
    }
    let fail = |why: String| Error::Input(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let broken = |e| fail(format!("this is no safetensors file, or it is truncated ({e})"));
    let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let tensor = |(name, view): (String, safetensors::tensor::TensorView)| {
        (name, Tensor { dims: view.shape().to_vec(), data: numbers(&view) })
    };
    // The state of a model of our own is no weight.
    let weights =
        tensors.tensors().into_iter().filter(|(name, _)| !name.starts_with("checkpoint."));
    Ok(weights.map(tensor).collect())
}

/// Gives a network the weights of a file; `map` pairs names of the page with names of the file.
///
/// # Errors
/// All parameters without a tensor, or with one of another shape, beside what the file has left.
pub fn named(
    network: &Network,
    tensors: &BTreeMap<String, Tensor>,
    map: &[(String, String)],
    layout: Option<Layout>,
) -> Result<Named, Error> {
    let graph = &network.equations.graph;
    let map: BTreeMap<String, &str> =
        map.iter().map(|(ours, theirs)| (canonical(ours), theirs.as_str())).collect();
    let (mut weights, mut used, mut faults) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut known = BTreeSet::new();
    for (node, initial) in network.initial(0)? {
        let Some(name) = graph.name(node) else { continue };
        known.insert(name.text.clone());
        let theirs = map.get(&name.text).copied();
        let found = [theirs.unwrap_or(&name.spelling), &name.text];
        let found = found.iter().find_map(|n| tensors.get_key_value(*n));
        let shown = format!("{} is {}×{}", name.text, initial.rows, initial.cols);
        let Some((theirs, tensor)) = found else {
            // Numbers that the page gives a constant stand.
            if network.equations.learnt().contains(&node) || theirs.is_some() {
                let wanted = theirs.unwrap_or(&name.spelling);
                faults.push(format!("{shown}: the file has no {wanted}"));
            } else {
                weights.push((node, initial));
            }
            continue;
        };
        used.insert(theirs.clone());
        let size = (initial.rows, initial.cols);
        match laid(tensor, size, layout, channels(graph, node)) {
            Ok(data) => weights.push((node, Matrix::new(size.0, size.1, data))),
            Err(why) => faults.push(format!("{shown}: {theirs} {why}")),
        }
    }
    let strange = map.keys().filter(|ours| !known.contains(*ours));
    faults.extend(strange.map(|ours| format!("the page has no parameter {ours}")));
    let free = tensors.iter().filter(|(name, _)| !used.contains(*name));
    let unused: Vec<String> = free.map(|(name, t)| format!("{name} {}", shape(&t.dims))).collect();
    if faults.is_empty() {
        return Ok(Named { weights, unused });
    }
    let mut message = format!("the weights do not fit the page\n  {}", faults.join("\n  "));
    if !unused.is_empty() {
        message += &format!("\nnot used of the file:\n  {}", unused.join("\n  "));
    }
    Err(Error::Input(message))
}

fn shape(dims: &[usize]) -> String {
    match dims {
        [] => "1".into(),
        dims => dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    }
}

/// A tensor's entries as those of a matrix, row by row.
fn laid(
    tensor: &Tensor,
    (rows, cols): (usize, usize),
    layout: Option<Layout>,
    channels: usize,
) -> Result<Vec<f64>, String> {
    let Tensor { dims, data } = tensor;
    let data = data.as_ref().map_err(String::clone)?;
    // So many entries, the first or the last dimension that of the columns.
    let fits = data.len() == rows * cols;
    let (in_first, out_first) = match dims[..] {
        [] | [_] => (fits && rows.min(cols) == 1, false),
        [first, .., last] if dims.len() <= 4 => (fits && last == cols, fits && first == cols),
        _ => (false, false),
    };
    let open = "; say the layout: pytorch (out × in) or keras (in × out)";
    let flattened = channels > 1 && dims.len() == 2 && rows > channels;
    let layout = match (in_first, out_first, layout) {
        (false, false, _) => return Err(format!("is {}", shape(dims))),
        (true, true, None) if dims.len() > 2 || rows.min(cols) > 1 => {
            return Err(format!("is {}, which fits both ways{open}", shape(dims)));
        }
        (_, _, None) if flattened => {
            return Err(format!("comes after flattened pictures of {channels} channels{open}"));
        }
        (true, true, Some(layout)) => layout,
        (true, ..) => Layout::InFirst,
        (false, true, _) => Layout::OutFirst,
    };
    Ok(match (layout, &dims[..]) {
        (Layout::InFirst, _) => data.clone(),
        (Layout::OutFirst, &[to, from, w]) => kernel(data, [to, from, 1, w]).data,
        (Layout::OutFirst, &[to, from, h, w]) => kernel(data, [to, from, h, w]).data,
        (Layout::OutFirst, _) => {
            let turned = Matrix::from_fn(rows, cols, |i, j| data[j * rows + i]);
            if flattened { channel_last(&turned, channels).data } else { turned.data }
        }
    })
}

/// The channels of the pictures that are flattened to what this is multiplied by; 1 where it
/// follows no pictures.
fn channels(graph: &Graph, weight: NodeId) -> usize {
    let nodes = (0..graph.len()).map(|i| graph.get(NodeId(i as u32)));
    let mut products = nodes.filter(|n| n.op == Op::MatMul && n.operands[1] == weight);
    let Some(before) = products.next().map(|n| n.operands[0]) else { return 1 };
    if matches!(graph.get(before).op, Op::Unfold(_)) {
        return 1;
    }
    let pictures = |id: NodeId| match graph.get(id).op {
        Op::Reshape(shape) => {
            let channels = graph.shape(graph.get(id).operands[0]).cols.number()?;
            (channels > 1 && shape.cols.number()? > channels).then_some(channels as usize)
        }
        op => op.window().map(|w| w.channels()),
    };
    let end = |id| graph.get(id).op == Op::MatMul || pictures(id).is_some();
    graph.reachable_to(&[before], true, end).into_iter().find_map(pictures).unwrap_or(1)
}

/// A kernel (out, in, height, width) as the matrix that unfolded pictures are multiplied by: a row
/// for each height, width and channel in.
pub(crate) fn kernel(data: &[f64], [to, from, h, w]: [usize; 4]) -> Matrix {
    Matrix::from_fn(h * w * from, to, |i, j| {
        let (place, channel) = (i / from, i % from);
        data[(j * from + channel) * h * w + place]
    })
}

/// Rows in the order (channel, height, width) as rows in the order (height, width, channel).
pub(crate) fn channel_last(weight: &Matrix, channels: usize) -> Matrix {
    let places = weight.rows / channels;
    Matrix::from_fn(weight.rows, weight.cols, |i, j| {
        let (place, channel) = (i / channels, i % channels);
        weight.at(channel * places + place, j)
    })
}
