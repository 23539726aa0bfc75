//! Units become instructions.

#![allow(clippy::wildcard_enum_match_arm, reason = "each function names the ops that it is for")]

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::{Axis, Op};

use crate::convolution::Kind;
use crate::extent::{Extent, Slot, View};
use crate::instruction::{Instruction, Reduction};
use crate::picture::{Picture, PictureWork};
use crate::plan::label;
use crate::schedule::Schedule;
use crate::tile::tile;
use crate::values::{Region, Values, Work};

/// A program whose offsets are still numbers of regions.
pub(crate) struct Draft {
    pub instructions: Vec<Instruction>,
    pub equations: Vec<String>,
    /// How many instructions are those of units that are done once for many steps.
    pub once: usize,
    pub regions: Vec<Region>,
}

pub(crate) fn emit(values: &Values, schedule: &Schedule) -> Draft {
    let regions = values.regions.clone();
    let mut draft = Draft { instructions: Vec::new(), equations: Vec::new(), once: 0, regions };
    for &unit in &schedule.order {
        emit_unit(values, schedule, unit, &mut draft);
        if values.units[unit].fixed {
            draft.once = draft.instructions.len();
        }
    }
    for update in &schedule.copies {
        let copy = Instruction::Copy { a: update.from.view(), to: update.variable.view() };
        let graph = values.request.graph;
        let variable = values.variables.iter().find(|(_, slot)| *slot == update.variable);
        let name = variable.map_or_else(String::new, |&(id, _)| label(graph, id));
        draft.push(copy, format!("{name} ← {}", label(graph, update.value)));
    }
    draft
}

fn emit_unit(values: &Values, schedule: &Schedule, unit: usize, draft: &mut Draft) {
    match values.units[unit].work {
        Work::Tile => {
            let product = schedule.products[unit];
            let region = product.and_then(|product| values.result(product)).map(|to| to.offset);
            let (tile, equation) = (tile(values, unit, region), equations(values, unit));
            let Some(product) = product else {
                return draft.push(Instruction::Tile(tile), equation);
            };
            alone(values, product, draft);
            // The product has just been pushed.
            if let Some(then) = draft.instructions.last_mut().and_then(Instruction::then) {
                *then = Some(tile);
            }
            if let Some(product) = draft.equations.last_mut() {
                *product = format!("{product}; {equation}");
            }
        }
        Work::Single if schedule.products.contains(&Some(unit)) => {}
        Work::Single => alone(values, unit, draft),
        Work::Copy { view, to } => {
            draft.push(Instruction::Copy { a: view, to }, "copy".to_string());
        }
    }
}

impl Draft {
    fn push(&mut self, instruction: Instruction, equation: String) {
        self.instructions.push(instruction);
        self.equations.push(equation);
    }

    fn work(&mut self, rows: Extent, cols: Extent) -> Slot {
        let offset = self.regions.len();
        self.regions.push(Region::new(rows, cols));
        Slot { offset, rows, cols }
    }
}

/// A unit that is no element-wise work, if it has work of its own.
fn alone(values: &Values, unit: usize, draft: &mut Draft) {
    let Some(id) = values.single(unit) else { return };
    match &values.convolutions[unit] {
        None if values.taken[unit] => {}
        None => single(values, id, draft),
        Some(convolution) => {
            // The product that is folded has no line of its own.
            let of = values.operands(id)[0];
            let product = || operand_names(values, of).join(" ");
            let equation = match convolution.kind {
                Kind::Pictures => {
                    format!("{} ← fold({})", label(values.request.graph, id), product())
                }
                Kind::Forward | Kind::Kernel => equation(values, id),
            };
            draft.push(Instruction::Convolution(convolution.clone()), equation);
        }
    }
}

fn operand_names(values: &Values, id: NodeId) -> Vec<String> {
    values.operands(id).into_iter().map(|operand| name(values, operand)).collect()
}

/// How a node follows from its operands.
fn equation(values: &Values, id: NodeId) -> String {
    let graph = values.request.graph;
    let op = graph.get(id).op;
    let names = |between: &str| operand_names(values, id).join(between);
    match op {
        Op::MatMul => format!("{} ← {}", label(graph, id), names(" ")),
        _ => format!("{} ← {}({})", label(graph, id), graph.called(op), names(", ")),
    }
}

fn single(values: &Values, id: NodeId, draft: &mut Draft) {
    let op = values.request.graph.get(id).op;
    let operands: Vec<View> = values.operands(id).iter().map(|&o| values.view(o)).collect();
    let place = values.view(id);
    let to = place.slot();
    let graph = values.request.graph;
    let equation = equation(values, id);
    let reduce = |reduction| Instruction::Reduce { reduction, a: operands[0], to, then: None };
    let part = |start: Extent, length: Extent, by_rows: bool| {
        let whole = to.view();
        let part =
            if by_rows { whole.part_rows(start, length) } else { whole.part_cols(start, length) };
        part.expect("the start of a whole slot is zero, so any start can be added")
    };
    let instruction = match op {
        Op::MatMul => {
            Instruction::Product { a: operands[0], b: operands[1], to: place, then: None }
        }
        Op::Sum(Axis::All) => reduce(Reduction::Sum),
        Op::Sum(Axis::Rows) => reduce(Reduction::RowSum),
        Op::Sum(Axis::Cols) => reduce(Reduction::ColSum),
        Op::RowMax => reduce(Reduction::RowMax),
        Op::Place(axis, start, _) => {
            draft.push(Instruction::Zero { to }, format!("{} ← 0", label(graph, id)));
            let start = values.extent(start, id).expect("dimensions were found in `values`");
            let by_rows = axis == Axis::Rows;
            let length = if by_rows { operands[0].rows } else { operands[0].cols };
            Instruction::Copy { a: operands[0], to: part(start, length, by_rows) }
        }
        Op::Concat(axis) => {
            let by_rows = axis == Axis::Rows;
            let length = |v: View| if by_rows { v.rows } else { v.cols };
            let (first, second) = (length(operands[0]), length(operands[1]));
            let copy = Instruction::Copy { a: operands[0], to: part(Extent::ZERO, first, by_rows) };
            draft.push(copy, equation.clone());
            Instruction::Copy { a: operands[1], to: part(first, second, by_rows) }
        }
        Op::Diag => Instruction::Diag { a: operands[0], to },
        Op::Diagonal => Instruction::Diagonal { a: operands[0], to },
        Op::Size(dim) => Instruction::Size {
            extent: values.extent(dim, id).expect("dimensions were found in `values`"),
            to,
        },
        Op::Eye(_) => Instruction::Eye { to },
        Op::Inv => {
            let work = draft.work(to.rows, to.cols);
            Instruction::Inverse { a: operands[0], work, to }
        }
        Op::Det | Op::LogDet => {
            let work = draft.work(operands[0].rows, operands[0].cols);
            Instruction::Determinant { a: operands[0], work, logarithm: op == Op::LogDet, to }
        }
        op => {
            let (work, window) =
                PictureWork::of(op).expect("no leaf, no view and not element-wise");
            let mut whole = |view: View| {
                if view.is_contiguous() {
                    return view;
                }
                let together = draft.work(view.rows, view.cols).view();
                draft.push(Instruction::Copy { a: view, to: together }, "copy".to_string());
                together
            };
            let a = whole(operands[0]);
            let b = operands.get(1).map(|&b| whole(b));
            Instruction::Picture(Picture { work, window, a, b, to, then: None })
        }
    };
    draft.push(instruction, equation);
}

/// The equations of what an element-wise unit keeps.
fn equations(values: &Values, unit: usize) -> String {
    let kept = values.units[unit].nodes.iter().filter(|&&id| values.is_stored(id));
    let equation =
        |&id| format!("{} ← {}", label(values.request.graph, id), written(values, id, unit));
    kept.map(equation).collect::<Vec<_>>().join("; ")
}

/// A node as an operand in an equation.
fn name(values: &Values, id: NodeId) -> String {
    let graph = values.request.graph;
    let node = graph.get(id);
    match (graph.name(id), node.op) {
        (Some(name), _) => name.text.clone(),
        (None, Op::Number(bits)) => f64::from_bits(bits.0).to_string(),
        (None, Op::Size(dim)) => graph.symbols.dim(dim),
        (None, Op::Spread(_)) => name(values, values.operands(id)[0]),
        (None, Op::Transpose) => format!("{}ᵀ", name(values, values.operands(id)[0])),
        (None, _) => label(graph, id),
    }
}

/// A node of a unit by the nodes of other units and those that are stored.
fn written(values: &Values, id: NodeId, unit: usize) -> String {
    let op = values.request.graph.get(id).op;
    let operands: Vec<String> = values
        .operands(id)
        .into_iter()
        .map(|o| {
            let inside = values.tile(o) == Some(unit) && !values.is_stored(o) || values.is_again(o);
            if inside { written(values, o, unit) } else { name(values, o) }
        })
        .collect();
    let sign = match op {
        Op::Add => "+",
        Op::Mul => "⊙",
        Op::Div => "⊘",
        Op::Greater => ">",
        Op::GreaterEqual => "≥",
        Op::Neg => return format!("-{}", operands[0]),
        _ => {
            let function = values.request.graph.called(op);
            return format!("{function}({})", operands.join(", "));
        }
    };
    let text = format!("({} {sign} {})", operands[0], operands[1]);
    // Shared parts may be written many times.
    if text.chars().count() > 300 { label(values.request.graph, id) } else { text }
}
