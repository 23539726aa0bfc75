//! The residuals R = Z − Y of a least-squares loss c ‖R‖², and their Jacobian.

use std::collections::HashMap;

use matgrad_calculus::derive;
use matgrad_expr::graph::{Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::{Axis, Op};

use super::lm::Triangle;
use super::program::Program;
use crate::engine::{Engine, Precision};
use crate::step::made_up;
use crate::{Error, Network, Rows};

/// Rows of J come from the derived graph of sum(S ⊙ Z), one row of the table at a time: S picks an
/// entry of Z, and the gradient is that entry's row.
pub(crate) struct Residuals {
    engine: Engine,
    /// The loss and its gradient on all rows.
    loss: Program,
    network: (NodeId, NodeId),
    pick: NodeId,
    gradients: Vec<NodeId>,
    data: (Matrix, Matrix),
    /// Square roots of the rows' weights.
    weights: Vec<f64>,
    size: usize,
}

/// Relative difference of the loss's gradient to 2c JᵀR from which it is no least-squares loss.
const ALLOWED: f64 = 1e-6;

impl Residuals {
    /// Compiles both; `fixed` are the constants of the page, and weights that will be written over.
    pub fn compile(
        network: &Network,
        fixed: &[(NodeId, Matrix)],
        (inputs, targets): (&Rows, &Rows),
    ) -> Result<Residuals, Error> {
        let parameters = network.equations.parameters();
        let mut graph = network.equations.graph.clone();
        let wrong = |e| Error::Run(format!("the residuals cannot be derived: {e:?}"));
        let shape = graph.shape(network.output);
        let pick = graph.add_variable(made_up("picked entry"), Kind::Given, shape, Initial::None);
        let picked = graph.elementwise(Op::Mul, &[pick, network.output]).map_err(wrong)?;
        let sum = graph.node(Op::Sum(Axis::All), &[picked]).map_err(wrong)?;
        let derived = derive(&graph, sum, &parameters).map_err(Error::Run)?;
        let gradients: Vec<NodeId> = parameters.iter().filter_map(|&p| derived.of(p)).collect();
        let outputs: Vec<NodeId> = gradients.iter().copied().chain([network.output]).collect();
        let mut engine = Engine::new(
            &derived.graph,
            &outputs,
            &[],
            &HashMap::new(),
            Some((network.batch, 1)),
            Precision::F64,
        )?;
        for (node, value) in fixed {
            engine.write(*node, &value.data)?;
        }
        let mut loss = Program::compile(network, network.loss, inputs.len())?;
        loss.load(network, fixed, (inputs, targets))?;
        Ok(Residuals {
            engine,
            size: loss.size(),
            loss,
            network: (network.input, network.output),
            pick,
            gradients,
            data: (inputs.select(0..inputs.len()), targets.select(0..targets.len())),
            weights: vec![1.0; inputs.len()],
        })
    }

    /// Other weights of the rows, which are those of the squares.
    ///
    /// # Errors
    /// A weight for each target instead of each row, or one below 0.
    pub fn weigh(&mut self, node: NodeId, weights: &Matrix) -> Result<(), Error> {
        if weights.cols != 1 {
            return Err(Error::Input(
                "Levenberg–Marquardt takes one weight a row, not one a target; take lbfgs or scg"
                    .into(),
            ));
        }
        if let Some(row) = weights.data.iter().position(|&weight| weight < 0.0) {
            return Err(Error::Input(format!(
                "Levenberg–Marquardt takes the square roots of the rows' weights, and that of row \
                 {} is {}; take lbfgs or scg",
                row + 1,
                weights.data[row]
            )));
        }
        self.weights = weights.data.iter().map(|weight| weight.sqrt()).collect();
        self.loss.weigh(node, weights)
    }

    /// The triangular factor of J at these weights.
    pub fn jacobian(&mut self, weights: &[f64]) -> Result<Triangle, Error> {
        let mut triangle = Triangle::new(self.size);
        self.each(weights, &mut |_, row| triangle.add(row))?;
        Ok(triangle)
    }

    /// 2c, by which the loss is no other than c ‖R‖².
    ///
    /// # Errors
    /// A loss that is no sum of squares.
    pub fn factor(&mut self, weights: &[f64]) -> Result<f64, Error> {
        let mut gradient = vec![0.0; self.size];
        let value = self.loss.evaluate(weights, &mut gradient)?;
        let (mut squares, mut expected) = (0.0, vec![0.0; self.size]);
        self.each(weights, &mut |residual, row| {
            squares += residual * residual;
            expected.iter_mut().zip(&*row).for_each(|(e, j)| *e += residual * j);
        })?;
        let factor = if squares > 0.0 { 2.0 * value / squares } else { 1.0 };
        let (mut difference, mut length) = (0.0, 0.0);
        for (g, e) in gradient.iter().zip(&expected) {
            difference += (g - factor * e).powi(2);
            length += g * g + (factor * e).powi(2);
        }
        if difference > ALLOWED * ALLOWED * length {
            return Err(Error::Input(
                "Levenberg–Marquardt is for sums of squares, and the loss of this network is none \
                 of its output against the target; take `mse`, or lbfgs or scg"
                    .into(),
            ));
        }
        Ok(factor)
    }

    /// Each residual with its row of J.
    fn each(
        &mut self,
        weights: &[f64],
        take: &mut dyn FnMut(f64, &mut [f64]),
    ) -> Result<(), Error> {
        self.loss.write(&mut self.engine, weights)?;
        let (input, output) = self.network;
        let (inputs, targets) = &self.data;
        let mut row = vec![0.0; self.size];
        let mut pick = vec![0.0; targets.cols];
        for i in 0..inputs.rows {
            self.engine.write(input, inputs.row(i))?;
            for k in 0..targets.cols {
                pick[k] = 1.0;
                self.engine.write(self.pick, &pick)?;
                pick[k] = 0.0;
                self.engine.step();
                let mut from = 0;
                for &gradient in &self.gradients {
                    let part = self.engine.read(gradient)?;
                    let weighted = part.iter().map(|entry| entry * self.weights[i]);
                    row[from..from + part.len()].iter_mut().zip(weighted).for_each(|(r, w)| *r = w);
                    from += part.len();
                }
                let residual = self.engine.read(output)?[k] - targets.at(i, k);
                take(residual * self.weights[i], &mut row);
            }
        }
        Ok(())
    }
}
