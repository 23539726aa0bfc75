//! First weights as scikit-learn draws them, without loading `numpy.random`.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use rand_mt::Mt;

/// NumPy's `RandomState` of an integer seed, as far as a fit draws: the same bits.
///
/// Loading `numpy.random` takes as long as a small fit.
#[pyclass(module = "matgrad._matgrad")]
pub struct RandomState(Mt);

#[pymethods]
impl RandomState {
    #[new]
    fn new(seed: u32) -> RandomState {
        RandomState(Mt::new(seed))
    }

    /// An array `size` of numbers from `low` to below `high`, 53 bits each.
    fn uniform<'py>(
        &mut self,
        py: Python<'py>,
        low: f64,
        high: f64,
        size: (usize, usize),
    ) -> Bound<'py, PyArray2<f64>> {
        let range = high - low;
        Array2::from_shape_simple_fn(size, || low + range * self.unit()).into_pyarray(py)
    }

    /// A whole number from 0 to below `high`: the first draw, of as many bits, that is.
    fn randint(&mut self, high: u32) -> u32 {
        let last = high.saturating_sub(1);
        let mask = u32::MAX.checked_shr(last.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.0.next_u32() & mask;
            if drawn <= last {
                return drawn;
            }
        }
    }
}

impl RandomState {
    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * f64::from(1 << 26) + f64::from(low)) / 2f64.powi(53)
    }
}
