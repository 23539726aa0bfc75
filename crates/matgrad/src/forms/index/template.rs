//! From the graph to entries: the index lines of the op table, put into one another.

use std::collections::HashMap;

use matgrad_expr::dim::Dim;
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::{Bits, Op};

use super::entry::{Entry, Fold, Index, Test};
use super::moved;

/// Entry i, j of a node, letters 0 and 1; the node itself is written out when `own`, even if it
/// has a name.
pub(super) fn expand(graph: &Graph, id: NodeId, own: bool) -> Entry {
    let mut expander = Expander { graph, depth: 2 };
    let (i, j) = (Index::Letter(0), Index::Letter(1));
    if own { expander.written(id, &i, &j) } else { expander.entry(id, &i, &j) }
}

struct Expander<'a> {
    graph: &'a Graph,
    /// Letters in use.
    depth: usize,
}

impl Expander<'_> {
    /// By its name, if it has one.
    fn entry(&mut self, id: NodeId, i: &Index, j: &Index) -> Entry {
        let shape = self.graph.shape(id);
        let i = if shape.rows == Dim::ONE { &Index::One } else { i };
        let j = if shape.cols == Dim::ONE { &Index::One } else { j };
        match self.graph.name(id) {
            Some(_) => Entry::At(id, i.clone(), j.clone()),
            None => self.written(id, i, j),
        }
    }

    fn written(&mut self, id: NodeId, i: &Index, j: &Index) -> Entry {
        let node = *self.graph.get(id);
        if let Some(body) = self.graph.body(id) {
            return self.entry(body, i, j);
        }
        match node.op {
            Op::Number(Bits(bits)) => Entry::Number(f64::from_bits(bits)),
            Op::Size(dim) => Entry::Size(dim),
            op if op.is_elementwise() => {
                let mut all: Vec<Entry> =
                    node.operands.iter().map(|&o| self.entry(o, i, j)).collect();
                // A number, even where something else that is the same number has a name.
                if op == Op::Pow
                    && let Some(n) = self.graph.number_at(node.operands[1])
                {
                    all[1] = Entry::Number(n);
                }
                Entry::Apply(op, all)
            }
            op if op.def().index.is_empty() => Entry::At(id, i.clone(), j.clone()),
            op => {
                let letters = HashMap::from([('i', i.clone()), ('j', j.clone())]);
                let text = op.def().index.chars().filter(|c| *c != ' ').collect();
                let ranges = HashMap::new();
                Template { expander: self, id, text, at: 0, letters, ranges }.run()
            }
        }
    }
}

/// Reads an index line and writes the entries it speaks of.
struct Template<'a, 'g> {
    expander: &'a mut Expander<'g>,
    id: NodeId,
    text: Vec<char>,
    at: usize,
    letters: HashMap<char, Index>,
    /// How far each letter goes, known from the entries it stands in.
    ranges: HashMap<char, Dim>,
}

impl Template<'_, '_> {
    fn run(mut self) -> Entry {
        let mut sum = self.product();
        while self.take("+") {
            sum = Entry::Apply(Op::Add, vec![sum, self.product()]);
        }
        sum
    }

    fn more(&self) -> bool {
        self.text.get(self.at).is_some_and(|c| *c != '+')
    }

    /// Factors, the last of which may be a sum or a maximum over all that follows.
    fn product(&mut self) -> Entry {
        let mut product: Option<Entry> = None;
        while self.more() {
            let factor = if self.take("Σ") {
                self.over(Fold::Sum)
            } else if self.take("max") {
                self.over(Fold::Max)
            } else if self.take("[") {
                let left = self.index();
                self.take("=");
                let right = self.index();
                self.take("]");
                let inside = if self.more() { self.product() } else { Entry::Number(1.0) };
                Entry::If(Test::Equal(left, right), Box::new(inside))
            } else {
                self.operand()
            };
            product = Some(match product {
                Some(before) => Entry::Apply(Op::Mul, vec![before, factor]),
                None => factor,
            });
        }
        product.unwrap_or(Entry::Number(1.0))
    }

    fn over(&mut self, fold: Fold) -> Entry {
        let letter = self.text[self.at];
        self.at += 1;
        let (start, number) = (self.at, self.expander.depth);
        self.letters.insert(letter, Index::Letter(number));
        self.expander.depth += 1;
        let inside = self.product();
        self.expander.depth -= 1;
        let range = self.ranges.get(&letter).copied().unwrap_or(Dim::ONE);
        if range == Dim::ONE {
            self.letters.insert(letter, Index::One);
            self.at = start;
            return self.product();
        }
        Entry::Over(fold, number, range, Box::new(inside))
    }

    /// `A[i,k]`, `B?[i-r,j-c]`.
    fn operand(&mut self) -> Entry {
        let graph = self.expander.graph;
        let which = usize::from(self.text[self.at] == 'B');
        self.at += 1;
        let padded = self.take("?");
        let operand = graph.get(self.id).operands[which];
        let shape = graph.shape(operand);
        self.take("[");
        let mut indices = [Index::One, Index::One];
        for (index, range) in indices.iter_mut().zip([shape.rows, shape.cols]) {
            let letter = self.text[self.at];
            *index = self.index();
            let alone = matches!(self.text[self.at], ',' | ']');
            if alone && !padded {
                self.ranges.entry(letter).or_insert(range);
            }
            self.at += 1;
        }
        let inside = self.expander.entry(operand, &indices[0], &indices[1]);
        if !padded {
            return inside;
        }
        let whole = graph.shape(self.id);
        let sides = [(shape.rows, whole.rows), (shape.cols, whole.cols)];
        indices.into_iter().zip(sides).fold(inside, |inside, (index, (part, whole))| {
            if part == whole {
                return inside;
            }
            Entry::If(Test::Within(index, part), Box::new(inside))
        })
    }

    fn index(&mut self) -> Index {
        let graph = self.expander.graph;
        for (word, row) in [("row", true), ("col", false)] {
            if self.take(word) {
                let from = graph.shape(graph.get(self.id).operands[0]).cols;
                let place = (self.letters[&'i'].clone(), self.letters[&'j'].clone());
                return Index::place(place, graph.shape(self.id).cols, from, row);
            }
        }
        if self.take("1") {
            return Index::One;
        }
        let letter = self.text[self.at];
        self.at += 1;
        let base = self.letters.get(&letter).cloned().unwrap_or(Index::One);
        let back = self.take("-");
        if !back && !self.take("+") {
            return base;
        }
        let (rows, cols) = moved(graph, self.id);
        let by = if self.take("r") { rows } else { cols };
        self.take("c");
        base.moved(by, back)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = word.chars().enumerate().all(|(i, c)| self.text.get(self.at + i) == Some(&c));
        if found {
            self.at += word.chars().count();
        }
        found
    }
}
