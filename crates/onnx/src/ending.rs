//! How a graph ends as a network: what is compared with the target, and by which loss.

use std::collections::HashMap;

use crate::Error;
use crate::import::Border;
use crate::operators::{Node, softmax_axes};
use crate::page::{Operand, Page};
use crate::value::{Size, product};

/// The loss that a last node is part of: a softmax of each row of the output as a matrix, or a
/// sigmoid. `None` for any other node, and where another loss is wanted.
///
/// # Errors
/// For a softmax that goes elsewhere, where the loss wanted is that of rows.
pub(crate) fn own_loss(node: &Node, wanted: Option<&str>) -> Result<Option<&'static str>, String> {
    let Some(Some(Operand::Computed(value))) = node.operands.first() else { return Ok(None) };
    let loss = match node.proto.op_type() {
        "Softmax" if node.is_standard() => "cross_entropy",
        "Sigmoid" if node.is_standard() => "binary_cross_entropy",
        _ => return Ok(None),
    };
    if wanted.is_some_and(|wanted| wanted != loss) {
        return Ok(None);
    }
    if loss == "cross_entropy" {
        let dims = value.dims();
        let axes = softmax_axes(node, dims.len())?;
        let rest = |a: &usize| dims[*a] != Size::ONE && !axes.contains(a);
        // The row is all that is not the batch.
        if !(0..dims.len()).filter(rest).eq([0]) {
            let dims: Vec<String> = dims.iter().map(Size::to_string).collect();
            let why = "the loss cross_entropy has a softmax of each row; this one goes along axis";
            return match wanted {
                Some(_) => Err(format!("{why} {} of {}", axes[0], dims.join("×"))),
                None => Ok(None),
            };
        }
    }
    Ok(Some(loss))
}

/// The lines of the output as a matrix with a name, of the target and of the loss: the one wanted,
/// or that of the end.
///
/// # Errors
/// [`Error::File`] for a graph that is no network.
pub(crate) fn training(
    page: &mut Page,
    (wanted, own): (Option<&str>, Option<&str>),
    inputs: &[Border],
    outputs: &[Border],
    values: &HashMap<String, Operand>,
) -> Result<String, Error> {
    let ([input], [output]) = (inputs, outputs) else {
        return Err(Error::File(format!(
            "a network has one input and one output; this graph has {} and {}",
            inputs.len(),
            outputs.len()
        )));
    };
    let end = &output.tensor;
    let Some(Operand::Computed(value)) = values.get(end) else {
        return Err(Error::File(format!("the output {end:?} does not depend on the input")));
    };
    let dims = value.dims();
    let wide = product(&dims[1.min(dims.len())..]);
    if dims.first() != Some(&Size::BATCH) || wide.batch {
        return Err(Error::File(format!("the first axis of the output {end:?} is not the batch")));
    }
    if output.name == input.name && own.is_none() {
        return Err(Error::File(format!(
            "the output {end:?} is the input itself; there is nothing to compute or to train"
        )));
    }
    let loss = wanted.or(own).unwrap_or("mse");
    let z = match &output.name {
        name if value.shape == (Size::BATCH, wide) => name.clone(),
        name => page.define("Z", &format!("reshape({name}, B×{wide})")),
    };
    let l = page.fresh("L");
    Ok(format!("target Y : B×{wide}\n{l} = {loss}({z}, Y)\nminimize {l}\n"))
}
