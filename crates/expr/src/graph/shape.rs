//! The shape of a result, or why there is none.

use super::ShapeError;
use crate::dim::{Dim, Shape};
use crate::op::{Axis, Op, ShapeRule};
use crate::window::Window;

/// The shape of a result, or why there is none.
pub(super) fn result_shape(op: Op, shapes: &[Shape]) -> Result<Shape, ShapeError> {
    let first = || shapes.first().copied().ok_or(ShapeError::Arity);
    match op.def().shape {
        ShapeRule::Given => match op {
            Op::Eye(n) => Ok(Shape::new(n, n)),
            _ => Ok(Shape::SCALAR),
        },
        ShapeRule::Same => {
            let s = first()?;
            if shapes.iter().all(|&t| t == s) { Ok(s) } else { Err(ShapeError::Unequal) }
        }
        ShapeRule::Product => {
            if shapes[0].cols != shapes[1].rows {
                return Err(ShapeError::Product);
            }
            Ok(Shape::new(shapes[0].rows, shapes[1].cols))
        }
        ShapeRule::Transposed => Ok(first()?.transposed()),
        ShapeRule::Reduced => Ok(match op {
            Op::Sum(Axis::All) => Shape::SCALAR,
            Op::Sum(Axis::Cols) => Shape::new(Dim::ONE, first()?.cols),
            _ => Shape::new(first()?.rows, Dim::ONE),
        }),
        ShapeRule::Spread => {
            let (s, Op::Spread(to)) = (first()?, op) else { return Err(ShapeError::Spread) };
            let fits = (s.rows == to.rows || s.rows == Dim::ONE)
                && (s.cols == to.cols || s.cols == Dim::ONE);
            if fits { Ok(to) } else { Err(ShapeError::Spread) }
        }
        ShapeRule::Reshaped => {
            let (s, Op::Reshape(to)) = (first()?, op) else { return Err(ShapeError::Size) };
            let equal = s == to || (s.size().is_some() && s.size() == to.size());
            if equal { Ok(to) } else { Err(ShapeError::Size) }
        }
        ShapeRule::Along => along(op, shapes),
        ShapeRule::Diagonal => {
            let s = first()?;
            if s.cols == Dim::ONE {
                Ok(Shape::new(s.rows, s.rows))
            } else {
                Err(ShapeError::NotColumn)
            }
        }
        ShapeRule::SquareToColumn => square(first()?).map(|n| Shape::new(n, Dim::ONE)),
        ShapeRule::Square => square(first()?).map(|n| Shape::new(n, n)),
        ShapeRule::SquareToScalar => square(first()?).map(|_| Shape::SCALAR),
        rule => picture(rule, op.window().ok_or(ShapeError::Window)?, shapes),
    }
}

fn square(s: Shape) -> Result<Dim, ShapeError> {
    if s.rows == s.cols { Ok(s.rows) } else { Err(ShapeError::NotSquare) }
}

fn along(op: Op, shapes: &[Shape]) -> Result<Shape, ShapeError> {
    let s = shapes[0];
    let inside = |start: Dim, length: Dim, total: Dim| match start.plus(length) {
        Some(end) => match (end.number(), total.number()) {
            (Some(end), Some(total)) => end <= total,
            // A symbolic end is checked when the symbols have values.
            _ => true,
        },
        None => true,
    };
    match op {
        Op::Slice(Axis::Rows, start, length) => {
            if inside(start, length, s.rows) {
                Ok(Shape::new(length, s.cols))
            } else {
                Err(ShapeError::Range)
            }
        }
        Op::Slice(_, start, length) => {
            if inside(start, length, s.cols) {
                Ok(Shape::new(s.rows, length))
            } else {
                Err(ShapeError::Range)
            }
        }
        Op::Place(Axis::Rows, start, total) => {
            if inside(start, s.rows, total) {
                Ok(Shape::new(total, s.cols))
            } else {
                Err(ShapeError::Range)
            }
        }
        Op::Place(_, start, total) => {
            if inside(start, s.cols, total) {
                Ok(Shape::new(s.rows, total))
            } else {
                Err(ShapeError::Range)
            }
        }
        Op::Concat(Axis::Rows) if s.cols == shapes[1].cols => {
            s.rows.plus(shapes[1].rows).map(|r| Shape::new(r, s.cols)).ok_or(ShapeError::Concat)
        }
        Op::Concat(Axis::Cols) if s.rows == shapes[1].rows => {
            s.cols.plus(shapes[1].cols).map(|c| Shape::new(s.rows, c)).ok_or(ShapeError::Concat)
        }
        _ => Err(ShapeError::Concat),
    }
}

/// Shapes of the ops on pictures.
fn picture(rule: ShapeRule, w: Window, shapes: &[Shape]) -> Result<Shape, ShapeError> {
    let [rows, cols] = w.output().ok_or(ShapeError::Window)?;
    let places = Dim::of(u64::from(rows) * u64::from(cols));
    let channels = w.channels() as u64;
    let pictures = Dim::of(w.columns() as u64);
    let pooled = places.times(Dim::of(channels)).ok_or(ShapeError::Window)?;
    let unfolded = Dim::of(w.taps() as u64 * channels);
    let wants = |shape: Shape, cols: Dim| {
        if shape.cols == cols { Ok(shape.rows) } else { Err(ShapeError::Picture) }
    };
    let [first, last] = [shapes[0], shapes[shapes.len() - 1]];
    if shapes.len() == 2 && first.rows != last.rows {
        return Err(ShapeError::Unequal);
    }
    match rule {
        ShapeRule::Unfolded => {
            let rows = wants(first, pictures)?.times(places).ok_or(ShapeError::Picture)?;
            Ok(Shape::new(rows, unfolded))
        }
        ShapeRule::Folded => {
            let rows = wants(first, unfolded)?.over(places).ok_or(ShapeError::Picture)?;
            Ok(Shape::new(rows, pictures))
        }
        ShapeRule::Pooled => Ok(Shape::new(wants(first, pictures)?, pooled)),
        ShapeRule::Unpooled => {
            wants(first, pooled)?;
            Ok(Shape::new(wants(last, pictures)?, pictures))
        }
        ShapeRule::Picked => {
            wants(first, pictures)?;
            Ok(Shape::new(wants(last, pictures)?, pooled))
        }
        other => unreachable!("{other:?} is no rule of an op with a window"),
    }
}
