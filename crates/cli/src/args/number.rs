//! Numbers of flags, and what is allowed.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// What to say of a flag whose value is refused: the flag, the value, and what is wanted, which the
/// parsers of numbers do not know.
pub fn refused(error: &Error) -> Option<String> {
    let source = error.source().filter(|_| error.kind() == ErrorKind::ValueValidation)?;
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let flag = said(ContextKind::InvalidArg)?.split(' ').next()?;
    let given = said(ContextKind::InvalidValue)?;
    let whole = source.downcast_ref().map(ParseIntError::kind);
    let wanted = match whole {
        Some(IntErrorKind::PosOverflow) => "a smaller number is wanted".into(),
        Some(_) if given.starts_with('-') => "a whole number from 0 is wanted".into(),
        Some(_) => "a whole number is wanted".into(),
        None if source.is::<ParseFloatError>() => "a number is wanted".into(),
        None => source.to_string(),
    };
    Some(format!("{flag} {given}: {wanted}"))
}

fn number(text: &str, allowed: impl Fn(f64) -> bool, wanted: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite() && allowed(*x));
    number.ok_or_else(|| format!("{wanted} is wanted"))
}

/// A number that is not negative.
///
/// # Errors
/// What is wanted.
pub fn from_zero(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0, "a number from 0")
}

/// A number above 0.
///
/// # Errors
/// What is wanted.
pub fn above_zero(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0, "a number above 0")
}

/// Any number.
///
/// # Errors
/// What is wanted.
pub fn finite(text: &str) -> Result<f64, String> {
    number(text, |_| true, "a finite number")
}

/// How many, but not none.
///
/// # Errors
/// What is wanted.
pub fn from_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| "a whole number from 1 is wanted".into())
}
