//! Equations as a program of another language: Python with NumPy, or Julia.
//!
//! After derivation, beside the other printers. Each named or shared node is one assignment; each
//! op is written by its template ([`crate::op::OpDef::numpy`], `julia`), each call by its body. What
//! else differs between the languages is a [`Language`].
//!
//! ```
//! use matgrad_expr::{elaborate, library::Library, program};
//! let page = "input X : B×4\nparam w : 4×1\nL = sum(X w)\nminimize L\nG = X' ones(rows(X))\n";
//! let page = elaborate::read("page", page, &Library::parse(&[]).unwrap()).unwrap();
//! let gradients = [(page.parameters()[0], page.definitions[1])];
//! let module = program::module(&program::numpy::NUMPY, &page.graph, page.objective.unwrap(), &gradients);
//! assert!(module.contains("L = np.sum((X @ w), keepdims=True)"));
//! ```

use std::collections::{BTreeSet, HashMap};

pub mod julia;
pub mod numpy;

use crate::dim::{Dim, Symbol};
use crate::graph::{Graph, Initial, NodeId, Variable};
use crate::matrix::Matrix;
use crate::op::{Axis, Op, OpDef};
use crate::syntax::{Name, ascii, plain};

/// The text of each entry of a matrix.
type Entries<'a> = &'a dyn Fn(usize, usize) -> String;

/// How a language writes what is not in the op table.
pub struct Language {
    template: fn(&OpDef) -> &'static str,
    /// Names with a meaning of their own.
    reserved: &'static [&'static str],
    head: &'static str,
    /// Functions that are written where the body calls them.
    helpers: &'static [(&'static str, &'static str)],
    /// Those of the ops on pictures.
    pictures: &'static str,
    not_finite: fn(f64) -> String,
    /// A matrix from the text of each entry.
    literal: fn(Entries, (usize, usize)) -> String,
    full: fn(&str, &str, &str) -> String,
    float: fn(&str) -> String,
    /// Rows (0) or columns (1) of an array.
    side: fn(&str, usize) -> String,
    over: &'static str,
    minus: &'static str,
    none: &'static str,
    /// The number of the first axis.
    first: usize,
    slice: fn(&str, &str) -> String,
    copied: fn(&str, &str) -> String,
    function: fn(&str, &str, &[String]) -> String,
}

/// A file that defines `objective_and_gradients`, which takes the values by name and gives the
/// objective and the gradients by name.
///
/// `gradients` are (of, gradient) pairs, intermediate ones among them, each after those it needs;
/// the result holds those of variables, by the variable's name. Values are accepted by every
/// ASCII spelling of a name (`W1`, `W_1`); numbers and one-dimensional arrays become matrices;
/// written initial values are defaults; dimension symbols are read from the shapes.
pub fn module(
    language: &Language,
    graph: &Graph,
    objective: NodeId,
    gradients: &[(NodeId, NodeId)],
) -> String {
    let mut roots = vec![objective];
    roots.extend(gradients.iter().map(|&(_, gradient)| gradient));
    let order = graph.reachable(&roots, true);
    let mut writer = Writer {
        language,
        graph,
        taken: language.reserved.iter().map(|s| s.to_string()).collect(),
        names: HashMap::new(),
        symbols: HashMap::new(),
        lines: Vec::new(),
    };
    writer.variables(&roots, &order);
    writer.assignments(&roots, &order, gradients);
    let mut entries = Vec::new();
    for &(of, gradient) in gradients {
        if graph.variable(of).is_some() {
            let key = graph.name(of).map_or_else(|| "?".into(), key);
            entries.push((language.copied)(&key, &writer.names[&gradient]));
        }
    }
    let body: String = writer.lines.iter().map(|line| format!("    {line}\n")).collect();
    let mut text = String::from(language.head);
    for (call, definition) in language.helpers {
        if body.contains(call) {
            text += definition;
        }
    }
    if order.iter().any(|&id| graph.get(id).op.window().is_some()) {
        text += language.pictures;
    }
    text + &(language.function)(&body, &writer.names[&objective], &entries)
}

/// The key of a variable in the dict of gradients.
fn key(name: &Name) -> String {
    if name.spelling.is_ascii() { name.spelling.clone() } else { ascii(&name.text) }
}

/// All keys under which a value is accepted, the one in the dict first.
fn keys(name: &Name) -> Vec<String> {
    let twin = ascii(&name.text);
    let mut joined = String::new();
    for (i, c) in twin.char_indices() {
        let digit = twin[i + c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if c != '_' || !digit {
            joined.push(c);
        }
    }
    let mut all = vec![key(name)];
    for other in [twin, joined, name.text.clone()] {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

/// An expression longer than this gets a line of its own.
const LONGEST: usize = 88;

struct Writer<'a> {
    language: &'a Language,
    graph: &'a Graph,
    /// Names in use.
    taken: BTreeSet<String>,
    names: HashMap<NodeId, String>,
    symbols: HashMap<Symbol, String>,
    lines: Vec<String>,
}

impl Writer<'_> {
    /// A name that is not in use yet.
    fn identifier(&mut self, canonical: &str) -> String {
        let mut name = plain(canonical);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert(0, '_');
        }
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn temporary(&mut self) -> String {
        let free = (1..).map(|i| format!("t{i}")).find(|name| !self.taken.contains(name));
        let name = free.expect("there are more numbers than names");
        self.taken.insert(name.clone());
        name
    }

    /// Reads the values, and the dimension symbols from them.
    fn variables(&mut self, roots: &[NodeId], order: &[NodeId]) {
        let graph = self.graph;
        let used = |v: &&Variable| order.contains(&v.node);
        let mut needed: BTreeSet<Symbol> =
            order.iter().flat_map(|&id| graph.get(id).op.dims()).flat_map(Dim::symbols).collect();
        needed.extend(graph.variables.iter().filter(used).flat_map(|v| {
            v.shape.rows.symbols().chain(v.shape.cols.symbols()).collect::<Vec<_>>()
        }));
        let read = |v: &&Variable| {
            used(v)
                || roots.contains(&v.node)
                || [v.shape.rows, v.shape.cols]
                    .iter()
                    .any(|d| d.as_symbol().is_some_and(|s| needed.contains(&s)))
        };
        let (written, given): (Vec<&Variable>, Vec<&Variable>) = graph
            .variables
            .iter()
            .filter(read)
            .partition(|v| matches!(v.initial, Initial::Value(_)));
        for variable in given.into_iter().chain(written) {
            self.variable(variable);
        }
    }

    fn variable(&mut self, variable: &Variable) {
        let Some(name) = self.graph.name(variable.node).cloned() else { return };
        let identifier = self.identifier(&name.text);
        let keys = keys(&name);
        let quoted: Vec<String> = keys.iter().map(|k| format!("\"{k}\"")).collect();
        let sides = [variable.shape.rows, variable.shape.cols];
        let [rows, cols] = sides.map(|dim| self.dim(dim));
        let default = match (&variable.initial, &rows, &cols) {
            (Initial::Value(m), Some(rows), Some(cols)) if (m.rows, m.cols) == (1, 1) => {
                format!(", {}", (self.language.full)(&self.language.number(m.data[0]), rows, cols))
            }
            (Initial::Value(m), _, _) if (m.rows, m.cols) != (1, 1) => {
                format!(", {}", self.language.matrix(m))
            }
            (Initial::Value(_) | Initial::None | Initial::Draw(..), _, _) => String::new(),
        };
        let side = |side: Option<String>| side.unwrap_or_else(|| self.language.none.into());
        let value = format!("_take(values, [{}]{default})", quoted.join(", "));
        self.lines.push(format!(
            "{identifier} = _matrix(\"{}\", {value}, {}, {})",
            keys[0],
            side(rows),
            side(cols)
        ));
        for (axis, dim) in sides.into_iter().enumerate() {
            let unknown: Vec<Symbol> =
                dim.symbols().filter(|s| !self.symbols.contains_key(s)).collect();
            let [symbol] = unknown.as_slice() else { continue };
            let known = dim.symbols().filter_map(|s| self.symbols.get(&s).cloned());
            let front = (dim.coefficient() != 1).then(|| dim.coefficient().to_string());
            let factors: Vec<String> = front.into_iter().chain(known).collect();
            let symbol_name = self.identifier(self.graph.symbols.name(*symbol));
            let divisor = match factors.len() {
                0 => String::new(),
                _ => format!("{}({})", self.language.over, factors.join(" * ")),
            };
            let side = (self.language.side)(&identifier, axis);
            self.lines.push(format!("{symbol_name} = {side}{divisor}"));
            self.symbols.insert(*symbol, symbol_name);
        }
        self.names.insert(variable.node, identifier);
    }

    /// A dimension, if all its symbols are known.
    fn dim(&self, dim: Dim) -> Option<String> {
        let symbols: Option<Vec<String>> =
            dim.symbols().map(|s| self.symbols.get(&s).cloned()).collect();
        let symbols = symbols?;
        let front =
            (dim.coefficient() != 1 || symbols.is_empty()).then(|| dim.coefficient().to_string());
        Some(front.into_iter().chain(symbols).collect::<Vec<_>>().join(" * "))
    }

    fn known_dim(&self, dim: Dim) -> String {
        self.dim(dim).unwrap_or_else(|| self.graph.symbols.dim(dim))
    }

    fn assignments(&mut self, roots: &[NodeId], order: &[NodeId], gradients: &[(NodeId, NodeId)]) {
        let mut uses: HashMap<NodeId, usize> = HashMap::new();
        let mut bodies = BTreeSet::new();
        for &id in order {
            let body = self.graph.body(id);
            bodies.extend(body);
            let operands = self.graph.get(id).operands;
            let needed: &[NodeId] = body.as_ref().map_or(&operands, std::slice::from_ref);
            for &operand in needed {
                *uses.entry(operand).or_default() += 1;
            }
        }
        let mut inline: HashMap<NodeId, String> = HashMap::new();
        for &id in order {
            if self.names.contains_key(&id) {
                continue;
            }
            let text = self.expression(id, &inline);
            let cheap = matches!(
                self.graph.get(id).op,
                Op::Number(_) | Op::Size(_) | Op::Spread(_) | Op::Transpose
            );
            let shared = !cheap && uses.get(&id).is_some_and(|&n| n > 1);
            // The body of a call gets its line, and maybe a name, as the call.
            let long = text.len() > LONGEST && !bodies.contains(&id);
            let of = gradients.iter().find(|(_, gradient)| *gradient == id);
            let of = of.and_then(|(of, _)| self.graph.name(*of));
            let name = match (self.graph.name(id), of) {
                (Some(name), _) => Some(self.identifier(&name.text)),
                (None, Some(of)) => Some(self.identifier(&format!("∂{}", of.text))),
                (None, None) if shared || roots.contains(&id) || long => Some(self.temporary()),
                (None, None) => None,
            };
            match name {
                Some(name) => {
                    let text = text.strip_prefix('(').and_then(outermost).unwrap_or(&text);
                    self.lines.push(format!("{name} = {text}"));
                    self.names.insert(id, name);
                }
                None => drop(inline.insert(id, text)),
            }
        }
    }

    /// A node by its name, or written out.
    fn operand(&self, id: NodeId, inline: &HashMap<NodeId, String>) -> String {
        self.names.get(&id).or_else(|| inline.get(&id)).cloned().unwrap_or_default()
    }

    fn expression(&self, id: NodeId, inline: &HashMap<NodeId, String>) -> String {
        let (node, language) = (self.graph.get(id), self.language);
        if let Some(body) = self.graph.body(id) {
            return self.operand(body, inline);
        }
        match node.op {
            Op::Number(bits) => {
                let number = language.number(f64::from_bits(bits.0));
                return (language.full)(&number, "1", "1");
            }
            Op::Size(dim) => {
                return (language.full)(&(language.float)(&self.known_dim(dim)), "1", "1");
            }
            Op::Literal(i) => return language.matrix(&self.graph.literals[i as usize]),
            _ => {}
        }
        if node.op == Op::Add {
            let [a, b] = [0, 1].map(|i| self.spread_operand(id, i, inline));
            let negative =
                b.strip_prefix('(').and_then(outermost).and_then(|b| b.strip_prefix('-'));
            if let Some(b) = negative {
                return format!("({a}{}{b})", language.minus);
            }
        }
        let mut text = (language.template)(node.op.def()).to_string();
        if let Op::Slice(axis, start, length) = node.op {
            let (start, length) = (self.known_dim(start), self.known_dim(length));
            let range = (language.slice)(&start, &length);
            let rows = axis == Axis::Rows;
            let slice = if rows { format!("{range}, :") } else { format!(":, {range}") };
            text = text.replace("{slice}", &slice);
        }
        if let Op::Place(axis, start, total) = node.op {
            let axis = language.first + usize::from(axis != Axis::Rows);
            text = text
                .replace("{axis}", &axis.to_string())
                .replace("{start}", &self.known_dim(start))
                .replace("{total}", &self.known_dim(total));
        }
        if let Some(w) = node.op.window() {
            let tuple = |numbers: &[u32]| {
                let each: Vec<String> = numbers.iter().map(u32::to_string).collect();
                format!("({})", each.join(", "))
            };
            let parts =
                [tuple(&w.picture), tuple(&w.size), tuple(&w.stride), tuple(&w.pad)].join(", ");
            let window = format!("{parts}, {}, {}", tuple(&w.dilation), w.groups);
            text = text.replace("{window}", &window);
        }
        for (place, dim) in ["{rows}", "{cols}"].iter().zip(node.op.dims()) {
            if text.contains(place) {
                text = text.replace(place, &self.known_dim(dim));
            }
        }
        for i in 0..node.operands.len() {
            text = text.replace(&format!("{{{i}}}"), &self.spread_operand(id, i, inline));
        }
        text
    }

    /// An operand; where the language spreads it by itself, what is spread.
    fn spread_operand(&self, id: NodeId, i: usize, inline: &HashMap<NodeId, String>) -> String {
        let node = self.graph.get(id);
        let operand = node.operands[i];
        let plain = |id: NodeId| {
            !matches!(self.graph.get(id).op, Op::Spread(_) | Op::Number(_) | Op::Size(_))
        };
        let spreads = node.op.is_elementwise()
            && node.operands.len() == 2
            && plain(node.operands[1 - i])
            && !self.names.contains_key(&operand);
        if !spreads {
            return self.operand(operand, inline);
        }
        if let Some(value) = self.graph.number_at(operand) {
            return self.language.number(value);
        }
        match (self.graph.get(operand).op, self.graph.get(operand).operands.first()) {
            (Op::Spread(_), Some(&inner)) => match self.graph.get(inner).op {
                Op::Size(dim) if !self.names.contains_key(&inner) => {
                    (self.language.float)(&self.known_dim(dim))
                }
                _ => self.operand(inner, inline),
            },
            (Op::Size(dim), _) => (self.language.float)(&self.known_dim(dim)),
            _ => self.operand(operand, inline),
        }
    }
}

/// What stands between parentheses that hold the whole text; the first is gone already.
fn outermost(rest: &str) -> Option<&str> {
    let mut depth = 1;
    let closing = rest.char_indices().find_map(|(i, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(i)
    })?;
    (closing + 1 == rest.len()).then(|| &rest[..closing])
}

impl Language {
    fn number(&self, value: f64) -> String {
        match value {
            _ if value.is_finite() && value < 0.0 => format!("({value:?})"),
            _ if value.is_finite() => format!("{value:?}"),
            _ => (self.not_finite)(value),
        }
    }

    fn matrix(&self, m: &Matrix) -> String {
        (self.literal)(&|i, j| self.number(m.at(i, j)), (m.rows, m.cols))
    }
}

#[cfg(test)]
mod tests;
