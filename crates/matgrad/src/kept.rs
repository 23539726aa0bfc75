//! Numbers of a program that are kept beside it, as it has them.

use crate::Precision;

/// Entries of a matrix, row by row, in the precision of the program that they are from.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// In 32 bits.
    F32(Vec<f32>),
    /// In 64 bits.
    F64(Vec<f64>),
}

impl Kept {
    /// The nearest numbers of a precision.
    pub fn new(values: Vec<f64>, precision: Precision) -> Kept {
        match precision {
            Precision::F32 => Kept::F32(values.into_iter().map(|x| x as f32).collect()),
            Precision::F64 => Kept::F64(values),
        }
    }

    /// The same numbers in 64 bits.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Kept::F32(values) => values.iter().map(|&x| f64::from(x)).collect(),
            Kept::F64(values) => values.clone(),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Kept::F32(values) => values.len(),
            Kept::F64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether none is infinite or no number.
    pub fn is_finite(&self) -> bool {
        match self {
            Kept::F32(values) => values.iter().all(|x| x.is_finite()),
            Kept::F64(values) => values.iter().all(|x| x.is_finite()),
        }
    }
}
