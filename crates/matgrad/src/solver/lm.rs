//! Levenberg–Marquardt: Gauss–Newton steps, damped in proportion to the scale of each weight
//! (Marquardt 1963; scales as in Moré 1978, damping as in Nielsen 1999).
//!
//! The curvature of the loss c ‖R‖² is 2c JᵀJ; J enters row by row through its triangular factor,
//! so that JᵀJ is never formed. The gradient is that of the whole objective, penalties and all.

use super::residuals::Residuals;
use super::{Objective, Progress, Rest, along, dot, wrong_state};
use crate::Error;

/// The upper triangle U, row by row, with UᵀU = the sum of the outer squares of all rows so far.
pub(crate) struct Triangle {
    size: usize,
    rows: Vec<f64>,
}

impl Triangle {
    pub fn new(size: usize) -> Triangle {
        Triangle { size, rows: vec![0.0; size * size] }
    }

    /// Adds a row by Givens rotations; the row is used up.
    pub fn add(&mut self, row: &mut [f64]) {
        for i in 0..self.size {
            if row[i] == 0.0 {
                continue;
            }
            let own = &mut self.rows[i * self.size..(i + 1) * self.size];
            let length = own[i].hypot(row[i]);
            let (cosine, sine) = (own[i] / length, row[i] / length);
            for j in i..self.size {
                let (a, b) = (own[j], row[j]);
                own[j] = cosine * a + sine * b;
                row[j] = cosine * b - sine * a;
            }
        }
    }

    fn scale(&mut self, by: f64) {
        self.rows.iter_mut().for_each(|x| *x *= by);
    }

    /// The Euclidean length of each column: that of the columns of all rows so far.
    fn lengths(&self) -> Vec<f64> {
        let column = |j: usize| (0..=j).map(move |i| self.rows[i * self.size + j]);
        (0..self.size).map(|j| column(j).map(|x| x * x).sum::<f64>().sqrt()).collect()
    }

    /// x with UᵀU x = b; infinite where U is singular.
    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, u) = (self.size, &self.rows);
        let mut x = b.to_vec();
        for i in 0..n {
            x[i] /= u[i * n + i];
            for j in i + 1..n {
                x[j] -= u[i * n + j] * x[i];
            }
        }
        for i in (0..n).rev() {
            for j in i + 1..n {
                x[i] -= u[i * n + j] * x[j];
            }
            x[i] /= u[i * n + i];
        }
        x
    }
}

/// Damped steps.
pub(super) struct Lm {
    rest: Rest,
    /// At first.
    damping: f64,
    here: Option<Here>,
}

struct Here {
    value: f64,
    gradient: Vec<f64>,
    /// 2c.
    factor: f64,
    /// The longest column of J that each weight has shown.
    scales: Vec<f64>,
    damping: f64,
    growth: f64,
}

/// Refused steps of one iteration after which there is nothing to gain.
const REFUSALS: usize = 40;

impl Lm {
    pub fn new(damping: f64, rest: Rest) -> Lm {
        Lm { rest, damping, here: None }
    }

    /// One step that lowers the objective.
    pub fn iterate(
        &mut self,
        weights: &mut [f64],
        objective: &mut Objective,
        residuals: &mut Residuals,
    ) -> Result<Progress, Error> {
        let size = weights.len();
        if self.here.is_none() {
            let mut gradient = vec![0.0; size];
            let value = objective(weights, &mut gradient)?;
            let (scales, damping) = (vec![0.0; size], self.damping);
            let factor = if value.is_finite() { residuals.factor(weights)? } else { 0.0 };
            self.here = Some(Here { value, gradient, factor, scales, damping, growth: 2.0 });
        }
        let here = self.here.as_mut().expect("it was made just now");
        let loss = here.value;
        if !loss.is_finite() || self.rest.level(&here.gradient) {
            return Ok(Progress { loss, done: true });
        }
        let mut jacobian = residuals.jacobian(weights)?;
        jacobian.scale(here.factor.sqrt());
        for (scale, length) in here.scales.iter_mut().zip(jacobian.lengths()) {
            *scale = scale.max(length);
        }
        let least = here.scales.iter().fold(0.0f64, |m, s| m.max(*s)) * 1e-12;
        let (mut there, mut slopes) = (weights.to_vec(), vec![0.0; size]);
        let downhill: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
        for _ in 0..REFUSALS {
            let mut damped = Triangle { size, rows: jacobian.rows.clone() };
            let root = here.damping.sqrt();
            for (j, scale) in here.scales.iter().enumerate() {
                let mut row = vec![0.0; size];
                row[j] = root * scale.max(least);
                damped.add(&mut row);
            }
            let step = damped.solve(&downhill);
            // gᵀs + ½ sᵀ2cJᵀJ s, with (2cJᵀJ + μD²) s = -g.
            let scaled = step.iter().zip(&here.scales).map(|(s, d)| (s * d.max(least)).powi(2));
            let promised = 0.5 * (dot(&step, &downhill) + here.damping * scaled.sum::<f64>());
            if self.rest.little(promised, loss) {
                return Ok(Progress { loss, done: true });
            }
            along(weights, 1.0, &step, &mut there);
            let value = objective(&there, &mut slopes)?;
            let ratio = (loss - value) / promised;
            if ratio > 0.0 {
                weights.copy_from_slice(&there);
                (here.value, here.gradient) = (value, slopes);
                let shrink = 1.0 - (2.0 * ratio.min(1.0) - 1.0).powi(3);
                here.damping = (here.damping * shrink.max(1.0 / 3.0)).max(1e-20);
                here.growth = 2.0;
                return Ok(Progress { loss, done: false });
            }
            here.damping *= here.growth;
            here.growth *= 2.0;
        }
        Ok(Progress { loss, done: true })
    }

    pub fn state(&self) -> Vec<Vec<f64>> {
        let Some(h) = &self.here else { return Vec::new() };
        vec![vec![h.value, h.damping, h.growth, h.factor], h.gradient.clone(), h.scales.clone()]
    }

    pub fn restore(&mut self, state: &[Vec<f64>]) -> Result<(), Error> {
        self.here = match state {
            [] => None,
            [numbers, gradient, scales] if numbers.len() == 4 => Some(Here {
                value: numbers[0],
                damping: numbers[1],
                growth: numbers[2],
                factor: numbers[3],
                gradient: gradient.clone(),
                scales: scales.clone(),
            }),
            [..] => return Err(wrong_state()),
        };
        Ok(())
    }
}
