//! Arithmetic on numbers as they are written: 0.1 · 3 is 0.3, and 1 / 3 is no decimal.
//!
//! A number stands for the shortest decimal that reads as it. What has no such decimal for a
//! result is left as it is written, since a reader could not tell 0.30000000000000004 from a slip.

use crate::op::Op;

/// The number that an element-wise op makes of numbers, if its decimal is exactly the result.
pub(super) fn exact(op: Op, numbers: &[f64]) -> Option<f64> {
    let decimals: Option<Vec<Decimal>> = numbers.iter().map(|&x| Decimal::of(x)).collect();
    let result = match (op, decimals?.as_slice()) {
        (Op::Add, &[a, b]) => a.plus(b),
        (Op::Mul, &[a, b]) => a.times(b),
        (Op::Div, &[a, b]) => a.over(b),
        (Op::Pow, &[a, b]) => a.power(b),
        // Of a root that is a decimal, the square is the number.
        (Op::Sqrt, &[a]) => Decimal::of(numbers[0].sqrt()).filter(|r| r.times(*r) == Some(a)),
        _ => None,
    }?;
    let value = result.value();
    (Decimal::of(value) == Some(result)).then_some(value)
}

/// digits · 10^exponent, without zeros at the end of the digits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// How far a quotient is written out, as the digits of a number are.
const DIGITS: u32 = 17;

impl Decimal {
    fn of(value: f64) -> Option<Decimal> {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e')?;
        let behind = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = digits.replace('.', "").parse().ok()?;
        Some(Decimal::new(digits, exponent.parse::<i32>().ok()? - behind as i32))
    }

    fn new(mut digits: i128, mut exponent: i32) -> Decimal {
        if digits == 0 {
            return Decimal { digits, exponent: 0 };
        }
        while digits % 10 == 0 {
            digits /= 10;
            exponent += 1;
        }
        Decimal { digits, exponent }
    }

    fn value(self) -> f64 {
        let text = format!("{}e{}", self.digits, self.exponent);
        text.parse().expect("digits with an exponent are a number")
    }

    fn plus(self, other: Decimal) -> Option<Decimal> {
        let exponent = self.exponent.min(other.exponent);
        let digits = |x: Decimal| {
            let zeros = 10i128.checked_pow(u32::try_from(x.exponent - exponent).ok()?)?;
            x.digits.checked_mul(zeros)
        };
        Some(Decimal::new(digits(self)?.checked_add(digits(other)?)?, exponent))
    }

    fn times(self, other: Decimal) -> Option<Decimal> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Decimal::new(digits, self.exponent + other.exponent))
    }

    fn over(self, other: Decimal) -> Option<Decimal> {
        let whole = |zeros: u32| {
            let digits = self.digits.checked_mul(10i128.pow(zeros))?;
            (digits.checked_rem(other.digits)? == 0).then(|| (digits / other.digits, zeros as i32))
        };
        let (digits, zeros) = (0..=DIGITS).find_map(whole)?;
        Some(Decimal::new(digits, self.exponent - other.exponent - zeros))
    }

    /// A power by a whole number.
    fn power(self, by: Decimal) -> Option<Decimal> {
        let by = by.digits.checked_mul(10i128.checked_pow(u32::try_from(by.exponent).ok()?)?)?;
        let one = Decimal::new(1, 0);
        // Longer results have no room in a number.
        let times = u32::try_from(by.unsigned_abs()).ok().filter(|n| *n <= 1100)?;
        let power = (0..times).try_fold(one, |power, _| power.times(self))?;
        if by < 0 { one.over(power) } else { Some(power) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_expects() {
        let none = None;
        for (op, numbers, result) in [
            (Op::Mul, &[0.1, 3.0][..], Some(0.3)),
            (Op::Mul, &[-0.5, 0.7978845608028654], Some(-0.3989422804014327)),
            (Op::Mul, &[0.7978845608028654, 0.7978845608028654], none),
            (Op::Mul, &[1e200, 1e200], none),
            (Op::Mul, &[0.0, -3.0], Some(0.0)),
            (Op::Add, &[0.1, 0.2], Some(0.3)),
            (Op::Add, &[1.0, -0.9], Some(0.1)),
            (Op::Add, &[1e300, 1e-300], none),
            (Op::Add, &[1e16, 1.0], none),
            (Op::Div, &[0.6, 0.2], Some(3.0)),
            (Op::Div, &[1.0, 8.0], Some(0.125)),
            (Op::Div, &[1.0, 3.0], none),
            (Op::Div, &[1e20, 3.0], none),
            (Op::Div, &[1.0, 0.0], none),
            (Op::Pow, &[0.1, 2.0], Some(0.01)),
            (Op::Pow, &[2.0, -3.0], Some(0.125)),
            (Op::Pow, &[10.0, 300.0], Some(1e300)),
            (Op::Pow, &[0.0, -1.0], none),
            (Op::Pow, &[2.0, 0.5], none),
            (Op::Pow, &[3.0, -1.0], none),
            (Op::Pow, &[1.0, 1e300], none),
            (Op::Sqrt, &[0.01], Some(0.1)),
            (Op::Sqrt, &[2.0], none),
            (Op::Sqrt, &[-1.0], none),
        ] {
            assert_eq!(exact(op, numbers), result, "{op:?} {numbers:?}");
        }
    }
}
