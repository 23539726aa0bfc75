//! The page of equations that a graph becomes, and the matrices on it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use matgrad::expr::elaborate::{Equations, read};
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::op::Op;
use matgrad::expr::syntax::{Statement, canonical, parse_page};
use matgrad::library::standard;

use crate::tensor::{MOST_MADE, Tensor};
use crate::value::{Size, Value, product};

/// What a name of the graph stands for.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// Numbers of the file, or folded ones.
    Known(Tensor),
    /// A matrix of the page.
    Computed(Value),
}

impl Operand {
    pub fn dims(&self) -> Vec<Size> {
        match self {
            Operand::Known(tensor) => tensor.dims.iter().map(|&d| Size::of(d)).collect(),
            Operand::Computed(value) => value.dims(),
        }
    }

    /// The same with axes of length 1 before the others, so that there are `rank`.
    pub fn padded(&self, rank: usize) -> Operand {
        match self {
            Operand::Known(t) => {
                let ones = vec![1; rank - t.dims.len()];
                Operand::Known(t.reshaped([ones, t.dims.clone()].concat()))
            }
            Operand::Computed(v) => {
                let mut v = v.clone();
                v.axes = [vec![Vec::new(); rank - v.axes.len()], v.axes].concat();
                Operand::Computed(v)
            }
        }
    }
}

/// A declared matrix.
pub(crate) struct Declared {
    pub name: String,
    pub matrix: Matrix,
    pub trained: bool,
}

/// Lines so far.
#[derive(Default)]
pub(crate) struct Page {
    pub lines: Vec<String>,
    pub declared: Vec<Declared>,
    taken: HashSet<String>,
    /// The number that the last name of each kind ends in.
    counts: HashMap<String, usize>,
    said: HashMap<String, String>,
    known: HashMap<(String, Vec<usize>, u64, u64, u64), String>,
    /// Entries of numbers that the file does not have.
    made: u64,
    /// Whether the file says that the batch is one row.
    pub single: bool,
}

type Result<T> = std::result::Result<T, String>;

impl Page {
    /// A name like `wanted` that the language takes and nothing else has.
    pub fn fresh(&mut self, wanted: &str) -> String {
        let plain: String =
            wanted.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let first = plain.find(char::is_alphabetic).unwrap_or(plain.len());
        let mut name = canonical(plain[first..].trim_end_matches('_'));
        if !is_name(&name) {
            name = "T".into();
        }
        let base = name.clone();
        let mut k = self.counts.get(&base).copied().unwrap_or(1);
        while matches!(name.as_str(), "B" | "Y") || !self.taken.insert(name.clone()) {
            k += 1;
            name = canonical(&format!("{base}_{k}"));
        }
        self.counts.insert(base, k);
        name
    }

    /// Counts entries that are made of those of the file, before they are: a few bytes of a file
    /// can ask for more than a machine has.
    pub fn make(&mut self, entries: u64) -> Result<()> {
        self.made = self.made.saturating_add(entries);
        match self.made <= MOST_MADE {
            true => Ok(()),
            false => Err(format!("with it, more than {MOST_MADE} numbers are made of the file's")),
        }
    }

    /// A new line of the page, or the name of one that says the same.
    pub fn define(&mut self, wanted: &str, expression: &str) -> String {
        if let Some(known) = self.said.get(expression) {
            return known.clone();
        }
        let name = self.fresh(wanted);
        self.lines.push(format!("{name} = {expression}"));
        self.said.insert(expression.into(), name.clone());
        name
    }

    /// The expression that a name was defined as.
    pub fn meaning(&self, name: &str) -> Option<&str> {
        let lines = self.lines.iter().rev();
        lines.filter_map(|line| line.split_once(" = ")).find(|l| l.0 == name).map(|l| l.1)
    }

    /// Parts one beside (`hcat`) or below (`vcat`) the other, as an expression: pairs of pairs, each
    /// a line of its own, so that many parts make no deep brackets.
    pub fn joined(&mut self, function: &str, mut parts: Vec<String>) -> String {
        while parts.len() > 2 {
            let pairs = parts.chunks(2).map(|pair| match pair {
                [a, b] => self.define("H", &format!("{function}({a}, {b})")),
                rest => rest[0].clone(),
            });
            parts = pairs.collect();
        }
        match &parts[..] {
            [a, b] => format!("{function}({a}, {b})"),
            rest => rest.concat(),
        }
    }

    /// A value by an expression whose entries lie as those of `like`.
    pub fn like(
        &mut self,
        wanted: &str,
        expression: &str,
        shape: (Size, Size),
        like: &Value,
    ) -> Value {
        let text = self.define(wanted, expression);
        Value { text, shape, ..like.clone() }
    }

    /// The matrix whose rows are the first `count` factors in memory.
    pub fn view(&self, value: &Value, count: usize) -> String {
        self.reshaped(value, value.split(count))
    }

    /// The matrix in another shape of the same size.
    pub fn reshaped(&self, value: &Value, (rows, cols): (Size, Size)) -> String {
        match value.shape == (rows, cols) {
            true => value.text.clone(),
            false => format!("reshape({}, {rows}×{cols})", value.text),
        }
    }

    /// Numbers of the file as a matrix of the page.
    pub fn declare(&mut self, t: &Tensor, order: &[usize], rows: u64, cols: u64) -> String {
        let key = (t.name.clone(), order.to_vec(), rows, cols, Rc::as_ptr(&t.data) as usize as u64);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let data = match order.windows(2).all(|w| w[0] < w[1]) {
            true => t.data.to_vec(),
            false => t.transposed(order).data.to_vec(),
        };
        let name = self.fresh(if t.name.is_empty() { "C" } else { &t.name });
        let matrix = Matrix::new(rows as usize, cols as usize, data);
        self.declared.push(Declared { name: name.clone(), matrix, trained: t.trained });
        self.known.insert(key, name.clone());
        name
    }

    /// Any operand as a value.
    pub fn value(&mut self, operand: &Operand) -> Value {
        match operand {
            Operand::Computed(value) => value.clone(),
            Operand::Known(t) => {
                let dims: Vec<Size> = t.dims.iter().map(|&d| Size::of(d)).collect();
                let (rows, cols) = match dims.split_last() {
                    Some((last, rest)) if !rest.is_empty() => (product(rest).number, last.number),
                    _ => (1, product(&dims).number),
                };
                let identity: Vec<usize> = (0..dims.len()).collect();
                let text = self.declare(t, &identity, rows, cols);
                Value::plain(text, (Size::of(rows), Size::of(cols)), &dims)
            }
        }
    }

    /// The same tensor with its factors in this order in memory.
    pub fn reordered(&mut self, value: &Value, order: &[usize]) -> Result<Value> {
        let mut value = value.clone();
        let factors = value.factors();
        for (at, next) in order.iter().enumerate() {
            let from = value.order.iter().position(|f| f == next).expect("same factors");
            if from == at {
                continue;
            }
            let size = |part: &[usize]| part.iter().fold(Size::ONE, |p, &f| p.times(factors[f]));
            let [before, first, rest] = [
                size(&value.order[..at]),
                size(&value.order[at..from]),
                size(&value.order[from..]),
            ];
            let expression = if before == Size::ONE {
                format!("{}'", self.reshaped(&value, (first, rest)))
            } else if first.batch || rest.batch {
                return Err("it moves the batch from the rows".into());
            } else if first.number.max(rest.number) >= 1 << 16 {
                return Err("it moves entries of more than 65,535 columns".into());
            } else {
                let all = self.reshaped(&value, (before, first.times(rest)));
                format!("unfold({all}, {first}×1×{rest}, {first}×1, groups {rest})")
            };
            let shape = match before == Size::ONE {
                true => (rest, first),
                false => (before, first.times(rest)),
            };
            let text = self.define("P", &expression);
            value.order[at..].rotate_left(from - at);
            value = Value { text, shape, ..value };
        }
        Ok(value)
    }

    /// The same tensor with its entries in the order of its axes.
    pub fn plain(&mut self, value: &Value) -> Result<Value> {
        let order: Vec<usize> = (0..value.order.len()).collect();
        self.reordered(value, &order)
    }

    /// The same tensor as other axes of the same size.
    pub fn regrouped(&mut self, value: &Value, dims: &[Size]) -> Result<Value> {
        match value.regrouped(dims) {
            Some(regrouped) => Ok(regrouped),
            None => {
                let plain = self.plain(value)?;
                Ok(Value::plain(plain.text, plain.shape, dims))
            }
        }
    }

    /// The tensor repeated along axes of length 1.
    pub fn expanded(&mut self, value: &Value, dims: &[Size]) -> Result<Value> {
        let mut value = value.clone();
        for (axis, &dim) in dims.iter().enumerate() {
            if value.axes[axis].is_empty() && dim != Size::ONE {
                let all = product(&value.factors());
                // The batch goes before all that is repeated for it.
                let (text, shape, before) = if dim.batch {
                    let row = self.reshaped(&value, (Size::ONE, all));
                    (format!("ones({}, 1) * {row}", dim.factors()), (dim, all), 0)
                } else {
                    let column = self.reshaped(&value, (all, Size::ONE));
                    (format!("{column} * ones(1, {dim})"), (all, dim), value.order.len())
                };
                let text = self.define("E", &text);
                value = Value { text, shape, ..value.resized(axis, dim, before) };
            }
        }
        Ok(value)
    }

    /// Entries of two tensors at the same place, by a template with `{0}` and `{1}`.
    pub fn zip(&mut self, wanted: &str, template: &str, a: &Operand, b: &Operand) -> Result<Value> {
        let rank = a.dims().len().max(b.dims().len());
        let (a, b) = (a.padded(rank), b.padded(rank));
        let mut dims = Vec::new();
        for (x, y) in a.dims().into_iter().zip(b.dims()) {
            dims.push(match (x, y) {
                (x, y) if x == y || y == Size::ONE => x,
                (Size::ONE, y) => y,
                (x, y) => return Err(format!("axes of {x} and {y} do not fit together")),
            });
        }
        let whole = |o: &Operand| matches!(o, Operand::Computed(_)) && o.dims() == dims;
        let first_leads = whole(&a) || !whole(&b) && matches!(a, Operand::Computed(_));
        let (lead, other) = if first_leads { (&a, &b) } else { (&b, &a) };
        let lead = self.value(lead);
        let lead = self.expanded(&lead, &dims)?;
        let (count, text) = self.conformed(other, &lead)?;
        let shape = count.map_or(lead.shape, |count| lead.split(count));
        let lead_text = self.reshaped(&lead, shape);
        let (x, y) = if first_leads { (lead_text, text) } else { (text, lead_text) };
        let expression = template.replace("{0}", &x).replace("{1}", &y);
        Ok(self.like(wanted, &expression, shape, &lead))
    }

    /// An operand as a number, row, column or matrix beside `lead` (whose axes it has, or 1): how
    /// many of the lead's factors must be its rows, and the text.
    fn conformed(&mut self, other: &Operand, lead: &Value) -> Result<(Option<usize>, String)> {
        let axes: Vec<usize> =
            (0..lead.axes.len()).filter(|&a| other.dims()[a] != Size::ONE).collect();
        // The factors that it has, in the order in which the lead has them in memory.
        let own = lead.of_axes(&axes);
        let places: Vec<usize> =
            (0..lead.order.len()).filter(|&k| own.contains(&lead.order[k])).collect();
        match other {
            Operand::Known(t) => self.conformed_numbers(t, lead, places),
            Operand::Computed(v) => {
                if v.order.is_empty() {
                    return Ok((None, self.reshaped(v, (Size::ONE, Size::ONE))));
                }
                let same = axes.iter().all(|&a| v.axes[a] == lead.axes[a]);
                let mut v = if same { v.clone() } else { self.plain(v)? };
                if !same {
                    axes.iter().for_each(|&a| v.axes[a] = lead.axes[a].clone());
                    v.order = (0..v.factors().len()).collect();
                }
                let rank = |k: &usize| own.iter().position(|f| f == &lead.order[*k]);
                match side(&places, lead.order.len()) {
                    Some((count, is_row)) => {
                        let order: Vec<usize> = places.iter().filter_map(rank).collect();
                        let v = self.reordered(&v, &order)?;
                        let whole = places.len() == lead.order.len();
                        let all = product(&v.factors());
                        Ok(match (whole, is_row) {
                            (true, _) if v.shape == lead.shape => (None, v.text),
                            (true, _) => (None, self.reshaped(&v, lead.shape)),
                            (_, true) => (Some(count), self.reshaped(&v, (Size::ONE, all))),
                            (_, false) => (Some(count), self.reshaped(&v, (all, Size::ONE))),
                        })
                    }
                    None => {
                        let dims = lead.dims();
                        let v = self.expanded(&v, &dims)?.refined(&lead.axes);
                        let v = self.reordered(&v, &lead.order)?;
                        Ok((None, self.reshaped(&v, lead.shape)))
                    }
                }
            }
        }
    }

    /// The same for numbers of the file, which have the lead's factors at these places in memory.
    fn conformed_numbers(
        &mut self,
        t: &Tensor,
        lead: &Value,
        places: Vec<usize>,
    ) -> Result<(Option<usize>, String)> {
        if let [x] = t.data[..] {
            let order: Vec<usize> = (0..t.dims.len()).collect();
            // A bias of one output is trained like any other.
            let text = if t.trained { self.declare(t, &order, 1, 1) } else { number(x) };
            return Ok((None, text));
        }
        let (factors, total) = (lead.factors(), lead.order.len());
        // What is neither a row nor a column is repeated until it is a row.
        let places = match side(&places, total) {
            Some(_) => places,
            None => (places[0]..total).collect(),
        };
        let all: Vec<Size> = places.iter().map(|&k| factors[lead.order[k]]).collect();
        let size = product(&all);
        if size.batch {
            return Err("its numbers would have to be repeated over the batch".into());
        }
        if size.number > t.data.len() as u64 {
            self.make(size.number)?;
        }
        let (count, is_row) = side(&places, total).ok_or("its numbers are no row and no column")?;
        let spread = repeated(t, lead, &places);
        let (r, c) = if is_row { (1, size.number) } else { (size.number, 1) };
        let identity: Vec<usize> = (0..spread.dims.len()).collect();
        Ok((Some(count), self.declare(&spread, &identity, r, c)))
    }

    /// The numbers that this page, without inputs, gives for a value.
    pub fn evaluated(mut self, value: &Value) -> Result<Tensor> {
        let value = self.plain(value)?;
        let mut text = String::new();
        for d in &self.declared {
            text += &format!("const {} : {}×{}\n", d.name, d.matrix.rows, d.matrix.cols);
        }
        let lines = self.lines.join("\n");
        let (equations, node) = located(&format!("{text}{lines}\n"), &value.text)
            .map_err(|e| format!("folding it fails: {e}"))?;
        let graph = &equations.graph;
        let new = |id: &NodeId| graph.variable(*id).is_none();
        for id in graph.reachable(&[node], true).into_iter().filter(new) {
            let size = graph.shape(id).size().and_then(|size| size.number());
            self.make(size.unwrap_or(u64::MAX))?;
        }
        let mut at = Bindings::default();
        for d in self.declared {
            if let Some(node) = graph.find(&d.name) {
                at.set(graph, node, d.matrix)?;
            }
        }
        let found = evaluate(graph, &[node], &at)?.remove(&node).ok_or("it has no value")?;
        let dims = value.dims().iter().map(|s| s.number).collect();
        Ok(Tensor { name: String::new(), dims, data: Rc::new(found.data), trained: false })
    }
}

/// A page as a graph, and the node that a name of it stands for. A line that means the same as
/// one above has that one's node, whose name is the older one.
pub(crate) fn located(
    page: &str,
    name: &str,
) -> std::result::Result<(Equations, NodeId), matgrad::Error> {
    let equations = read("imported.eq", page, standard())?;
    if let Some(node) = equations.graph.find(&canonical(name)) {
        return Ok((equations, node));
    }
    let summed = read("imported.eq", &format!("{page}minimize sum({name})\n"), standard())?;
    let nothing = || matgrad::Error::Run(format!("{name} is nowhere on the page"));
    let objective = summed.objective.ok_or_else(nothing)?;
    let node = match summed.graph.get(objective) {
        sum if matches!(sum.op, Op::Sum(_)) => sum.operands[0],
        _ => objective,
    };
    Ok((summed, node))
}

/// Of factors at these places in memory, how many come before, and whether they are a row (else a
/// column); neither where they are not the last nor the first ones.
fn side(places: &[usize], total: usize) -> Option<(usize, bool)> {
    let count = places.len();
    if places.iter().copied().eq(total - count..total) {
        Some((total - count, true))
    } else {
        places.iter().copied().eq(0..count).then_some((count, false))
    }
}

/// A tensor (with axes of the lead, or 1) over the lead's factors at these places of memory.
fn repeated(t: &Tensor, lead: &Value, places: &[usize]) -> Tensor {
    let mut split: Vec<u64> = Vec::new();
    let factors = lead.factors();
    for (axis, parts) in lead.axes.iter().enumerate() {
        match t.dims[axis] {
            1 => split.extend(parts.iter().map(|_| 1)),
            _ => split.extend(parts.iter().map(|s| s.number)),
        }
    }
    let wanted: Vec<usize> = places.iter().map(|&k| lead.order[k]).collect();
    let rest = (0..factors.len()).filter(|f| !wanted.contains(f));
    let order: Vec<usize> = rest.chain(wanted.iter().copied()).collect();
    let small = t.reshaped(split).transposed(&order);
    let (skipped, sizes) = small.dims.split_at(order.len() - wanted.len());
    debug_assert!(skipped.iter().all(|&d| d == 1), "other axes have length 1");
    let dims: Vec<u64> = wanted.iter().map(|&f| factors[f].number).collect();
    if sizes == dims {
        return small.reshaped(dims);
    }
    let mut data: Vec<f64> = small.data.to_vec();
    // From the last axis on, each axis of length 1 is repeated.
    let mut inner: usize = 1;
    for k in (0..dims.len()).rev() {
        if sizes[k] != dims[k] {
            let copies = dims[k] as usize;
            data = data.chunks(inner).flat_map(|c| c.repeat(copies)).collect();
        }
        inner *= dims[k] as usize;
    }
    Tensor { dims, data: Rc::new(data), ..small }
}

/// A number as the page has it; one of 32 bits in as many digits as tell it from its neighbours.
pub(crate) fn number(x: f64) -> String {
    let single = x as f32;
    let text = if f64::from(single) == x { format!("{single:?}") } else { format!("{x:?}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if x < 0.0 { format!("({text})") } else { text.into() }
}

fn is_name(text: &str) -> bool {
    let page = parse_page(&format!("{text} = 1\n"), &standard().dialect());
    let known = standard().names.contains(text);
    let named = |s: &Statement| matches!(s, Statement::Definition(d) if d.name.text == text);
    !known && page.is_ok_and(|p| p.items.len() == 1 && named(&p.items[0].statement))
}
