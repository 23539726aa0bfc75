//! An element-wise unit becomes a tile: steps, of these the ones that something needs, and registers
//! for what they make.

#![allow(clippy::wildcard_enum_match_arm, reason = "each function names the ops that it is for")]

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::Op;

use crate::extent::{Slot, View};
use crate::instruction::{Function, Map, Operation, Source, Target, Tile, Zip};
use crate::values::{Immediate, Values};

/// What a step reads, before registers are given out.
#[derive(Clone, Copy, PartialEq)]
enum Operand {
    /// The result of this step.
    Step(usize),
    Other(Source),
}

struct Step {
    /// Which node it computes; none where it only brings one together.
    node: Option<NodeId>,
    function: Function<Operand>,
    stored: Option<Slot>,
    /// Written after the block, since it overwrites an operand.
    late: bool,
}

impl Step {
    fn operands(&self) -> impl Iterator<Item = usize> {
        self.function.operands().into_iter().flatten().filter_map(|operand| match operand {
            Operand::Step(step) => Some(*step),
            Operand::Other(_) => None,
        })
    }
}

/// The tile of a unit; it may take up the product whose region this is.
pub(crate) fn tile(values: &Values, unit: usize, product: Option<usize>) -> Tile {
    let view = values.view(values.units[unit].nodes[0]);
    let shape = oriented(view, view);
    let steps = live(steps(values, unit, product));
    let last = last_uses(&steps);
    let (mut free, mut registers): (Vec<usize>, usize) = (Vec::new(), 0);
    let mut places: Vec<Target> = Vec::new();
    let mut operations = Vec::new();
    let mut stores = Vec::new();
    for (i, step) in steps.into_iter().enumerate() {
        let function = step.function.with(|operand| match operand {
            Operand::Other(source) => source,
            Operand::Step(step) => match places[step] {
                Target::Register(register) => Source::Register(register),
                Target::Memory(slot) => Source::Memory(slot.view()),
            },
        });
        let to = match step.stored {
            Some(slot) if !step.late => Target::Memory(slot),
            _ => Target::Register(free.pop().unwrap_or_else(|| {
                registers += 1;
                registers - 1
            })),
        };
        if let (Some(slot), true, Target::Register(register)) = (step.stored, step.late, to) {
            stores.push((register, slot));
        }
        places.push(to);
        operations.push(Operation { function, to });
        for (j, place) in places.iter().enumerate().rev() {
            if let (Target::Register(register), true) = (*place, last[j] == i) {
                free.push(register);
            }
        }
    }
    Tile { rows: shape.rows, cols: shape.cols, registers, operations, stores }
}

/// Of each step, the last one that reads its result; one behind all where it is written at the end.
fn last_uses(steps: &[Step]) -> Vec<usize> {
    let mut last: Vec<usize> = (0..steps.len()).collect();
    for (i, step) in steps.iter().enumerate() {
        if step.late {
            last[i] = steps.len();
        }
        for operand in step.operands() {
            last[operand] = last[operand].max(i);
        }
    }
    last
}

/// The steps of a unit, with loads where an operand is no contiguous matrix of the same shape.
fn steps(values: &Values, unit: usize, product: Option<usize>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for &id in &values.units[unit].nodes {
        let view = values.view(id);
        let step = step(values, id, view, product, &mut steps);
        let stored = values.is_stored(id).then(|| oriented(view, view).slot());
        let late = stored.is_some_and(|s| values.regions[s.offset].variable);
        steps.push(Step { stored, late, ..step });
    }
    steps
}

/// The step that computes a node for results that lie as `result` does, behind those that it needs.
fn step(
    values: &Values,
    id: NodeId,
    result: View,
    product: Option<usize>,
    steps: &mut Vec<Step>,
) -> Step {
    let mut operands = Vec::new();
    for operand in values.operands(id) {
        let known = steps.iter().position(|s| s.node == Some(operand));
        operands.push(match (known, values.immediate(operand)) {
            (Some(step), _) => Operand::Step(step),
            (_, Some(Immediate::Number(number))) => Operand::Other(Source::Number(number)),
            (_, Some(Immediate::Size(size))) => Operand::Other(Source::Size(size)),
            (None, None) if values.is_again(operand) => {
                let again = step(values, operand, result, product, steps);
                steps.push(again);
                Operand::Step(steps.len() - 1)
            }
            (None, None) => {
                let view = oriented(values.view(operand), result);
                if product == Some(view.offset) {
                    Operand::Other(Source::Result(view))
                } else {
                    outside(view, steps)
                }
            }
        });
    }
    let function = function(values.request.graph.get(id).op, &operands, steps);
    Step { node: Some(id), function, stored: None, late: false }
}

/// An operand of a tile whose results lie as `result` does: a tile goes along its results.
fn oriented(operand: View, result: View) -> View {
    if result.is_by_columns() { operand.transposed() } else { operand }
}

fn outside(view: View, steps: &mut Vec<Step>) -> Operand {
    if view.is_contiguous() {
        return Operand::Other(Source::Memory(view));
    }
    if view.is_scalar() {
        return Operand::Other(Source::Scalar(view));
    }
    let function = Function::Load(view);
    let known = steps.iter().position(|s| s.function == function);
    Operand::Step(known.unwrap_or_else(|| {
        steps.push(Step { node: None, function, stored: None, late: false });
        steps.len() - 1
    }))
}

/// The function of an element-wise op.
fn function(op: Op, operands: &[Operand], steps: &[Step]) -> Function<Operand> {
    let map = |map| Function::Map(map, operands[0]);
    let zip = |zip| shorter(zip, operands[0], operands[1], steps);
    match op {
        Op::Neg => map(Map::Neg),
        Op::Exp => map(Map::Exp),
        Op::Log => map(Map::Log),
        Op::Sqrt => map(Map::Sqrt),
        Op::Tanh => map(Map::Tanh),
        Op::Sigmoid => map(Map::Sigmoid),
        Op::Erf => map(Map::Erf),
        Op::Sin => map(Map::Sin),
        Op::Cos => map(Map::Cos),
        Op::Arctan => map(Map::Arctan),
        Op::Abs => map(Map::Abs),
        Op::Sign => map(Map::Sign),
        Op::Add => zip(Zip::Add),
        Op::Mul => zip(Zip::Mul),
        Op::Div => zip(Zip::Div),
        Op::Pow => zip(Zip::Pow),
        Op::Max => zip(Zip::Max),
        Op::Min => zip(Zip::Min),
        Op::Greater => zip(Zip::Greater),
        Op::GreaterEqual => zip(Zip::GreaterEqual),
        other => unreachable!("{other:?} is not element-wise"),
    }
}

/// a + (-b) is a - b, and a² is a product; both have the same bits.
fn shorter(zip: Zip, a: Operand, b: Operand, steps: &[Step]) -> Function<Operand> {
    let negated = |operand: Operand| match operand {
        Operand::Step(i) => match steps[i].function {
            Function::Map(Map::Neg, of) => Some(of),
            _ => None,
        },
        Operand::Other(_) => None,
    };
    match zip {
        Zip::Add => match (negated(a), negated(b)) {
            (_, Some(b)) => Function::Zip(Zip::Sub, a, b),
            (Some(a), None) => Function::Zip(Zip::Sub, b, a),
            (None, None) => Function::Zip(Zip::Add, a, b),
        },
        Zip::Pow if b == Operand::Other(Source::Number(2.0)) => Function::Map(Map::Square, a),
        Zip::Mul if a == b => Function::Map(Map::Square, a),
        _ => Function::Zip(zip, a, b),
    }
}

/// Only the steps that something needs.
fn live(steps: Vec<Step>) -> Vec<Step> {
    let mut needed: Vec<bool> = steps.iter().map(|s| s.stored.is_some()).collect();
    for (i, step) in steps.iter().enumerate().rev() {
        if needed[i] {
            step.operands().for_each(|operand| needed[operand] = true);
        }
    }
    let mut number = vec![0; steps.len()];
    let mut all: Vec<Step> = Vec::new();
    for (i, step) in steps.into_iter().enumerate().filter(|(i, _)| needed[*i]) {
        number[i] = all.len();
        let function = step.function.with(|operand| match operand {
            Operand::Step(step) => Operand::Step(number[step]),
            Operand::Other(source) => Operand::Other(source),
        });
        all.push(Step { function, ..step });
    }
    all
}
