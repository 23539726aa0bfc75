//! How far to go along a direction: the strong Wolfe conditions.

use crate::Error;

/// A point of a line: how far along, the value there, and its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub at: f64,
    pub value: f64,
    pub slope: f64,
}

/// The share of the decrease that the slope promises which a step must bring.
const SUFFICIENT: f64 = 1e-4;
/// The share of the first slope that may be left.
const CURVATURE: f64 = 0.9;
/// Differences of values below this share of them are rounding.
const ROUNDING: f64 = 1e-14;
/// An interval of this share of its end is narrow enough: around an edge, as of `relu`, no slope is
/// small, and a step right onto it would leave the next one nowhere to go (Moré & Thuente 1994).
const NARROW: f64 = 0.1;
/// Evaluations after which the best point so far is taken.
const MOST: usize = 40;

/// Finds a point lower than the start with a slope that is small enough (Nocedal & Wright 2006,
/// algorithms 3.5 and 3.6 as one loop). The point given back is the one that `line` saw last;
/// `None` where there is no lower one. Where values differ by rounding only, the slope decides
/// (Hager & Zhang 2005).
pub(super) fn strong_wolfe(
    start: Point,
    first: f64,
    line: &mut dyn FnMut(f64) -> Result<Point, Error>,
) -> Result<Option<Point>, Error> {
    let flat = |p: &Point| p.slope.abs() <= -CURVATURE * start.slope;
    let lower = |p: &Point| {
        p.value <= start.value + SUFFICIENT * p.at * start.slope
            || p.value <= start.value + ROUNDING * start.value.abs() && flat(p)
    };
    let (mut low, mut high) = (start, None::<Point>);
    let mut at = first;
    for _ in 0..MOST {
        let point = line(at)?;
        if !lower(&point) || (point.value > low.value && low.at > 0.0) {
            high = Some(point);
        } else if flat(&point) {
            return Ok(Some(point));
        } else {
            let away = high.map_or(f64::INFINITY, |h| h.at - low.at);
            if point.slope * away >= 0.0 {
                high = Some(low);
            }
            low = point;
        }
        let narrow = |high: Point| (high.at - low.at).abs() <= NARROW * high.at.max(low.at);
        at = match high {
            Some(high) if narrow(high) => break,
            None => 4.0 * at,
            Some(high) => between(low, high),
        };
        if !at.is_finite() {
            break;
        }
    }
    if low.at > 0.0 { line(low.at).map(Some) } else { Ok(None) }
}

/// The lowest point of the cubic through both, kept a tenth of the way from either.
fn between(low: Point, high: Point) -> f64 {
    let width = high.at - low.at;
    let a = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let root = (a * a - low.slope * high.slope).sqrt().copysign(width);
    let share = 1.0 - (high.slope + root - a) / (high.slope - low.slope + 2.0 * root);
    low.at + width * if share.is_finite() { share.clamp(0.1, 0.9) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valley_is_found_from_either_side() {
        // (t - 3)² + 1, from steps far too short and far too long, and past a cliff.
        for first in [1e-6, 0.1, 3.0, 100.0] {
            let mut seen = 0.0;
            let mut line = |t: f64| {
                seen = t;
                let value = if t > 50.0 { f64::NAN } else { (t - 3.0).powi(2) + 1.0 };
                Ok(Point { at: t, value, slope: 2.0 * (t - 3.0) })
            };
            let start = Point { at: 0.0, value: 10.0, slope: -6.0 };
            let found = strong_wolfe(start, first, &mut line).expect("it evaluates");
            let found = found.expect("there is a lower point");
            assert!(found.slope.abs() <= 5.4 && found.value < 10.0, "{first}: {found:?}");
            assert_eq!(found.at, seen);
        }
    }

    #[test]
    fn an_edge_is_not_looked_for_for_long() {
        // 2 |t - 3|, whose slope is small nowhere.
        let mut seen = 0;
        let mut line = |at: f64| {
            seen += 1;
            Ok(Point { at, value: 2.0 * (at - 3.0).abs(), slope: 2.0 * (at - 3.0).signum() })
        };
        let start = Point { at: 0.0, value: 6.0, slope: -2.0 };
        let found = strong_wolfe(start, 1.0, &mut line).expect("it evaluates");
        assert!((found.expect("there is a lower point").at - 3.0).abs() <= 0.3);
        assert!(seen <= 8, "{seen}");
    }

    #[test]
    fn no_lower_point_is_none() {
        let start = Point { at: 0.0, value: 0.0, slope: -1.0 };
        let mut line = |t: f64| Ok(Point { at: t, value: t, slope: 1.0 });
        assert_eq!(strong_wolfe(start, 1.0, &mut line).expect("it evaluates"), None);
    }
}
