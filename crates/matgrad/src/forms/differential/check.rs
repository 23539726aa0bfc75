//! The differential proof in numbers.

use std::collections::HashMap;

use matgrad_calculus::Gradients;
use matgrad_calculus::size::{apart, relative, sizes};
use matgrad_data::Random;
use matgrad_expr::dim::Dim;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::print::unicode;

use super::{Line, MARK, Proof};

impl Proof {
    /// Holds each line against the one before it, and what is found against the gradients, at
    /// these values and random differentials: (law, line, relative difference).
    ///
    /// # Errors
    /// A variable without a value.
    pub fn check(
        &self,
        gradients: &Gradients,
        at: &Bindings,
    ) -> Result<Vec<(String, String, f64)>, String> {
        let mut at = at.clone();
        let mut random = Random::seed(1);
        for of in &self.wrt {
            let value = at.values.get(of).ok_or("a parameter has no value")?;
            let data = value.data.iter().map(|_| random.normal()).collect();
            let direction = Matrix::new(value.rows, value.cols, data);
            at.values.insert(self.differentials[of], direction);
        }
        let roots: Vec<NodeId> = self.tangents.values().copied().collect();
        let found = evaluate(&self.graph, &roots, &at)?;
        for (of, tangent) in &self.tangents {
            if let Some(&d) = self.differentials.get(of) {
                at.values.insert(d, found[tangent].clone());
            }
        }
        // What depends on nothing that is derived by does not move.
        let dim = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).unwrap_or(1);
        let still: Vec<(NodeId, Matrix)> = self
            .differentials
            .values()
            .filter(|d| !at.values.contains_key(d))
            .map(|&d| (d, self.graph.shape(d)))
            .map(|(d, shape)| (d, Matrix::filled(dim(shape.rows), dim(shape.cols), 0.0)))
            .collect();
        at.values.extend(still);
        let mut checked = Vec::new();
        let mut handed: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for block in &self.blocks {
            let mut before: Option<(f64, f64)> = None;
            for line in &block.lines {
                let (value, size) = self.number(line, &at)?;
                if let (Some(before), false) = (before, block.surrogate) {
                    // Terms that cancel on either side leave rounding of their size.
                    let relative = relative(f64::abs(value - before.0), f64::max(size, before.1));
                    let text = self.line(line).replace(MARK, "d");
                    checked.push((line.law.replace('`', ""), text, relative));
                }
                before = Some((value, size));
            }
            for &(gradient, d) in block.lines.iter().next_back().map_or(&[][..], |l| &l.terms) {
                handed.entry(d).or_default().push(gradient);
            }
        }
        for &(of, gradient) in &gradients.gradients {
            let parts = self.differentials.get(&of).and_then(|d| handed.get(d));
            let Some(parts) = parts.filter(|_| of != gradients.objective) else { continue };
            let roots: Vec<NodeId> = parts.iter().copied().chain([gradient]).collect();
            let found = evaluate(&self.graph, &roots, &at)?;
            let size = sizes(&self.graph, &roots, &at)?;
            let sum = |of: &HashMap<NodeId, Matrix>| {
                let wanted = &of[&gradient];
                let entry = |i: usize| parts.iter().map(|p| of[p].data[i]).sum();
                Matrix::new(wanted.rows, wanted.cols, (0..wanted.data.len()).map(entry).collect())
            };
            let relative = apart(&sum(&found), &found[&gradient], [&sum(&size), &size[&gradient]]);
            let name = self.graph.name(of).map_or("?", |n| n.text.as_str());
            let text = format!("∂{name} = {}", unicode(&self.graph, gradient));
            checked.push((format!("what stands before d{name} is ∂{name}"), text, relative));
        }
        Ok(checked)
    }

    /// A line's value, and the size of what is summed to it.
    fn number(&self, line: &Line, at: &Bindings) -> Result<(f64, f64), String> {
        let roots: Vec<NodeId> = line.terms.iter().flat_map(|&(g, d)| [g, d]).collect();
        let sum = |of: &HashMap<NodeId, Matrix>| {
            let products = line.terms.iter().flat_map(|(g, d)| of[g].data.iter().zip(&of[d].data));
            products.map(|(g, d)| g * d).sum()
        };
        let found = evaluate(&self.graph, &roots, at)?;
        Ok((sum(&found), sum(&sizes(&self.graph, &roots, at)?)))
    }
}
