//! The register block: some rows times one or two vectors of columns.

use std::ops::RangeInclusive;

use crate::real::Real;
use crate::simd::{Vector, Work};

/// Where a block finds its operands and puts its sums.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a, T> {
    /// Terms of a run.
    pub depth: usize,
    /// Where the terms of each run begin in a, from its first entry.
    pub runs: &'a [usize],
    pub a: *const T,
    /// From row to row where terms lie one after the other, from term to term where rows do.
    pub a_stride: usize,
    /// Where the rows of each pointer begin, of some rows, a run or a line; from the first row.
    pub pointers: [usize; 4],
    /// The terms of all runs, one behind the other.
    pub b: *const T,
    pub b_stride: usize,
    pub to: *mut T,
    pub row_stride: usize,
    pub col_stride: usize,
    /// Columns of all panels; the last panel has some in its last vector.
    pub cols: usize,
    /// From a panel of b to the next, for each column of a panel.
    pub apart: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
}

/// Pointers so far from each other.
pub(crate) fn every(rows: usize) -> [usize; 4] {
    [0, rows, 2 * rows, 3 * rows]
}

/// The terms of one run.
pub(crate) const WHOLE: &[usize] = &[0];

impl<T> Place<'_, T> {
    /// Takes off the first columns: whole panels.
    pub fn first(&mut self, cols: usize) -> Self {
        let first = Place { cols, ..*self };
        self.b = self.b.wrapping_add(cols * self.apart);
        self.to = self.to.wrapping_add(cols * self.col_stride);
        self.cols -= cols;
        first
    }
}

/// Some rows times panels of `N` vectors of columns, the rows cut into blocks. Each block goes through
/// all panels.
pub(crate) struct Rows<'a, T, const N: usize, const ALONG: bool> {
    pub place: Place<'a, T>,
    pub rows: usize,
    /// Whether a is packed: in groups of [`GROUP`] rows, each group term by term.
    pub packed: bool,
}

/// Rows of a block at most, and of a group of packed rows.
pub(crate) const GROUP: usize = 12;

impl<T: Real, const N: usize, const ALONG: bool> Work<T> for Rows<'_, T, N, ALONG> {
    /// # Safety
    /// So many rows, terms and columns are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Rows { mut place, rows, packed } = self;
        let most = if N == 1 { V::TALL } else { V::ROWS };
        let down = if ALONG { place.a_stride } else { 1 };
        let group = if packed { GROUP } else { rows };
        let mut first = 0;
        while first < rows {
            let mut left = group.min(rows - first);
            if packed {
                place.a = self.place.a.wrapping_add(first * place.depth);
            }
            first += left;
            while left > 0 {
                // SAFETY: so many rows are left.
                let done = unsafe {
                    match piece(left, most) {
                        12.. if most == 12 => block::<V, 12, N, ALONG, 3>(&place),
                        10.. if most == 12 => block::<V, 10, N, ALONG, 3>(&place),
                        8.. if most == 12 => block::<V, 8, N, ALONG, 3>(&place),
                        6.. if most > 4 => block::<V, 6, N, ALONG, 3>(&place),
                        5.. if most > 4 => block::<V, 5, N, ALONG, 3>(&place),
                        4.. => block::<V, 4, N, ALONG, 3>(&place),
                        3 => block::<V, 3, N, ALONG, 3>(&place),
                        2 => block::<V, 2, N, ALONG, 3>(&place),
                        _ => block::<V, 1, N, ALONG, 3>(&place),
                    }
                };
                place.a = place.a.wrapping_add(done * down);
                place.to = place.to.wrapping_add(done * place.row_stride);
                left -= done;
            }
        }
    }
}

/// Columns of one row, in panels of so many vectors that they keep the processor busy.
pub(crate) struct Line<'a, T>(pub Place<'a, T>);

/// Vectors of a panel of a line.
pub(crate) const LINE: usize = 8;

impl<T: Real> Work<T> for Line<'_, T> {
    /// # Safety
    /// So many columns and terms are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        // SAFETY: as the caller says.
        unsafe { block::<V, 1, LINE, false, 3>(&self.0) };
    }
}

/// Two runs of so many rows that lie one after the other, times one vector of columns.
pub(crate) struct Pair<'a, T> {
    pub place: Place<'a, T>,
    pub run: usize,
}

/// Rows of a run of a pair.
pub(crate) const PAIR: RangeInclusive<usize> = 3..=6;

impl<T: Real> Work<T> for Pair<'_, T> {
    /// # Safety
    /// These rows, terms and columns are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        // SAFETY: as the caller says.
        unsafe {
            match self.run {
                6.. => block::<V, 12, 1, false, 6>(&self.place),
                5 => block::<V, 10, 1, false, 5>(&self.place),
                4 => block::<V, 8, 1, false, 4>(&self.place),
                _ => block::<V, 6, 1, false, 3>(&self.place),
            };
        }
    }
}

/// Some lines of so many rows, each as far from the one before, times one vector of columns.
pub(crate) struct Lines<'a, T> {
    pub place: Place<'a, T>,
    pub rows: usize,
}

impl<'a, T> Lines<'a, T> {
    /// How many lines of so many rows there are sums for, if that is more than one.
    #[inline(always)]
    pub fn together<V: Vector>(rows: usize) -> Option<usize> {
        match rows {
            4 if V::ROWS >= 8 => Some(4),
            5..=8 if V::ROWS >= 8 => Some(2),
            _ => None,
        }
    }

    /// These, where the place is that of the first line.
    pub fn of(mut place: Place<'a, T>, rows: usize, next: usize) -> Self {
        let half = rows / 2 * place.a_stride;
        place.pointers = match rows {
            6 | 8 => [0, half, next, next + half],
            _ => every(next),
        };
        Lines { place, rows }
    }
}

impl<T: Real> Work<T> for Lines<'_, T> {
    /// # Safety
    /// These rows, terms and columns are there, of as many lines as go [together](Lines::together).
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        // SAFETY: as the caller says.
        unsafe {
            match self.rows {
                7 => block::<V, 14, 1, true, 7>(&self.place),
                6 => block::<V, 12, 1, true, 3>(&self.place),
                5 => block::<V, 10, 1, true, 5>(&self.place),
                _ => block::<V, 16, 1, true, 4>(&self.place),
            };
        }
    }
}

/// Rows of the next block: the most that leave none or enough to keep the processor busy, for a
/// block of less than four rows waits for its sums.
#[inline(always)]
fn piece(left: usize, most: usize) -> usize {
    let fits = |size: usize| size <= most && (left == size || left >= size + 4);
    // As it is for most blocks.
    if fits(most) {
        return most;
    }
    [10, 8, 6, 5, 4, 3].into_iter().find(|&size| fits(size)).unwrap_or(left.min(2))
}

/// How many of so many to take at once, at most so many and all about as many.
#[inline(always)]
pub(super) fn even(left: usize, most: usize) -> usize {
    if left > most { left.div_ceil(left.div_ceil(most)) } else { left }
}

/// The same pointer, of which the compiler knows nothing: it would go from row to row by sums that
/// wait for each other.
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read there")]
#[inline(always)]
pub(super) fn opaque<T>(pointer: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    // SAFETY: no instruction at all.
    unsafe {
        let mut same = pointer;
        std::arch::asm!("/* {0} */", inout(reg) same, options(pure, nomem, nostack, preserves_flags));
        same
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pointer
}

/// `M` rows, each `H` of them with a pointer, times panels of `N` vectors of columns; gives `M`.
#[inline(always)]
unsafe fn block<V: Vector, const M: usize, const N: usize, const ALONG: bool, const H: usize>(
    place: &Place<V::Number>,
) -> usize {
    let &Place { depth, runs, a, a_stride, pointers, b_stride, cols, apart, .. } = place;
    // Of a part of a vector whole ones are read where parts cost more, as far as b goes: lanes that
    // belong to the next row are not written. These terms at the end are read in part.
    let missing = (N * V::LANES - cols % (N * V::LANES)) % V::LANES;
    let in_part = match missing {
        0 => 0,
        _ if V::MASKED => usize::MAX,
        _ if missing <= b_stride => 1,
        _ => missing,
    };
    let (mut panel, mut to, mut left) = (place.b, place.to, cols);
    while left > 0 {
        let last = V::LANES.min(left - (N - 1) * V::LANES);
        let mut sums = [[V::splat(V::Number::ZERO); N]; M];
        // SAFETY: as for the product: the caller's place holds `M` rows and `depth` terms.
        unsafe {
            let mut b = panel;
            let in_part = if last == V::LANES { 0 } else { in_part };
            for (number, &run) in runs.iter().enumerate() {
                // One pointer for a few rows: the others are reached by strides of one and two.
                let groups = std::array::from_fn(|g| opaque(a.wrapping_add(run + pointers[g])));
                let mut terms = Terms { groups, at: 0 };
                let all = number + 1 < runs.len() && in_part <= depth;
                let whole = if all { depth } else { depth.saturating_sub(in_part) };
                for _ in 0..whole {
                    let line: [V; N] = std::array::from_fn(|j| V::load(b.add(j * V::LANES)));
                    multiply::<V, M, N, ALONG, H>(&mut terms, a_stride, line, &mut sums);
                    b = b.wrapping_add(b_stride);
                }
                for _ in whole..depth {
                    // No closure: one with parts of vectors is not inlined.
                    let mut line = [V::load_part(b.add((N - 1) * V::LANES), last); N];
                    for (j, line) in line.iter_mut().enumerate().take(N - 1) {
                        *line = V::load(b.add(j * V::LANES));
                    }
                    multiply::<V, M, N, ALONG, H>(&mut terms, a_stride, line, &mut sums);
                    b = b.wrapping_add(b_stride);
                }
            }
            put(sums, place, to, last);
        }
        panel = panel.wrapping_add(N * V::LANES * apart);
        to = to.wrapping_add(N * V::LANES * place.col_stride);
        left = left.saturating_sub(N * V::LANES);
    }
    M
}

/// Where the rows of a block are in a, at a term.
struct Terms<T> {
    /// Of the first of each group of rows.
    groups: [*const T; 4],
    /// From there.
    at: usize,
}

/// Adds the products of the rows' entries of a term with a line of b, and goes to the next term.
#[inline(always)]
unsafe fn multiply<V: Vector, const M: usize, const N: usize, const ALONG: bool, const H: usize>(
    terms: &mut Terms<V::Number>,
    stride: usize,
    line: [V; N],
    sums: &mut [[V; N]; M],
) {
    let row = if ALONG { stride } else { 1 };
    for (i, sums) in sums.iter_mut().enumerate() {
        let from = terms.groups[i / H].wrapping_add(terms.at).wrapping_add(i % H * row);
        // SAFETY: the caller says that the rows are there.
        let x = unsafe { V::splat(*from) };
        for (sum, &y) in sums.iter_mut().zip(&line) {
            *sum = x.mul_add(y, *sum);
        }
    }
    // Rows beside each other need no register for their stride: one sum moves them all.
    if ALONG {
        terms.groups = terms.groups.map(|group| group.wrapping_add(1));
    } else {
        terms.at += stride;
    }
}

/// Writes the sums of a panel, or adds them to what is there.
#[inline(always)]
unsafe fn put<V: Vector, const M: usize, const N: usize>(
    sums: [[V; N]; M],
    place: &Place<V::Number>,
    to: *mut V::Number,
    last: usize,
) {
    let &Place { row_stride, col_stride, add, .. } = place;
    let at = |i: usize, j: usize| to.wrapping_add(i * row_stride + j * V::LANES * col_stride);
    if col_stride == 1 && last == V::LANES {
        // As it is for most panels: asked once, not for each vector.
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, mut sum) in sums.into_iter().enumerate() {
                // SAFETY: the caller says that there is room.
                unsafe {
                    if add {
                        sum = V::load(at(i, j)).add(sum);
                    }
                    sum.store(at(i, j));
                }
            }
        }
        return;
    }
    for (i, sums) in sums.into_iter().enumerate() {
        for (j, sum) in sums.into_iter().enumerate() {
            let lanes = if j + 1 == N { last } else { V::LANES };
            // SAFETY: as above.
            unsafe { keep(sum, at(i, j), col_stride, lanes, add) };
        }
    }
}

/// Writes the first lanes, or adds them to what is there.
#[inline(always)]
pub(super) unsafe fn keep<V: Vector>(
    sum: V,
    to: *mut V::Number,
    stride: usize,
    lanes: usize,
    add: bool,
) {
    // SAFETY: the caller says that there is room.
    unsafe {
        if stride == 1 {
            let sum = if add { V::load_part(to, lanes).add(sum) } else { sum };
            return sum.store_part(to, lanes);
        }
        for (j, sum) in sum.lanes().into_iter().enumerate().take(lanes) {
            let to = to.add(j * stride);
            *to = if add { *to + sum } else { sum };
        }
    }
}
