//! L-BFGS: steps by the curvature of the last few (Liu & Nocedal 1989; Nocedal & Wright 2006,
//! algorithm 7.4).

use std::collections::VecDeque;

use super::line_search::{Point, strong_wolfe};
use super::{Objective, Progress, Rest, along, dot, wrong_state};
use crate::Error;

/// What the last steps left.
pub(super) struct Lbfgs {
    memory: usize,
    rest: Rest,
    /// Value and gradient at the weights, once they were evaluated, and whether the step to them
    /// gained so little that there is no more to gain: at kinks, promises are not kept.
    here: Option<(f64, Vec<f64>, bool)>,
    /// Steps with the changes of the gradient, the oldest first.
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Lbfgs {
    pub fn new(memory: usize, rest: Rest) -> Lbfgs {
        Lbfgs { memory: memory.max(1), rest, here: None, pairs: VecDeque::new() }
    }

    /// One line search.
    pub fn iterate(
        &mut self,
        weights: &mut [f64],
        objective: &mut Objective,
    ) -> Result<Progress, Error> {
        let (value, gradient, rested) = match self.here.take() {
            Some(here) => here,
            None => {
                let mut gradient = vec![0.0; weights.len()];
                (objective(weights, &mut gradient)?, gradient, false)
            }
        };
        let mut direction = self.direction(&gradient);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 || !slope.is_finite() {
            self.pairs.clear();
            direction = self.direction(&gradient);
            slope = dot(&direction, &gradient);
        }
        let start = Point { at: 0.0, value, slope };
        let promised = -0.5 * slope;
        let rested = rested || self.rest.level(&gradient) || self.rest.little(promised, value);
        if rested || !value.is_finite() {
            self.here = Some((value, gradient, rested));
            return Ok(Progress { loss: value, done: true });
        }
        let first = match self.pairs.is_empty() {
            true => (1.0 / gradient.iter().map(|g| g.abs()).sum::<f64>()).min(1.0),
            false => 1.0,
        };
        let (mut there, mut slopes) = (weights.to_vec(), vec![0.0; weights.len()]);
        let found = strong_wolfe(start, first, &mut |at| {
            along(weights, at, &direction, &mut there);
            let value = objective(&there, &mut slopes)?;
            Ok(Point { at, value, slope: dot(&slopes, &direction) })
        })?;
        let Some(found) = found else {
            // The curvature may have misled; without it, the next search is the last.
            let done = self.pairs.is_empty();
            self.pairs.clear();
            self.here = Some((value, gradient, false));
            return Ok(Progress { loss: value, done });
        };
        let step: Vec<f64> = there.iter().zip(&*weights).map(|(b, a)| b - a).collect();
        let change: Vec<f64> = slopes.iter().zip(&gradient).map(|(b, a)| b - a).collect();
        // Little was gained: as where a search fails, the curvature is left out once.
        let little = self.rest.little(value - found.value, value);
        let rested = little && self.pairs.is_empty();
        if little {
            self.pairs.clear();
        } else if dot(&step, &change)
            > 1e-14 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt()
        {
            if self.pairs.len() == self.memory {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, change));
        }
        weights.copy_from_slice(&there);
        self.here = Some((found.value, slopes, rested));
        Ok(Progress { loss: value, done: false })
    }

    /// −H g by the two loops.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut shares = Vec::new();
        for (step, change) in self.pairs.iter().rev() {
            let share = dot(step, &q) / dot(step, change);
            q.iter_mut().zip(change).for_each(|(q, y)| *q -= share * y);
            shares.push(share);
        }
        if let Some((step, change)) = self.pairs.back() {
            let scale = dot(step, change) / dot(change, change);
            q.iter_mut().for_each(|q| *q *= scale);
        }
        for ((step, change), share) in self.pairs.iter().zip(shares.iter().rev()) {
            let back = share - dot(change, &q) / dot(step, change);
            q.iter_mut().zip(step).for_each(|(q, s)| *q += back * s);
        }
        q
    }

    pub fn state(&self) -> Vec<Vec<f64>> {
        let Some((value, gradient, rested)) = &self.here else { return Vec::new() };
        let pairs = self.pairs.iter().flat_map(|(s, y)| [s.clone(), y.clone()]);
        [vec![*value, f64::from(*rested)], gradient.clone()].into_iter().chain(pairs).collect()
    }

    pub fn restore(&mut self, state: &[Vec<f64>]) -> Result<(), Error> {
        self.pairs.clear();
        self.here = match state {
            [] => None,
            [value, gradient, pairs @ ..] if value.len() == 2 && pairs.len() % 2 == 0 => {
                self.pairs = pairs.chunks(2).map(|p| (p[0].clone(), p[1].clone())).collect();
                Some((value[0], gradient.clone(), value[1] != 0.0))
            }
            [..] => return Err(wrong_state()),
        };
        Ok(())
    }
}
