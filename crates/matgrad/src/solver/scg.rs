//! Scaled conjugate gradients: no line search, the curvature along the direction from one more
//! gradient (Møller 1993, "A scaled conjugate gradient algorithm for fast supervised learning").

use super::{Objective, Progress, Rest, along, dot, wrong_state};
use crate::Error;

/// The paper's σ, against the length of the direction.
const SIGMA: f64 = 1e-5;

/// The names are the paper's.
pub(super) struct Scg {
    rest: Rest,
    here: Option<Here>,
}

struct Here {
    value: f64,
    /// −gradient.
    r: Vec<f64>,
    /// The direction.
    p: Vec<f64>,
    lambda: f64,
    lambda_bar: f64,
    /// The curvature along p, measured where the last step was a success.
    delta: f64,
    success: bool,
    /// Steps since the direction was the gradient's.
    since: usize,
}

impl Here {
    /// The curvature along p, from the gradient a step σ ahead.
    fn measure(&mut self, ahead: &[f64], sigma: f64) {
        let curve = self.p.iter().zip(ahead.iter().zip(&self.r));
        self.delta = curve.map(|(p, (g, r))| p * (g + r)).sum::<f64>() / sigma;
        if !self.delta.is_finite() {
            self.delta = 0.0;
        }
    }

    /// Makes the curvature positive, |p|² being the length.
    fn regularize(&mut self, length: f64) {
        self.delta += (self.lambda - self.lambda_bar) * length;
        if self.delta <= 0.0 {
            self.lambda_bar = 2.0 * (self.lambda - self.delta / length);
            self.delta = self.lambda * length - self.delta;
            self.lambda = self.lambda_bar;
        }
    }

    /// The step is taken: the next direction is conjugate, or the gradient after as many as there
    /// are weights.
    fn accept(&mut self, value: f64, gradient: &[f64], mu: f64) {
        let r: Vec<f64> = gradient.iter().map(|g| -g).collect();
        self.since += 1;
        if self.since >= r.len().max(2) {
            self.since = 0;
            self.p.clone_from(&r);
        } else {
            let beta = (dot(&r, &r) - dot(&r, &self.r)) / mu;
            self.p.iter_mut().zip(&r).for_each(|(p, r)| *p = r + beta * *p);
        }
        (self.value, self.r, self.lambda_bar, self.success) = (value, r, 0.0, true);
    }
}

impl Scg {
    pub fn new(rest: Rest) -> Scg {
        Scg { rest, here: None }
    }

    /// One step, taken or refused.
    pub fn iterate(
        &mut self,
        weights: &mut [f64],
        objective: &mut Objective,
    ) -> Result<Progress, Error> {
        let mut there = weights.to_vec();
        let mut gradient = vec![0.0; weights.len()];
        if self.here.is_none() {
            let value = objective(weights, &mut gradient)?;
            let r: Vec<f64> = gradient.iter().map(|g| -g).collect();
            self.here = Some(Here {
                value,
                p: r.clone(),
                r,
                lambda: 1e-6,
                lambda_bar: 0.0,
                delta: 0.0,
                success: true,
                since: 0,
            });
        }
        let here = self.here.as_mut().expect("it was made just now");
        let loss = here.value;
        let length = dot(&here.p, &here.p);
        let level = length == 0.0 || self.rest.level(&here.r);
        if level || !loss.is_finite() || !length.is_finite() {
            return Ok(Progress { loss, done: true });
        }
        if here.success {
            let sigma = SIGMA / length.sqrt();
            along(weights, sigma, &here.p, &mut there);
            objective(&there, &mut gradient)?;
            here.measure(&gradient, sigma);
        }
        here.regularize(length);
        let mu = dot(&here.p, &here.r);
        let alpha = mu / here.delta;
        let promised = 0.5 * alpha * mu;
        if promised.is_nan() || self.rest.little(promised, loss) {
            // Not by the gradient itself: begin again with it.
            let done = here.since == 0;
            here.p.clone_from(&here.r);
            (here.since, here.success, here.lambda, here.lambda_bar) = (0, true, 1e-6, 0.0);
            return Ok(Progress { loss, done });
        }
        along(weights, alpha, &here.p, &mut there);
        let value = objective(&there, &mut gradient)?;
        let comparison = (loss - value) / promised;
        if comparison >= 0.0 {
            weights.copy_from_slice(&there);
            here.accept(value, &gradient, mu);
            if comparison >= 0.75 {
                here.lambda *= 0.25;
            }
        } else {
            here.lambda_bar = here.lambda;
            here.success = false;
        }
        if comparison.is_nan() || comparison < 0.25 {
            // A value that is not finite counts as one much too high.
            let worse = if comparison.is_finite() { 1.0 - comparison } else { 10.0 };
            here.lambda += here.delta * worse / length;
        }
        Ok(Progress { loss, done: false })
    }

    pub fn state(&self) -> Vec<Vec<f64>> {
        let Some(h) = &self.here else { return Vec::new() };
        let success = f64::from(u8::from(h.success));
        let numbers = [h.value, h.lambda, h.lambda_bar, h.delta, success, h.since as f64];
        vec![numbers.to_vec(), h.r.clone(), h.p.clone()]
    }

    pub fn restore(&mut self, state: &[Vec<f64>]) -> Result<(), Error> {
        self.here = match state {
            [] => None,
            [numbers, r, p] if numbers.len() == 6 => Some(Here {
                value: numbers[0],
                lambda: numbers[1],
                lambda_bar: numbers[2],
                delta: numbers[3],
                success: numbers[4] > 0.0,
                since: numbers[5] as usize,
                r: r.clone(),
                p: p.clone(),
            }),
            [..] => return Err(wrong_state()),
        };
        Ok(())
    }
}
