//! Numbers of flags, and what is allowed.

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
