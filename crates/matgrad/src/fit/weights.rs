//! What the rows weigh in a fit.

use matgrad_expr::matrix::Matrix;

use super::{Fit, Worker};
use crate::order::Order;
use crate::{Error, costs};

impl Fit<'_> {
    /// Weighs the rows (B×1) or targets (as the targets) in the loss, before the first epoch.
    /// Weights are scaled to mean 1; a row of weights 0 is left out, so that the bits are those of
    /// a fit without it.
    ///
    /// # Errors
    /// A page without an input for weights; weights of another shape, or none above 0; a row of
    /// weight 0 for a solver that searches.
    pub fn weighted(self, train: &Matrix, validation: Option<&Matrix>) -> Result<Self, Error> {
        let validation = validation.map(costs::mean_one).transpose()?;
        self.weighted_as_given(&costs::mean_one(train)?, validation)
    }

    /// As [`Fit::weighted`], by weights as they are, which may be below 0: for a page that divides
    /// by their sum.
    ///
    /// # Errors
    /// Those of [`Fit::weighted`], but for the sign; one below 0 for Levenberg–Marquardt.
    pub fn weighted_as_given(
        mut self,
        train: &Matrix,
        validation: Option<Matrix>,
    ) -> Result<Self, Error> {
        let node = self.network.row_weights.ok_or_else(|| {
            Error::Input(
                "the page has no input for the rows' weights; declare `input S : B×1` and use it \
                 in the objective, such as `L = sum(S ⊙ cross_entropy_each(Z, Y)) / rows(Z)`"
                    .into(),
            )
        })?;
        let cols = self.network.columns(node);
        let held = validation.as_ref().zip(self.validation.as_ref());
        let held = held.map(|(weights, held)| (weights, held.inputs.rows));
        for (weights, rows) in std::iter::once((train, self.data.0.len())).chain(held) {
            if (weights.rows, weights.cols) != (rows, cols) {
                return Err(Error::Input(format!(
                    "the rows' weights are {}×{}, the page and the table want {rows}×{cols}",
                    weights.rows, weights.cols
                )));
            }
        }
        let counted = costs::weighed(train);
        if counted.len() < train.rows {
            let width = self.data.0.cols() + self.data.1.cols();
            self.order = Order::new(train.rows, Some(counted), width);
            self.at.order = self.order.blocks();
        }
        match &mut self.worker {
            Worker::Step(stepper) => stepper.weigh(train),
            Worker::Search(_) if self.order.count < train.rows => {
                return Err(Error::Input(
                    "a solver that searches takes all rows; leave out those of weight 0".into(),
                ));
            }
            Worker::Search(search) => search.weigh(node, train)?,
        }
        if let Some(held) = &mut self.validation {
            held.weights = validation;
        }
        Ok(self)
    }
}
