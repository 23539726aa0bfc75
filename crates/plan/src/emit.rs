//! Units become instructions.

#![allow(clippy::wildcard_enum_match_arm, reason = "each function names the ops that it is for")]

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::{Axis, Op};

use crate::convolution::Kind;
use crate::extent::{Extent, Slot, View};
use crate::instruction::{
    Function, Instruction, Map, Operation, Reduction, Source, Target, Tile, Zip,
};
use crate::picture::{Picture, PictureWork};
use crate::plan::label;
use crate::schedule::Schedule;
use crate::values::{Immediate, Region, Values, Work};

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
            let (tile, equation) = tile(values, unit, region);
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
        _ => format!("{} ← {}({})", label(graph, id), op.def().name, names(", ")),
    }
}

/// The matrix that a stored node is.
fn slot(view: View) -> Slot {
    Slot { offset: view.offset, rows: view.rows, cols: view.cols }
}

fn single(values: &Values, id: NodeId, draft: &mut Draft) {
    let op = values.request.graph.get(id).op;
    let operands: Vec<View> = values.operands(id).iter().map(|&o| values.view(o)).collect();
    let place = values.view(id);
    let to = slot(place);
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

/// The function of an element-wise op.
enum Elementwise {
    Map(Map),
    Zip(Zip),
}

fn elementwise(op: Op) -> Elementwise {
    use Elementwise::{Map as M, Zip as Z};
    match op {
        Op::Neg => M(Map::Neg),
        Op::Exp => M(Map::Exp),
        Op::Log => M(Map::Log),
        Op::Sqrt => M(Map::Sqrt),
        Op::Tanh => M(Map::Tanh),
        Op::Sigmoid => M(Map::Sigmoid),
        Op::Erf => M(Map::Erf),
        Op::Sin => M(Map::Sin),
        Op::Cos => M(Map::Cos),
        Op::Abs => M(Map::Abs),
        Op::Sign => M(Map::Sign),
        Op::Add => Z(Zip::Add),
        Op::Mul => Z(Zip::Mul),
        Op::Div => Z(Zip::Div),
        Op::Pow => Z(Zip::Pow),
        Op::Max => Z(Zip::Max),
        Op::Min => Z(Zip::Min),
        Op::Greater => Z(Zip::Greater),
        Op::GreaterEqual => Z(Zip::GreaterEqual),
        other => unreachable!("{other:?} is not element-wise"),
    }
}

/// A value inside a tile, before registers are given out.
#[derive(Clone, Copy, PartialEq)]
enum Operand {
    /// The result of this step.
    Step(usize),
    Other(Source),
}

struct Step {
    node: Option<NodeId>,
    function: Option<(Map, Operand)>,
    zip: Option<(Zip, Operand, Operand)>,
    load: Option<View>,
    stored: Option<Slot>,
    /// Written after the block, since it overwrites an operand.
    late: bool,
}

impl Step {
    fn operands(&self) -> Vec<usize> {
        let mut all = Vec::new();
        let map = self.function.iter().map(|(_, a)| *a);
        let zip = self.zip.iter().flat_map(|(_, a, b)| [*a, *b]);
        for operand in map.chain(zip) {
            if let Operand::Step(step) = operand {
                all.push(step);
            }
        }
        all
    }
}

/// A unit, with its equation; the region of the product that it takes up, if there is one.
fn tile(values: &Values, unit: usize, product: Option<usize>) -> (Tile, String) {
    let nodes = &values.units[unit].nodes;
    let shape = oriented(values.view(nodes[0]), values.view(nodes[0]));
    let steps = live(steps(values, unit, product));
    let mut last = vec![0; steps.len()];
    for (i, step) in steps.iter().enumerate() {
        last[i] = last[i].max(i);
        if step.late {
            last[i] = steps.len();
        }
        for operand in step.operands() {
            last[operand] = last[operand].max(i);
        }
    }
    let (mut free, mut registers): (Vec<usize>, usize) = (Vec::new(), 0);
    let mut places: Vec<Target> = Vec::new();
    let mut operations = Vec::new();
    let mut stores = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let source = |operand: Operand| match operand {
            Operand::Other(source) => source,
            Operand::Step(step) => match places[step] {
                Target::Register(register) => Source::Register(register),
                Target::Memory(slot) => Source::Memory(slot.view()),
            },
        };
        let function = match (step.load, step.function, step.zip) {
            (Some(view), _, _) => Function::Load(view),
            (_, Some((map, a)), _) => Function::Map(map, source(a)),
            (_, _, Some((zip, a, b))) => Function::Zip(zip, source(a), source(b)),
            (None, None, None) => continue,
        };
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
    let equation: Vec<String> = nodes
        .iter()
        .filter(|&&id| values.is_stored(id))
        .map(|&id| format!("{} ← {}", label(values.request.graph, id), written(values, id, unit)))
        .collect();
    let (rows, cols) = (shape.rows, shape.cols);
    let tile = Tile { rows, cols, registers, operations, stores };
    (tile, equation.join("; "))
}

/// The steps of a unit, with loads where an operand is no contiguous matrix of the same shape.
fn steps(values: &Values, unit: usize, product: Option<usize>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for &id in &values.units[unit].nodes {
        let view = values.view(id);
        let step = step(values, id, view, product, &mut steps);
        let stored = values.is_stored(id).then(|| slot(oriented(view, view)));
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
    let mut step =
        Step { node: Some(id), function: None, zip: None, load: None, stored: None, late: false };
    match elementwise(values.request.graph.get(id).op) {
        Elementwise::Map(map) => step.function = Some((map, operands[0])),
        Elementwise::Zip(zip) => shorter(&mut step, zip, operands[0], operands[1], steps),
    }
    step
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
    let known = steps.iter().position(|s| s.load == Some(view));
    Operand::Step(known.unwrap_or_else(|| {
        let load = Some(view);
        steps.push(Step { node: None, function: None, zip: None, load, stored: None, late: false });
        steps.len() - 1
    }))
}

/// a + (-b) is a - b, and a² is a product; both have the same bits.
fn shorter(step: &mut Step, zip: Zip, a: Operand, b: Operand, steps: &[Step]) {
    let negated = |operand: Operand| match operand {
        Operand::Step(i) => match steps[i].function {
            Some((Map::Neg, of)) => Some(of),
            _ => None,
        },
        Operand::Other(_) => None,
    };
    let square = |operand| operand == Operand::Other(Source::Number(2.0));
    match zip {
        Zip::Add => {
            step.zip = Some(match (negated(a), negated(b)) {
                (_, Some(b)) => (Zip::Sub, a, b),
                (Some(a), None) => (Zip::Sub, b, a),
                (None, None) => (Zip::Add, a, b),
            });
        }
        Zip::Pow if square(b) => step.function = Some((Map::Square, a)),
        Zip::Mul if a == b => step.function = Some((Map::Square, a)),
        _ => step.zip = Some((zip, a, b)),
    }
}

/// Only the steps that something needs.
fn live(mut steps: Vec<Step>) -> Vec<Step> {
    let mut needed: Vec<bool> = steps.iter().map(|s| s.stored.is_some()).collect();
    for i in (0..steps.len()).rev() {
        if needed[i] {
            for operand in steps[i].operands() {
                needed[operand] = true;
            }
        }
    }
    let mut number = vec![0; steps.len()];
    let mut count = 0;
    for (i, &needed) in needed.iter().enumerate() {
        number[i] = count;
        count += usize::from(needed);
    }
    let renumber = |operand: &mut Operand| {
        if let Operand::Step(step) = operand {
            *step = number[*step];
        }
    };
    for step in &mut steps {
        if let Some((_, a)) = &mut step.function {
            renumber(a);
        }
        if let Some((_, a, b)) = &mut step.zip {
            renumber(a);
            renumber(b);
        }
    }
    let mut needed = needed.into_iter();
    steps.retain(|_| needed.next().unwrap_or(false));
    steps
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
        _ => return format!("{}({})", op.def().name, operands.join(", ")),
    };
    let text = format!("({} {sign} {})", operands[0], operands[1]);
    // Shared parts may be written many times.
    if text.chars().count() > 300 { label(values.request.graph, id) } else { text }
}
