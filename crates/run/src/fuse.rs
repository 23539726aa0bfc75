//! Fewer passes over a block of entries: a product and the sum that it goes into are one operation,
//! and what replaces a matrix is written there at once where nothing needs the old entries.

use std::ops::Range;

use matgrad_plan::instruction::{Map, Zip};

use crate::link::{Function, Operand, Operation, Target, Tile};
use crate::real::Real;

impl<T: Real> Tile<T> {
    /// Does so with all operations. The results differ by rounding: of a sum of a product, which is
    /// rounded once, where these numbers allow that.
    pub(crate) fn fuse(&mut self) {
        let mut at = 0;
        while at < self.operations.len() {
            let sum = if T::JOINED { self.sum_of_product(at) } else { None };
            if let Some((taken, function)) = sum.or_else(|| self.with_number(at)) {
                self.operations[at].function = function;
                self.operations.remove(taken);
            } else {
                at += 1;
            }
        }
        let mut stores = std::mem::take(&mut self.stores);
        let all = stores.len();
        for _ in 0..all {
            let (register, start) = stores.remove(0);
            let again = stores.iter().any(|(other, _)| *other == register);
            if again || !self.replace(register, start) {
                stores.push((register, start));
            }
        }
        self.stores = stores;
    }

    /// Where a matrix begins whose entries say by being positive which ones of the result stay, and
    /// where these are put, if that is all there is to do: the gradient of a `relu`.
    pub(crate) fn gate(&self) -> Option<(usize, usize)> {
        let [Operation { function, to: Target::Entries(to) }] = &self.operations[..] else {
            return None;
        };
        let Function::Where(Operand::Entries(x), than, Operand::Result) = function else {
            return None;
        };
        (*than == T::ZERO && self.stores.is_empty()).then_some((*x, *to))
    }

    /// The product that this sum or difference takes up, and both as one operation.
    fn sum_of_product(&self, at: usize) -> Option<(usize, Function<T>)> {
        let Function::Zip(zip @ (Zip::Add | Zip::Sub), a, b) = self.operations[at].function else {
            return None;
        };
        let minus = zip == Zip::Sub;
        let first = if minus { None } else { Some((a, b)) };
        [Some((b, a)), first].into_iter().flatten().find_map(|(product, other)| {
            let from = self.taken(product, at)?;
            let factors = match self.operations[from].function {
                Function::Zip(Zip::Mul, x, y) => Some((x, y)),
                Function::Map(Map::Square, x) => Some((x, x)),
                Function::Load(_) | Function::Map(..) | Function::Zip(..) => None,
                Function::Sum(..) | Function::Least(..) | Function::Where(..) => None,
            };
            factors.map(|(x, y)| (from, Function::Sum(x, y, other, minus)))
        })
    }

    /// A sum of which this is the larger one of it and a number, or a comparison with a number that
    /// this is a product with; and both as one operation: a `relu` and its gradient.
    fn with_number(&self, at: usize) -> Option<(usize, Function<T>)> {
        let Function::Zip(zip @ (Zip::Max | Zip::Mul), a, b) = self.operations[at].function else {
            return None;
        };
        [(a, b), (b, a)].into_iter().find_map(|(before, other)| {
            let from = self.taken(before, at)?;
            let function = match (zip, self.operations[from].function, other) {
                (Zip::Max, Function::Zip(Zip::Add, x, y), Operand::Number(least)) => {
                    Function::Least(x, y, least)
                }
                (Zip::Mul, Function::Zip(Zip::Greater, x, Operand::Number(than)), _) => {
                    Function::Where(x, than, other)
                }
                _ => return None,
            };
            Some((from, function))
        })
    }

    /// The operation that makes an operand of another one, if nothing else reads that and its own
    /// operands are still there then.
    fn taken(&self, operand: Operand<T>, at: usize) -> Option<usize> {
        let Operand::Register(register) = operand else { return None };
        let from = self.operations[..at].iter().rposition(|o| o.writes(register))?;
        let between = &self.operations[from + 1..at];
        let mut operands = self.operations[from].function.operands().into_iter().flatten();
        let same = operands.all(|operand| match operand {
            Operand::Register(register) => !between.iter().any(|o| o.writes(register)),
            Operand::Entries(start) => !between.iter().any(|o| o.puts(start)),
            Operand::Row(..) | Operand::Each(..) | Operand::Scalar(_) => true,
            Operand::Result | Operand::Number(_) => true,
        });
        (same && self.reads(register, from + 1) == 1).then_some(from)
    }

    /// How often this register is read from this operation on, till another result is in it.
    fn reads(&self, register: usize, from: usize) -> usize {
        let mut reads = 0;
        for operation in &self.operations[from..] {
            let operands = operation.function.operands().into_iter().flatten();
            reads +=
                operands.filter(|o| matches!(o, Operand::Register(r) if *r == register)).count();
            if operation.writes(register) {
                return reads;
            }
        }
        reads + self.stores.iter().filter(|(stored, _)| *stored == register).count()
    }

    /// Lets the operation that fills this register write where the store would; whether it may.
    fn replace(&mut self, register: usize, start: usize) -> bool {
        let old = start..start + self.entries;
        let Some(last) = self.operations.iter().rposition(|o| o.writes(register)) else {
            return false;
        };
        // The end of a short block, a part of a vector, would be waited for where it is read again.
        if self.entries < self.block && self.reads(register, last + 1) > 0 {
            return false;
        }
        let (operation, after) = self.operations[last..].split_first_mut().expect("it is there");
        // It may read the entry that it replaces, and no other.
        let reads = |operation: &Operation<T>, same: bool| {
            let operands = operation.function.operands().into_iter().flatten();
            let entries = |o: &Operand<T>| same && matches!(o, Operand::Entries(s) if *s == start);
            operation.function.loads(&old)
                || operands.filter(|o| !entries(o)).any(|operand| operand.is_in(&old))
        };
        if reads(operation, true) || after.iter().any(|o| reads(o, false) || o.puts(start)) {
            return false;
        }
        operation.to = Target::Entries(start);
        for operation in after {
            for operand in operation.function.operands_mut().into_iter().flatten() {
                if matches!(operand, Operand::Register(r) if *r == register) {
                    *operand = Operand::Entries(start);
                }
            }
        }
        true
    }
}

impl<T> Operation<T> {
    pub(crate) fn writes(&self, register: usize) -> bool {
        matches!(self.to, Target::Register(to) if to == register)
    }

    fn puts(&self, start: usize) -> bool {
        matches!(self.to, Target::Entries(to) if to == start)
    }
}

impl<T: Copy> Operand<T> {
    /// Whether it is in this part of the arena, of which it cannot be one part and another not.
    fn is_in(&self, entries: &Range<usize>) -> bool {
        match self {
            Operand::Entries(at)
            | Operand::Row(at, _)
            | Operand::Each(at, _)
            | Operand::Scalar(at) => entries.contains(at),
            Operand::Register(_) | Operand::Result | Operand::Number(_) => false,
        }
    }
}

impl<T: Copy> Function<T> {
    fn loads(&self, entries: &Range<usize>) -> bool {
        matches!(self, Function::Load(view) if entries.contains(&view.offset))
    }

    fn operands(&self) -> [Option<Operand<T>>; 3] {
        match *self {
            Function::Load(_) => [None; 3],
            Function::Map(_, a) => [Some(a), None, None],
            Function::Zip(_, a, b) => [Some(a), Some(b), None],
            Function::Sum(a, b, c, _) => [Some(a), Some(b), Some(c)],
            Function::Least(a, b, _) | Function::Where(a, _, b) => [Some(a), Some(b), None],
        }
    }

    fn operands_mut(&mut self) -> [Option<&mut Operand<T>>; 3] {
        match self {
            Function::Load(_) => [None, None, None],
            Function::Map(_, a) => [Some(a), None, None],
            Function::Zip(_, a, b) => [Some(a), Some(b), None],
            Function::Sum(a, b, c, _) => [Some(a), Some(b), Some(c)],
            Function::Least(a, b, _) | Function::Where(a, _, b) => [Some(a), Some(b), None],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use matgrad_expr::dim::{Dim, Shape};
    use matgrad_expr::graph::{Graph, Initial, Kind};
    use matgrad_expr::op::Op;
    use matgrad_expr::syntax::{Name, Role};
    use matgrad_plan::plan::{Request, plan};

    use crate::link::{Function, Linked, Links};

    /// V ← μ V - η G, W ← W + V is two passes: μ V - η G, where the product of η is a pass of its
    /// own, then the sum.
    #[test]
    fn momentum_takes_no_copy_and_no_product_of_its_own() {
        let mut graph = Graph::default();
        let mut variable = |text: &str, size: u64| {
            let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
            let shape = Shape::new(Dim::of(size), Dim::of(size));
            graph.add_variable(name, Kind::Declared(Role::Param), shape, Initial::None)
        };
        let [v, w, g] = ["V", "W", "G"].map(|text| variable(text, 50));
        let [rate, share] = ["η", "μ"].map(|text| variable(text, 1));
        let mut op = |op, operands: &[_]| match operands.len() {
            1 => graph.node(op, operands).expect("it has a negative"),
            _ => graph.elementwise(op, operands).expect("the shapes fit"),
        };
        let (kept, push) = (op(Op::Mul, &[share, v]), op(Op::Mul, &[rate, g]));
        let back = op(Op::Neg, &[push]);
        let velocity = op(Op::Add, &[kept, back]);
        let step = op(Op::Add, &[w, velocity]);
        let dims = HashMap::new();
        let updates = [(v, velocity), (w, step)];
        let (outputs, fixed) = (&[], &[]);
        let request =
            Request { graph: &graph, outputs, updates: &updates, fixed, dims: &dims, rows: None };
        let links = Links::<f32>::new(&plan(&request).expect("it has numbers"));
        let [(Linked::Tile(tile), _)] = &links.all[..] else { panic!("one tile") };
        let sums = tile.operations.iter().filter(|o| matches!(o.function, Function::Sum(..)));
        assert_eq!((tile.operations.len(), sums.count()), (3, 1), "{tile:?}");
        assert!(tile.stores.is_empty(), "{tile:?}");
    }

    /// So are max(A + B, 0) and G ⊙ (A > 0), where a comparison that something else reads stays.
    #[test]
    fn a_relu_and_its_gradient_are_one_operation_each() {
        let mut graph = Graph::default();
        let shape = Shape::new(Dim::of(40), Dim::of(50));
        let [a, b, g] = ["A", "B", "G"].map(|text| {
            let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
            graph.add_variable(name, Kind::Declared(Role::Param), shape, Initial::None)
        });
        let zero = graph.number(0.0);
        let mut op = |op, a, b| graph.elementwise(op, &[a, b]).expect("the shapes fit");
        let sum = op(Op::Add, a, b);
        let relu = op(Op::Max, sum, zero);
        let is_positive = op(Op::Greater, a, zero);
        let gradient = op(Op::Mul, g, is_positive);
        let dims = HashMap::new();
        for (outputs, wanted) in
            [(vec![relu, gradient], 2), (vec![sum, relu], 2), (vec![gradient, is_positive], 2)]
        {
            let outputs = &outputs[..];
            let (graph, updates, fixed) = (&graph, &[], &[]);
            let program =
                plan(&Request { graph, outputs, updates, fixed, dims: &dims, rows: None });
            let links = Links::<f32>::new(&program.expect("it can be planned"));
            let operations = |linked: &Linked<f32>| match linked {
                Linked::Tile(tile) => tile.operations.len(),
                Linked::Product { .. } | Linked::Reduce { .. } | Linked::Convolution(_) => 0,
                Linked::Picture(..) | Linked::Other => 0,
            };
            let found: usize = links.all.iter().map(|(linked, _)| operations(linked)).sum();
            assert_eq!(found, wanted);
        }
    }
}
