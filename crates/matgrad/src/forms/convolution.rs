//! The gradient of a convolution's input as the textbooks write it: the full convolution of the
//! padded delta with the flipped kernel, beside the `fold` that the derivation finds.
//!
//! `fold(Δ Kᵀ)` puts what each place of the window sends back where it came from, and adds. Seen
//! from a pixel, that is a sum over the places that saw it: a window over Δ, with zeros around it
//! and, where the stride is more than 1, between its entries (`fold` with a window of one pixel
//! sets them apart), times the kernels turned by half a turn.
//!
//! ```
//! use matgrad::{calculus::derive, expr::elaborate::read, forms::convolution, library::standard};
//! let page = "param X : 1×9\nparam K : 4×2\nminimize sum((unfold(X, 3×3×1, 2×2) K) .^ 3)";
//! let page = read("page", page, standard()).unwrap();
//! let wrt = page.parameters();
//! let derived = derive(&page.graph, page.objective.unwrap(), &wrt).unwrap();
//! let form = convolution::form(&derived).to_string();
//! assert!(form.contains("2×2×2, 2×2, pad 1) flip(K)"), "{form}");
//! ```

use std::collections::HashMap;
use std::fmt;

use matgrad_calculus::Gradients;
use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::Name;
use matgrad_expr::window::Window;

use super::typeset::{Document, Part};

/// The gradients of a derivation that go back through convolutions.
#[derive(Clone, Debug)]
pub struct ConvolutionForm {
    /// The derived graph, and the flipped forms.
    pub graph: Graph,
    /// In the order of the gradients.
    pub each: Vec<Flipped>,
}

/// One gradient in both forms.
#[derive(Clone, Debug)]
pub struct Flipped {
    /// What it is the gradient of.
    pub of: NodeId,
    /// As it was derived.
    pub gradient: NodeId,
    /// With convolutions in the place of each `fold`.
    pub flipped: NodeId,
    /// Names of the flipped kernels.
    kernels: Vec<String>,
    /// Whether zeros stand between the entries of a delta.
    dilated: bool,
}

/// Finds each `fold` of a product and writes it as a convolution. One whose padding is wider than
/// its window stays a `fold`.
pub fn form(gradients: &Gradients) -> ConvolutionForm {
    let mut graph = gradients.graph.clone();
    let mut each = Vec::new();
    for &(of, gradient) in &gradients.gradients {
        let (mut map, mut kernels, mut dilated) = (HashMap::new(), Vec::new(), false);
        for fold in own(&graph, gradient) {
            let Op::Fold(window) = graph.get(fold).op else { continue };
            let (sent, shape) = (graph.get(fold).operands[0], graph.shape(fold));
            if let Some((node, kernel)) = flipped(&mut graph, sent, &window, shape) {
                map.insert(fold, node);
                kernels.push(kernel);
                dilated |= window.stride != [1, 1];
            }
        }
        if !map.is_empty() {
            let flipped = graph.replace(gradient, &mut map);
            each.push(Flipped { of, gradient, flipped, kernels, dilated });
        }
    }
    ConvolutionForm { graph, each }
}

/// The nodes that an equation writes out: down to those with names.
fn own(graph: &Graph, root: NodeId) -> Vec<NodeId> {
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(id) = open.pop() {
        found.push(id);
        let operands = graph.get(id).operands;
        open.extend(operands.iter().filter(|&&o| graph.name(o).is_none() && !found.contains(&o)));
    }
    found
}

/// `fold(Δ Kᵀ)` (or of a multiple of it), given what is folded, as `unfold(Δ) flip(K)` of the
/// shape of the pictures, with the name of the kernel.
fn flipped(
    graph: &mut Graph,
    sent: NodeId,
    w: &Window,
    pictures: Shape,
) -> Option<(NodeId, String)> {
    let node = *graph.get(sent);
    let (delta, transposed) = match (node.op, &node.operands[..]) {
        (Op::MatMul, &[delta, transposed]) => (delta, transposed),
        (Op::Neg, &[a]) => {
            let (node, name) = flipped(graph, a, w, pictures)?;
            return Some((graph.node(Op::Neg, &[node]).ok()?, name));
        }
        (Op::Mul | Op::Div, &[a, b]) => {
            let scale = |id| match graph.get(id).op {
                Op::Spread(_) => Some(graph.get(id).operands[0]),
                _ => None,
            };
            let (scale, product) = match (scale(a), scale(b)) {
                (Some(scale), _) if node.op == Op::Mul => (scale, b),
                (_, Some(scale)) => (scale, a),
                _ => return None,
            };
            graph.shape(scale).is_scalar().then_some(())?;
            let (product, name) = flipped(graph, product, w, pictures)?;
            return Some((graph.elementwise(node.op, &[product, scale]).ok()?, name));
        }
        _ => return None,
    };
    let kernel = match graph.get(transposed).op {
        Op::Transpose => graph.get(transposed).operands[0],
        _ => graph.node(Op::Transpose, &[transposed]).ok()?,
    };
    let outputs = u32::try_from(graph.shape(delta).cols.number()?).ok()?;
    let [high, wide] = w.output()?;
    let grid = |axis: usize, places: u32| (places - 1) * w.stride[axis] + 1;
    let reach = |axis: usize| w.dilation[axis] * (w.size[axis] - 1);
    let picture = [grid(0, high), grid(1, wide), outputs];
    let before = |axis: usize| reach(axis).checked_sub(w.pad[axis]);
    let after =
        |axis: usize| (w.picture[axis] + reach(axis)).checked_sub(picture[axis] + before(axis)?);
    let pad = [before(0)?, before(1)?, after(0)?, after(1)?];
    let full = Window { picture, stride: [1; 2], pad, groups: 1, ..*w };

    let dim = |n: usize| Dim::of(n as u64);
    let delta = if w.stride == [1, 1] {
        let shape = Shape::new(pictures.rows, dim(full.columns()));
        graph.node(Op::Reshape(shape), &[delta]).ok()?
    } else {
        let apart = Window { picture, stride: w.stride, ..Window::ONE };
        graph.node(Op::Fold(apart), &[delta]).ok()?
    };
    let flip = flip(graph, kernel, w, outputs as usize)?;
    let name = match graph.name(kernel) {
        Some(name) => name.text.clone(),
        None => unicode(graph, kernel),
    };
    let text = format!("flip({name})");
    let spelling = matgrad_expr::syntax::ascii(&text);
    graph.set_name(flip, Name { text, spelling, span: Default::default() });
    let unfolded = graph.node(Op::Unfold(full), &[delta]).ok()?;
    let product = graph.node(Op::MatMul, &[unfolded, flip]).ok()?;
    Some((graph.node(Op::Reshape(pictures), &[product]).ok()?, name))
}

/// Row (tap, output channel), column (input channel) of the flipped kernel is row (last tap - tap,
/// input channel), column (output channel) of the kernel.
fn flip(graph: &mut Graph, kernel: NodeId, w: &Window, outputs: usize) -> Option<NodeId> {
    let (taps, groups, channels) = (w.taps(), w.groups as usize, w.channels());
    // Rows of the kernel are (group, tap, channel of the group): groups to their taps, turned.
    let turned = Matrix::from_fn(taps * groups, taps * groups, |row, col| {
        let (tap, group) = (row / groups, row % groups);
        f64::from(u8::from(col == group * taps + taps - 1 - tap))
    });
    let dim = |n: usize| Dim::of(n as u64);
    let shape = |rows: usize, cols: usize| Op::Reshape(Shape::new(dim(rows), dim(cols)));
    let rows = shape(taps * groups, channels / groups * outputs);
    let rows = graph.node(rows, &[kernel]).ok()?;
    let turned = graph.literal(turned);
    let turned = graph.product(turned, rows).ok()?;
    let blocks = graph.node(shape(taps, channels * outputs), &[turned]).ok()?;
    // Each row holds a C×M block, whose columns become rows.
    let picture = [channels as u32, outputs as u32, 1];
    let columns = Window { picture, size: [channels as u32, 1], ..Window::ONE };
    graph.node(Op::Unfold(columns), &[blocks]).ok()
}

impl ConvolutionForm {
    /// Both forms of each gradient, and what `flip` is; nothing where nothing is convolved.
    pub fn document(&self) -> Document {
        let mut parts = Vec::new();
        let mut kernels: Vec<&String> = Vec::new();
        for one in &self.each {
            let name = self.graph.name(one.of).map_or("?", |n| n.text.as_str());
            let derived = unicode(&self.graph, one.gradient);
            let flipped = unicode(&self.graph, one.flipped);
            let note = if one.dilated { "the delta dilated, padded" } else { "the delta padded" };
            parts.push(Part::Formula(format!("∂{name} = {derived}"), String::new()));
            parts.push(Part::Formula(format!("= {flipped}"), note.into()));
            kernels.extend(one.kernels.iter().filter(|k| !kernels.contains(k)).collect::<Vec<_>>());
        }
        if !kernels.is_empty() {
            let flips: Vec<String> = kernels.iter().map(|k| format!("`flip({k})`")).collect();
            parts.push(Part::Text(format!(
                "{}: the kernels turned by half a turn, input and output channels changed over",
                flips.join(", ")
            )));
        }
        Document(parts)
    }
}

impl fmt::Display for ConvolutionForm {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.document().fmt(f)
    }
}
