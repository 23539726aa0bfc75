//! Graphs for the tests, and what is expected of them.

use std::collections::HashMap;
use std::sync::Arc;

use matgrad_expr::dim::{Dim, Shape, Symbol};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::syntax::{Name, Role};
use matgrad_plan::plan::{Request, plan};
use matgrad_plan::program::Program;
use matgrad_run::machine::Machine;
use matgrad_run::real::Real;

/// The most rows of the batch in these tests.
pub const CAPACITY: usize = 7;

/// A graph with a batch symbol and variables.
pub struct Page {
    pub graph: Graph,
    pub batch: Symbol,
    pub variables: Vec<NodeId>,
}

impl Page {
    pub fn new() -> Page {
        let mut graph = Graph::default();
        let batch = graph.symbols.intern("B");
        Page { graph, batch, variables: Vec::new() }
    }

    pub fn b(&self) -> Dim {
        Dim::symbol(self.batch)
    }

    pub fn variable(&mut self, rows: Dim, cols: Dim) -> NodeId {
        let text = format!("V{}", self.variables.len());
        let name = Name { spelling: text.clone(), text, span: Default::default() };
        let kind = Kind::Declared(Role::Param);
        let id = self.graph.add_variable(name, kind, Shape::new(rows, cols), Initial::None);
        self.variables.push(id);
        id
    }

    pub fn plan(&self, outputs: &[NodeId], updates: &[(NodeId, NodeId)]) -> Arc<Program> {
        self.plan_with(outputs, updates, &[])
    }

    /// A program whose variables of `fixed` are written once for many steps.
    pub fn plan_with(
        &self,
        outputs: &[NodeId],
        updates: &[(NodeId, NodeId)],
        fixed: &[NodeId],
    ) -> Arc<Program> {
        let dims = HashMap::new();
        let rows = Some((self.batch, CAPACITY));
        let request = Request { graph: &self.graph, outputs, updates, fixed, dims: &dims, rows };
        Arc::new(plan(&request).expect("this graph can be planned"))
    }

    /// Values of the variables for so many rows, different for each seed, in ±1.
    pub fn bindings(&self, rows: usize, seed: u64) -> Bindings {
        let mut bindings = Bindings::default();
        bindings.dims.insert(self.batch, rows);
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for &id in &self.variables {
            let shape = self.graph.shape(id);
            let size = |d: Dim| d.evaluate(&|_| Some(rows)).expect("only B is a symbol");
            let data = (0..size(shape.rows) * size(shape.cols)).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            });
            let value = Matrix::new(size(shape.rows), size(shape.cols), data.collect());
            bindings.values.insert(id, value);
        }
        bindings
    }

    /// Runs a program with these values and compares outputs and updated variables.
    pub fn compare<T: Real>(
        &self,
        outputs: &[NodeId],
        updates: &[(NodeId, NodeId)],
        tolerance: f64,
    ) -> Result<(), String> {
        self.compare_with::<T>(outputs, updates, &[], tolerance)?;
        // Every other variable stays for two steps.
        let fixed: Vec<NodeId> = self.variables.iter().copied().step_by(2).collect();
        self.compare_with::<T>(outputs, updates, &fixed, tolerance)
    }

    fn compare_with<T: Real>(
        &self,
        outputs: &[NodeId],
        updates: &[(NodeId, NodeId)],
        fixed: &[NodeId],
        tolerance: f64,
    ) -> Result<(), String> {
        let program = self.plan_with(outputs, updates, fixed);
        let mut machine = Machine::<T>::new(program.clone());
        let is_updated = |id: NodeId| updates.iter().any(|&(updated, _)| updated == id);
        // The full batch, fewer rows, none, and the full batch again in the same machine.
        let rounds = [(1, CAPACITY), (2, 3), (3, 1), (4, 0), (5, CAPACITY)];
        let mut bindings = Bindings::default();
        for (seed, rows, again) in
            rounds.into_iter().flat_map(|(s, r)| [(s, r, false), (s, r, true)])
        {
            let stays = |id: NodeId| again && fixed.contains(&id) && !is_updated(id);
            let fresh = self.bindings(rows, seed + if again { 100 } else { 0 });
            if !again {
                machine.set_rows(rows).map_err(|e| e.to_string())?;
                bindings = fresh.clone();
            }
            for (&id, value) in fresh.values.iter().filter(|&(&id, _)| !stays(id)) {
                bindings.values.insert(id, value.clone());
            }
            for &id in self.variables.iter().filter(|&&id| !stays(id)) {
                if program.variable(id).is_some() {
                    machine.write(id, &bindings.values[&id].data).map_err(|e| e.to_string())?;
                }
            }
            machine.step();
            let mut roots = outputs.to_vec();
            roots.extend(updates.iter().map(|&(_, value)| value));
            let wanted = evaluate(&self.graph, &roots, &bindings)?;
            let place = |id, slot: Option<_>| (id, slot.expect("what is asked for has a place"));
            let results = outputs.iter().map(|&id| place(id, program.output(id)));
            let updated = updates.iter().map(|&(id, value)| place(value, program.variable(id)));
            for (id, slot) in results.chain(updated) {
                let found: Vec<f64> = machine.slice(slot).iter().map(|x| x.to_f64()).collect();
                same(&found, &wanted[&id], tolerance)
                    .map_err(|e| format!("{id:?}, {rows} rows: {e}\n{program}"))?;
            }
        }
        Ok(())
    }
}

/// Entries differ by at most the tolerance × the largest of this matrix, or of 1.
fn same(found: &[f64], wanted: &Matrix, tolerance: f64) -> Result<(), String> {
    if found.len() != wanted.data.len() {
        return Err(format!("{} entries instead of {}", found.len(), wanted.data.len()));
    }
    let finite = wanted.data.iter().filter(|x| x.is_finite());
    let tolerance = tolerance * finite.fold(1.0f64, |largest, x| largest.max(x.abs()));
    for (i, (f, w)) in found.iter().zip(&wanted.data).enumerate() {
        let equal = (f - w).abs() <= tolerance || f == w || (f.is_nan() && w.is_nan());
        if !equal {
            return Err(format!("entry {i} is {f}, not {w}"));
        }
    }
    Ok(())
}
