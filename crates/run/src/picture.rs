//! Unfolding, folding and pooling of pictures.

use std::ops::Range;

use matgrad_expr::window::Window;
use matgrad_plan::picture::{Picture, PictureWork};

use crate::matrix::Matrix;
use crate::real::Real;

/// Runs an op on pictures for so many rows of the batch.
pub(crate) fn run<T: Real>(arena: &mut [T], picture: &Picture, rows: usize) {
    let w = &picture.window;
    let all = |m: Matrix| m.offset..m.offset + m.rows * m.cols;
    let (a, to) = (all(Matrix::of(&picture.a, rows)), all(Matrix::slot(&picture.to, rows)));
    let unfolded = w.places() * w.taps() * w.channels();
    let (columns, pooled) = (w.columns(), w.places() * w.channels());
    match (picture.work, picture.b) {
        (PictureWork::Unfold, _) => {
            let (a, to) = apart(arena, a, to);
            let pairs = a.chunks_exact(columns).zip(to.chunks_exact_mut(unfolded));
            pairs.for_each(|(a, to)| unfold(w, a, to));
        }
        (PictureWork::Fold, _) => {
            let (a, to) = apart(arena, a, to);
            let pairs = a.chunks_exact(unfolded).zip(to.chunks_exact_mut(columns));
            pairs.for_each(|(a, to)| fold(w, a, to));
        }
        (PictureWork::MaxPool, _) => {
            let (a, to) = apart(arena, a, to);
            let pairs = a.chunks_exact(columns).zip(to.chunks_exact_mut(pooled));
            pairs.for_each(|(a, to)| maxpool(w, a, to));
        }
        (PictureWork::Unpool, Some(b)) => {
            let b = all(Matrix::of(&b, rows));
            arena[to.clone()].fill(T::ZERO);
            for i in 0..b.len() / columns {
                let (a, x, to) =
                    (a.start + i * pooled, b.start + i * columns, to.start + i * columns);
                each_largest(w, |k, channel, places| {
                    if let Some(entry) = largest(&arena[x..x + columns], w, channel, places) {
                        let value = arena[a + k];
                        arena[to + entry] += value;
                    }
                });
            }
        }
        (PictureWork::Pick, Some(b)) => {
            let b = all(Matrix::of(&b, rows));
            for i in 0..b.len() / columns {
                let (a, x, to) =
                    (a.start + i * columns, b.start + i * columns, to.start + i * pooled);
                each_largest(w, |k, channel, place| {
                    let entry = largest(&arena[x..x + columns], w, channel, place);
                    arena[to + k] = entry.map_or(T::ZERO, |entry| arena[a + entry]);
                });
            }
        }
        (PictureWork::Unpool | PictureWork::Pick, None) => {
            unreachable!("the plan gives these works two operands")
        }
    }
}

/// What is read and what is written, which do not overlap.
fn apart<T>(arena: &mut [T], from: Range<usize>, to: Range<usize>) -> (&[T], &mut [T]) {
    if from.end <= to.start {
        let (low, high) = arena.split_at_mut(to.start);
        (&low[from], &mut high[..to.len()])
    } else {
        let (low, high) = arena.split_at_mut(from.start);
        (&high[..from.len()], &mut low[to])
    }
}

/// Where an entry of the window is on one side of the picture, if it is inside.
#[inline(always)]
fn inside(w: &Window, axis: usize, place: usize, tap: usize) -> Option<usize> {
    let moved = place * w.stride[axis] as usize + tap * w.dilation[axis] as usize;
    let at = moved.checked_sub(w.pad[axis] as usize)?;
    (at < w.picture[axis] as usize).then_some(at)
}

/// Each place of the window, counted and by row and column.
#[inline(always)]
fn places(w: &Window, mut f: impl FnMut(usize, [usize; 2])) {
    let [rows, cols] = w.output().unwrap_or([0; 2]).map(|n| n as usize);
    for row in 0..rows {
        for col in 0..cols {
            f(row * cols + col, [row, col]);
        }
    }
}

/// Runs of entries that lie beside each other in the picture and in its unfolding: first entry of
/// both, and length.
#[inline(always)]
fn runs(w: &Window, mut f: impl FnMut(usize, usize, usize)) {
    let (width, channels) = (w.picture[1] as usize, w.channels());
    let [high, wide] = w.size.map(|n| n as usize);
    let row = w.taps() * channels;
    let whole = w.groups == 1 && w.dilation[1] == 1;
    places(w, |place, [down, right]| {
        for i in 0..high {
            let Some(y) = inside(w, 0, down, i) else { continue };
            if whole {
                // A row of the window is one run, but for what is outside of the picture.
                let start = right * w.stride[1] as usize;
                let left = w.pad[1] as usize;
                let first = left.saturating_sub(start);
                let last = wide.min((width + left).saturating_sub(start));
                if first < last {
                    let column = place * row + (i * wide + first) * channels;
                    let entry = (y * width + start + first - left) * channels;
                    f(column, entry, (last - first) * channels);
                }
                continue;
            }
            for j in 0..wide {
                let Some(x) = inside(w, 1, right, j) else { continue };
                let group = channels / w.groups as usize;
                for channel in (0..channels).step_by(group) {
                    let column = place * row + w.column(i * wide + j, channel);
                    f(column, (y * width + x) * channels + channel, group);
                }
            }
        }
    });
}

fn unfold<T: Real>(w: &Window, a: &[T], to: &mut [T]) {
    if w.pad != [0; 4] {
        to.fill(T::ZERO);
    }
    runs(w, |column, entry, length| {
        copy(&a[entry..entry + length], &mut to[column..column + length]);
    });
}

/// Short runs are copied by pieces of a fixed size, which may overlap: no call for five numbers.
#[inline(always)]
fn copy<T: Real>(from: &[T], to: &mut [T]) {
    let length = from.len();
    let mut piece = |at: usize, size: usize| {
        to[at..at + size].copy_from_slice(&from[at..at + size]);
    };
    match length {
        0 => {}
        1 => piece(0, 1),
        2 => piece(0, 2),
        3 => piece(0, 3),
        4..=7 => {
            piece(0, 4);
            piece(length - 4, 4);
        }
        8..=15 => {
            piece(0, 8);
            piece(length - 8, 8);
        }
        _ => piece(0, length),
    }
}

fn fold<T: Real>(w: &Window, a: &[T], to: &mut [T]) {
    to.fill(T::ZERO);
    runs(w, |column, entry, length| {
        let (to, a) = (&mut to[entry..entry + length], &a[column..column + length]);
        to.iter_mut().zip(a).for_each(|(to, &a)| *to += a);
    });
}

/// The pixels at a place of the window.
#[inline(always)]
fn pixels(w: &Window, place: [usize; 2], mut f: impl FnMut(usize)) {
    for i in 0..w.size[0] as usize {
        let Some(y) = inside(w, 0, place[0], i) else { continue };
        for j in 0..w.size[1] as usize {
            if let Some(x) = inside(w, 1, place[1], j) {
                f(y * w.picture[1] as usize + x);
            }
        }
    }
}

fn maxpool<T: Real>(w: &Window, a: &[T], to: &mut [T]) {
    let channels = w.channels();
    to.fill(T::NEG_INFINITY);
    places(w, |number, place| {
        let to = &mut to[number * channels..(number + 1) * channels];
        pixels(w, place, |pixel| {
            let a = &a[pixel * channels..(pixel + 1) * channels];
            for (largest, &x) in to.iter_mut().zip(a) {
                // A NaN is not hidden: nothing is larger, and it stays.
                if x > *largest || x.partial_cmp(&x).is_none() {
                    *largest = x;
                }
            }
        });
    });
}

/// Each entry of a pooled picture: its number, its channel and its place.
#[inline(always)]
fn each_largest(w: &Window, mut f: impl FnMut(usize, usize, [usize; 2])) {
    places(w, |number, place| {
        for channel in 0..w.channels() {
            f(number * w.channels() + channel, channel, place);
        }
    });
}

/// The first largest entry of a channel at a place; a NaN is larger than all.
#[inline(always)]
fn largest<T: Real>(x: &[T], w: &Window, channel: usize, place: [usize; 2]) -> Option<usize> {
    let mut best: Option<usize> = None;
    let is_nan = |x: T| x.partial_cmp(&x).is_none();
    pixels(w, place, |pixel| {
        let entry = pixel * w.channels() + channel;
        let better = |b: usize| x[entry] > x[b] || (is_nan(x[entry]) && !is_nan(x[b]));
        if best.is_none_or(better) {
            best = Some(entry);
        }
    });
    best
}
