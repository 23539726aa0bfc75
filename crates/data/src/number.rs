//! Numbers on a common scale: z = (x − offset) / divisor, and back.

use crate::error::show_column;
use crate::table::number;
use crate::{Error, Table, Values};

/// How a column of numbers is scaled; what it takes is learnt from the training rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// To mean 0 and standard deviation 1 (of the population: the sum of squares over n).
    #[default]
    Standardize,
    /// As `Standardize`; but columns that share one scale, such as the pixels of pictures, are all
    /// divided by the root of their mean variance, so that one which hardly varies is not blown
    /// up. They do where all have their least value in common, and half of them or more their
    /// greatest, which no other exceeds.
    Auto,
    /// The least training value to 0, the greatest to 1.
    MinMax,
    /// Not at all.
    None,
}

/// The map z = (x − offset) / divisor. The divisor of a constant column is 0, and z is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What becomes 0.
    pub offset: f64,
    /// The distance that becomes 1.
    pub divisor: f64,
}

impl Scale {
    /// The scaled value; `NaN` stays `NaN`.
    pub fn apply(&self, x: f64) -> f64 {
        if self.divisor == 0.0 {
            return if x.is_nan() { x } else { 0.0 };
        }
        let difference = x - self.offset;
        if difference.is_infinite() {
            return x / self.divisor - self.offset / self.divisor;
        }
        difference / self.divisor
    }

    /// The value that scales to `z`.
    pub fn undo(&self, z: f64) -> f64 {
        z * self.divisor + self.offset
    }
}

/// Mean and extent of the values of a column, `NaN` left out.
#[derive(Clone)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) mean: f64,
    least: f64,
    greatest: f64,
    deviation: f64,
    /// Squares of extreme values leave the range of f64, so those are taken in a unit.
    unit: f64,
}

impl Summary {
    /// Of parts of the values, which are gone through three times: for the extent, the mean and the
    /// deviation from it.
    pub(crate) const PASSES: usize = 3;

    pub(crate) fn new() -> Summary {
        let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        Summary { count: 0, mean: 0.0, least, greatest, deviation: 0.0, unit: 1.0 }
    }

    /// A part of the values in a pass.
    pub(crate) fn add(&mut self, pass: usize, values: &[f64]) {
        let known = values.iter().copied().filter(|x| !x.is_nan());
        let unit = self.unit;
        let scaled = |x: f64| if unit == 1.0 { x } else { x / unit };
        match pass {
            0 => known.for_each(|x| {
                self.count += 1;
                (self.least, self.greatest) = (self.least.min(x), self.greatest.max(x));
            }),
            1 => known.for_each(|x| self.mean += scaled(x)),
            _ => known.for_each(|x| self.deviation += (scaled(x) - self.mean).powi(2)),
        }
    }

    /// The end of a pass.
    pub(crate) fn end(&mut self, pass: usize) {
        let n = self.count as f64;
        match pass {
            _ if self.count == 0 => (self.least, self.greatest) = (0.0, 0.0),
            0 => {
                let size = self.least.abs().max(self.greatest.abs());
                let usual = (1e-140..1e140).contains(&size) || size == 0.0;
                self.unit = if usual { 1.0 } else { size };
            }
            1 => self.mean /= n,
            _ => {
                self.mean = (self.mean * self.unit).clamp(self.least, self.greatest);
                self.deviation = (self.deviation / n).sqrt() * self.unit;
            }
        }
    }

    pub(crate) fn of(values: &[f64]) -> Summary {
        let mut summary = Summary::new();
        for pass in 0..Summary::PASSES {
            summary.add(pass, values);
            summary.end(pass);
        }
        summary
    }

    /// Whether all values are one, up to what rounding makes of it.
    pub(crate) fn is_constant(&self) -> bool {
        self.least == self.greatest || self.deviation == 0.0
    }

    pub(crate) fn scale(&self, scaling: Scaling) -> Scale {
        let (offset, divisor) = match scaling {
            Scaling::None => return Scale { offset: 0.0, divisor: 1.0 },
            Scaling::Standardize | Scaling::Auto => (self.mean, self.deviation),
            Scaling::MinMax => (self.least, (self.greatest - self.least).min(f64::MAX)),
        };
        Scale { offset, divisor: if self.is_constant() { 0.0 } else { divisor } }
    }
}

/// The divisor of columns that share one scale; see [`Scaling::Auto`].
pub(crate) fn shared(columns: &[Summary]) -> Option<f64> {
    let varying: Vec<&Summary> = columns.iter().filter(|c| !c.is_constant()).collect();
    let least = varying.first()?.least;
    let greatest = varying.iter().fold(least, |most, column| most.max(column.greatest));
    let full = varying.iter().filter(|column| column.greatest == greatest).count();
    if varying.iter().any(|column| column.least != least) || 2 * full < varying.len() {
        return None;
    }
    // In a unit, since squares of extreme values leave the range of f64.
    let unit = greatest.abs().max(least.abs());
    let squares = varying.iter().map(|column| (column.deviation / unit).powi(2));
    Some((squares.sum::<f64>() / varying.len() as f64).sqrt() * unit)
}

/// The numbers of a column at `rows`; `NaN` is missing.
pub(crate) fn numbers(table: &Table, column: usize, rows: &[usize]) -> Result<Vec<f64>, Error> {
    let place = |row: usize| {
        let (file, place) = (table.file.clone(), table.place(row));
        (file, place, show_column(table.name(column)))
    };
    let infinite = |row: usize| {
        let (file, place, column) = place(row);
        Error::Infinite { file, place, column }
    };
    match table.columns.get(column).map(|column| &column.values) {
        None => Ok(vec![f64::NAN; rows.len()]),
        Some(Values::Numbers(numbers)) => {
            let values = numbers.gather(rows);
            // Without a way out of the loop, which would be slower than what it saves.
            if !values.iter().fold(false, |any, x| any | x.is_infinite()) {
                return Ok(values);
            }
            let at = values.iter().position(|x| x.is_infinite()).unwrap_or(0);
            Err(infinite(rows[at]))
        }
        Some(Values::Categories { levels, codes }) => {
            let numbers: Vec<Option<f64>> =
                levels.iter().map(|level| number(level.as_bytes())).collect();
            rows.iter()
                .map(|&row| {
                    let Some(code) = codes.get(row) else { return Ok(f64::NAN) };
                    match numbers.get(code).copied().flatten() {
                        Some(x) if x.is_infinite() => Err(infinite(row)),
                        Some(x) => Ok(x),
                        None => {
                            let (file, place, column) = place(row);
                            let text = levels.get(code).cloned().unwrap_or_default();
                            Err(Error::NotANumber { file, place, column, text })
                        }
                    }
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_scales() {
        let summary = Summary::of(&[1.0, f64::NAN, 3.0, 5.0]);
        assert_eq!((summary.count, summary.mean), (3, 3.0));
        let standard = summary.scale(Scaling::Standardize);
        assert_eq!(standard, Scale { offset: 3.0, divisor: (8.0f64 / 3.0).sqrt() });
        assert_eq!(summary.scale(Scaling::MinMax), Scale { offset: 1.0, divisor: 4.0 });
        assert_eq!(summary.scale(Scaling::None).apply(7.5), 7.5);
        assert!(standard.apply(f64::NAN).is_nan());
    }

    #[test]
    fn constants_become_zero() {
        let summary = Summary::of(&[0.1; 7]);
        let scale = summary.scale(Scaling::Standardize);
        assert_eq!((scale.apply(0.1), scale.apply(5.0), scale.undo(3.0)), (0.0, 0.0, 0.1));
    }

    #[test]
    fn columns_of_one_scale_share_their_divisor() {
        let of = |columns: &[&[f64]]| {
            shared(&columns.iter().map(|c| Summary::of(c)).collect::<Vec<_>>())
        };
        let (bright, dark) = ([0.0, 255.0, 0.0, 255.0], [0.0, 4.0, 0.0, 0.0]);
        let divisor = of(&[&bright, &dark, &[0.0; 4]]).unwrap();
        assert!((divisor - ((127.5f64.powi(2) + 3.0) / 2.0).sqrt()).abs() < 1e-12, "{divisor}");
        assert_eq!(of(&[&bright, &dark, &dark]), None, "most are of another extent");
        assert_eq!(of(&[&bright, &[1.0, 255.0]]), None, "another least value");
        assert_eq!(of(&[&[3.0, 3.0]]), None, "constant");
    }

    proptest! {
        #[test]
        fn stays_finite(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..20),
        ) {
            for scaling in [Scaling::Standardize, Scaling::Auto, Scaling::MinMax, Scaling::None] {
                let scale = Summary::of(&values).scale(scaling);
                prop_assert!(scale.offset.is_finite() && scale.divisor.is_finite());
                for &x in &values {
                    prop_assert!(scale.apply(x).is_finite(), "{x} {scale:?}");
                }
            }
        }
    }
}
