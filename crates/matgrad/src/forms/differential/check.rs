//! The differential proof in numbers.

use std::collections::HashMap;

use matgrad_calculus::Gradients;
use matgrad_data::Random;
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
        let mut checked = Vec::new();
        let mut handed: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for block in &self.blocks {
            let mut before = None;
            for line in &block.lines {
                let (value, size) = self.number(line, &at)?;
                if let (Some(before), false) = (before, block.surrogate) {
                    let difference = f64::abs(value - before);
                    let relative = if difference == 0.0 { 0.0 } else { difference / size };
                    let text = self.line(line).replace(MARK, "d");
                    checked.push((line.law.replace('`', ""), text, relative));
                }
                before = Some(value);
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
            let (mut top, mut bottom) = (0.0, 0.0);
            for (i, &wanted) in found[&gradient].data.iter().enumerate() {
                let sum: f64 = parts.iter().map(|p| found[p].data[i]).sum();
                top += (sum - wanted) * (sum - wanted);
                bottom += (sum.abs() + wanted.abs()) * (sum.abs() + wanted.abs());
            }
            let relative = if top == 0.0 { 0.0 } else { f64::sqrt(top / bottom) };
            let name = self.graph.name(of).map_or("?", |n| n.text.as_str());
            let text = format!("∂{name} = {}", unicode(&self.graph, gradient));
            checked.push((format!("what stands before d{name} is ∂{name}"), text, relative));
        }
        Ok(checked)
    }

    /// A line's value, and the size of its terms.
    fn number(&self, line: &Line, at: &Bindings) -> Result<(f64, f64), String> {
        let roots: Vec<NodeId> = line.terms.iter().flat_map(|&(g, d)| [g, d]).collect();
        let found = evaluate(&self.graph, &roots, at)?;
        let (mut sum, mut size) = (0.0, 0.0);
        for (gradient, differential) in &line.terms {
            let pairs = found[gradient].data.iter().zip(&found[differential].data);
            for product in pairs.map(|(g, d)| g * d) {
                sum += product;
                size += f64::abs(product);
            }
        }
        Ok((sum, size))
    }
}
