//! Element-wise work, a block of entries at a time.

use matgrad_plan::instruction::{Function, Map, Operation, Source, Target, Tile, Zip};

use crate::matrix::Matrix;
use crate::real::Real;

/// Entries of a block: a dozen of them fit the first cache.
pub(crate) const BLOCK: usize = 256;

/// A block, or one number in the place of it.
enum Value<'a, T> {
    Block(&'a [T]),
    One(T),
}

/// What a tile works with.
struct Work<T> {
    arena: *mut T,
    registers: *mut T,
    /// Number of rows of the batch.
    rows: usize,
    cols: usize,
    /// The block: its first entry and its length.
    at: usize,
    length: usize,
}

/// Runs a tile with AVX2 where `wide`.
///
/// # Safety
/// The tile belongs to a program whose arena this is; `registers` has room for all its registers;
/// `wide` is said only where the processor has AVX2 and FMA.
pub(crate) unsafe fn run<T: Real>(
    tile: &Tile,
    arena: *mut T,
    registers: *mut T,
    rows: usize,
    wide: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if wide {
        // SAFETY: as the caller says.
        return unsafe { run_wide(tile, arena, registers, rows) };
    }
    let _ = wide;
    // SAFETY: as the caller says.
    unsafe { run_here(tile, arena, registers, rows) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_wide<T: Real>(tile: &Tile, arena: *mut T, registers: *mut T, rows: usize) {
    // SAFETY: as the caller says.
    unsafe { run_here(tile, arena, registers, rows) }
}

#[inline(always)]
unsafe fn run_here<T: Real>(tile: &Tile, arena: *mut T, registers: *mut T, rows: usize) {
    let cols = tile.cols.at(rows);
    let total = tile.rows.at(rows) * cols;
    let mut work = Work { arena, registers, rows, cols, at: 0, length: 0 };
    while work.at < total {
        work.length = BLOCK.min(total - work.at);
        for operation in &tile.operations {
            // SAFETY: as the caller says.
            unsafe { work.operate(operation) };
        }
        for (register, slot) in &tile.stores {
            // SAFETY: the slot has the tile's shape, so entries `at .. at + length` are in it;
            // registers are no part of the arena.
            unsafe {
                let from = work.registers.add(register * BLOCK);
                let to = work.arena.add(slot.offset + work.at);
                to.copy_from_nonoverlapping(from, work.length);
            }
        }
        work.at += work.length;
    }
}

impl<T: Real> Work<T> {
    /// SAFETY of the caller: the operation belongs to the tile that this works on.
    #[inline(always)]
    unsafe fn operate(&self, operation: &Operation) {
        let to = match operation.to {
            // SAFETY: registers are BLOCK numbers each.
            Target::Register(register) => unsafe { self.registers.add(register * BLOCK) },
            // SAFETY: the slot has the tile's shape.
            Target::Memory(slot) => unsafe { self.arena.add(slot.offset + self.at) },
        };
        // SAFETY: `length` entries are there (above), and the plan never lets the result of an
        // operation overlap its operands: overwriting ones are stores at the end of the block.
        let to = unsafe { std::slice::from_raw_parts_mut(to, self.length) };
        match operation.function {
            Function::Load(view) => {
                let view = Matrix::of(&view, self.rows);
                // SAFETY: the view has the tile's shape.
                unsafe { self.load(view, to) }
            }
            // SAFETY: the operands belong to the tile.
            Function::Map(map, a) => unsafe { apply(map, self.value(a), to) },
            // SAFETY: the operands belong to the tile.
            Function::Zip(zip, a, b) => unsafe { combine(zip, self.value(a), self.value(b), to) },
        }
    }

    #[inline(always)]
    unsafe fn value(&self, source: Source) -> Value<'_, T> {
        match source {
            Source::Register(register) => {
                // SAFETY: registers are BLOCK numbers each.
                let block = unsafe {
                    let start = self.registers.add(register * BLOCK);
                    std::slice::from_raw_parts(start, self.length)
                };
                Value::Block(block)
            }
            Source::Memory(view) => {
                let start = view.offset + view.start.at(self.rows) + self.at;
                // SAFETY: the view is contiguous and of the tile's shape.
                let block =
                    unsafe { std::slice::from_raw_parts(self.arena.add(start), self.length) };
                Value::Block(block)
            }
            Source::Scalar(view) => {
                // SAFETY: a tile with a block has entries, so its operands do too.
                Value::One(unsafe { *self.arena.add(view.offset + view.start.at(self.rows)) })
            }
            Source::Number(number) => Value::One(T::from_f64(number)),
            Source::Size(size) => Value::One(T::from_f64(size.at(self.rows) as f64)),
        }
    }

    /// Brings the entries of a view of the tile's shape together.
    #[inline(always)]
    unsafe fn load(&self, view: Matrix, to: &mut [T]) {
        let (mut i, mut j) = (self.at / self.cols, self.at % self.cols);
        if view.row_stride == 0 && view.col_stride == 1 && self.length > self.cols {
            // A row repeated: once around, then what is there already.
            for (entry, j) in to.iter_mut().zip((j..self.cols).chain(0..j)) {
                // SAFETY: j < cols.
                *entry = unsafe { *self.arena.add(view.offset + j) };
            }
            let mut done = self.cols;
            while done < to.len() {
                let more = done.min(to.len() - done);
                to.copy_within(..more, done);
                done += more;
            }
            return;
        }
        let mut rest = to;
        while !rest.is_empty() {
            let width = (self.cols - j).min(rest.len());
            let (row, below) = rest.split_at_mut(width);
            // SAFETY: i and j are inside the view, as are the `width` entries from there on.
            unsafe {
                let start = self.arena.add(view.at(i, j));
                match view.col_stride {
                    0 => row.fill(*start),
                    1 => row.copy_from_slice(std::slice::from_raw_parts(start, width)),
                    stride => {
                        for (k, entry) in row.iter_mut().enumerate() {
                            *entry = *start.add(k * stride);
                        }
                    }
                }
            }
            rest = below;
            i += 1;
            j = 0;
        }
    }
}

#[inline(always)]
fn each<T: Real>(a: Value<'_, T>, to: &mut [T], f: impl Fn(T) -> T) {
    match a {
        Value::Block(a) => {
            for (to, &a) in to.iter_mut().zip(a) {
                *to = f(a);
            }
        }
        Value::One(a) => to.fill(f(a)),
    }
}

#[inline(always)]
fn both<T: Real>(a: Value<'_, T>, b: Value<'_, T>, to: &mut [T], f: impl Fn(T, T) -> T) {
    match (a, b) {
        (Value::Block(a), Value::Block(b)) => {
            for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
                *to = f(a, b);
            }
        }
        (Value::Block(a), Value::One(b)) => {
            for (to, &a) in to.iter_mut().zip(a) {
                *to = f(a, b);
            }
        }
        (Value::One(a), Value::Block(b)) => {
            for (to, &b) in to.iter_mut().zip(b) {
                *to = f(a, b);
            }
        }
        (Value::One(a), Value::One(b)) => to.fill(f(a, b)),
    }
}

#[inline(always)]
fn apply<T: Real>(map: Map, a: Value<'_, T>, to: &mut [T]) {
    match map {
        Map::Neg => each(a, to, |a| -a),
        Map::Exp => each(a, to, T::exp),
        Map::Log => each(a, to, T::ln),
        Map::Sqrt => each(a, to, T::sqrt),
        Map::Tanh => each(a, to, T::tanh),
        Map::Sigmoid => each(a, to, T::sigmoid),
        Map::Erf => each(a, to, T::erf),
        Map::Sin => each(a, to, T::sin),
        Map::Cos => each(a, to, T::cos),
        Map::Abs => each(a, to, T::abs),
        Map::Sign => each(a, to, T::sign),
        Map::Square => each(a, to, |a| a * a),
    }
}

#[inline(always)]
fn combine<T: Real>(zip: Zip, a: Value<'_, T>, b: Value<'_, T>, to: &mut [T]) {
    let flag = |yes: bool| if yes { T::ONE } else { T::ZERO };
    let is_nan = |a: T| a.partial_cmp(&a).is_none();
    match zip {
        Zip::Add => both(a, b, to, |a, b| a + b),
        Zip::Sub => both(a, b, to, |a, b| a - b),
        Zip::Mul => both(a, b, to, |a, b| a * b),
        Zip::Div => both(a, b, to, |a, b| a / b),
        Zip::Max => both(a, b, to, |a, b| if a > b || is_nan(a) { a } else { b }),
        Zip::Min => both(a, b, to, |a, b| if a < b || is_nan(a) { a } else { b }),
        Zip::Greater => both(a, b, to, |a, b| flag(a > b)),
        Zip::GreaterEqual => both(a, b, to, |a, b| flag(a >= b)),
        Zip::Pow => match b {
            Value::One(b) if b == T::from_f64(3.0) => each(a, to, |a| a * a * a),
            Value::One(b) if b == T::from_f64(-1.0) => each(a, to, |a| T::ONE / a),
            b @ (Value::One(_) | Value::Block(_)) => both(a, b, to, T::pow),
        },
    }
}
