//! Element-wise work, a block of entries at a time.

use std::ops::Range;

use matgrad_plan::instruction::{Map, Zip};

use crate::function;
use crate::link::{Function, Operand, Operation, Target, Tile};
use crate::matrix::Matrix;
use crate::real::Real;
use crate::reduce::{larger, smaller};
use crate::simd::{Vector, Work};

/// Bytes of all registers, if they are few: beside them the first cache has room for operands.
const REGISTERS: usize = 8 << 10;

/// Entries of a block for so many registers.
pub(crate) fn block<T>(registers: usize) -> usize {
    (REGISTERS / size_of::<T>() / registers.max(2)).next_multiple_of(64).max(512)
}

/// Some entries of a tile, counted row by row.
pub struct Entries<'a, T> {
    pub tile: &'a Tile<T>,
    pub entries: Range<usize>,
    pub arena: *mut T,
    /// A block for each register of the tile.
    pub registers: *mut T,
    /// What a product gave for the first of these entries and those behind it, where there is one.
    pub product: *const T,
}

impl<T: Real> Work<T> for Entries<'_, T> {
    /// # Safety
    /// The tile belongs to a program whose arena this is, and there are so many registers.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Entries { tile, ref entries, arena, registers, product } = self;
        let at = entries.start;
        // Blocks do not go beyond the end of a line.
        let (row, col) =
            if tile.line == tile.entries { (0, at) } else { (at / tile.line, at % tile.line) };
        let mut block = Block { tile, arena, registers, product, at, row, col, length: 0 };
        while block.at < entries.end {
            block.length = tile.step.min(entries.end - block.at).min(tile.line - block.col);
            for operation in &tile.operations {
                if block.at > at && tile.stays(operation) {
                    continue;
                }
                // SAFETY: as the caller says.
                unsafe { block.operate::<V>(operation) };
            }
            for (register, start) in &tile.stores {
                // SAFETY: the matrix there has the tile's shape, so entries `at .. at + length` are
                // in it; registers are no part of the arena.
                unsafe {
                    let from = block.registers.add(register * tile.block).cast_const();
                    let start = block.arena.add(start + block.at);
                    block.each([from], Place { start, whole: false }, |[entry]: [V; 1]| entry);
                }
            }
            block.at += block.length;
            block.col += block.length;
            if block.col == tile.line {
                (block.row, block.col) = (block.row + 1, 0);
            }
            block.product = block.product.wrapping_add(block.length);
        }
    }
}

/// The entries `at .. at + length` of a tile, from entry `col` of line `row` on.
struct Block<'a, T> {
    tile: &'a Tile<T>,
    arena: *mut T,
    registers: *mut T,
    product: *const T,
    at: usize,
    row: usize,
    col: usize,
    length: usize,
}

/// Where a block of results begins.
#[derive(Clone, Copy)]
struct Place<T> {
    start: *mut T,
    /// Whether there is room behind the block. A vector that is written whole is sooner there for
    /// the next operation than a part of one.
    whole: bool,
}

impl<T: Real> Place<T> {
    /// Writes the last `n` results, at `at`.
    #[inline(always)]
    unsafe fn end<V: Vector<Number = T>>(self, results: V, at: usize, n: usize) {
        // SAFETY: the caller says that they belong there, and registers are multiples of vectors.
        unsafe {
            let to = self.start.add(at);
            if self.whole { results.store(to) } else { results.store_part(to, n) }
        }
    }
}

/// The first entry of a block, or one number in the place of it.
#[derive(Clone, Copy)]
enum Value<T> {
    Block(*const T),
    One(T),
}

impl<T: Real> Block<'_, T> {
    /// SAFETY of the caller: the operation belongs to the tile that this is of.
    #[inline(always)]
    unsafe fn operate<V: Vector<Number = T>>(&self, operation: &Operation<T>) {
        // SAFETY: registers are a block each, and slots and views have the tile's shape. The
        // plan never lets the result of an operation overlap its operands: overwriting ones are
        // stores at the end of the block.
        unsafe {
            let to = match operation.to {
                Target::Register(register) => {
                    Place { start: self.registers.add(register * self.tile.block), whole: true }
                }
                Target::Entries(start) => {
                    Place { start: self.arena.add(start + self.at), whole: false }
                }
            };
            match &operation.function {
                Function::Load(view) => {
                    let to = std::slice::from_raw_parts_mut(to.start, self.length);
                    self.load(view, to);
                }
                Function::Map(map, a) => self.map::<V>(*map, self.value(a), to),
                Function::Zip(zip, a, b) => self.zip::<V>(*zip, self.value(a), self.value(b), to),
                Function::Sum(a, b, c, minus) => {
                    self.sum::<V>(self.value(a), self.value(b), self.value(c), *minus, to);
                }
                Function::Least(a, b, least) => {
                    let least = V::splat(*least);
                    let f = |a: V, b| larger(a.add(b), least);
                    self.two(self.value(a), self.value(b), to, f);
                }
                Function::Where(a, than, b) => {
                    let [than, one, zero] = [*than, T::ONE, T::ZERO].map(V::splat);
                    let f = |a: V, b| a.if_greater(than, one, zero).mul(b);
                    self.two(self.value(a), self.value(b), to, f);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn value(&self, operand: &Operand<T>) -> Value<T> {
        // SAFETY: registers are a block each; the views are inside the arena, and a tile with
        // a block has entries, so its operands do too.
        unsafe {
            match *operand {
                Operand::Register(register) => {
                    Value::Block(self.registers.add(register * self.tile.block))
                }
                Operand::Entries(start) => Value::Block(self.arena.add(start + self.at)),
                Operand::Row(start, stride) => {
                    Value::Block(self.arena.add(start + self.row * stride + self.col))
                }
                Operand::Each(start, stride) => {
                    Value::One(*self.arena.add(start + self.row * stride))
                }
                Operand::Scalar(at) => Value::One(*self.arena.add(at)),
                Operand::Result => Value::Block(self.product),
                Operand::Number(number) => Value::One(number),
            }
        }
    }

    /// Brings the entries of a view of the tile's shape together.
    #[inline(always)]
    unsafe fn load(&self, view: &Matrix, to: &mut [T]) {
        let cols = self.tile.cols;
        let (mut i, mut j) = (self.at / cols, self.at % cols);
        if view.row_stride == 0 && view.col_stride == 1 && self.length > cols {
            // A row repeated: once around, then what is there already.
            let (end, start) = (cols - j, j);
            // SAFETY: the row has `cols` entries.
            let row = unsafe { std::slice::from_raw_parts(self.arena.add(view.offset), cols) };
            to[..end].copy_from_slice(&row[start..]);
            to[end..cols].copy_from_slice(&row[..start]);
            let mut done = cols;
            while done < to.len() {
                let more = done.min(to.len() - done);
                to.copy_within(..more, done);
                done += more;
            }
            return;
        }
        let mut rest = to;
        while !rest.is_empty() {
            let width = (cols - j).min(rest.len());
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

    /// f of the entries that each start gives: whole vectors, then what is left.
    #[inline(always)]
    unsafe fn each<V: Vector<Number = T>, const N: usize>(
        &self,
        from: [*const T; N],
        to: Place<T>,
        f: impl Fn([V; N]) -> V,
    ) {
        let whole = self.length - self.length % V::LANES;
        let mut i = 0;
        // SAFETY: `length` entries are there.
        unsafe {
            // By fours, so that the loop itself takes less of the time than what is in it.
            while i + 4 * V::LANES <= whole {
                for i in [i, i + V::LANES, i + 2 * V::LANES, i + 3 * V::LANES] {
                    f(from.map(|from| V::load(from.add(i)))).store(to.start.add(i));
                }
                i += 4 * V::LANES;
            }
            while i < whole {
                f(from.map(|from| V::load(from.add(i)))).store(to.start.add(i));
                i += V::LANES;
            }
            let rest = self.length - whole;
            if rest > 0 {
                // No closure: one with parts of vectors is not inlined.
                let mut values = [V::splat(T::ZERO); N];
                for (value, from) in values.iter_mut().zip(from) {
                    *value = V::load_part(from.add(whole), rest);
                }
                to.end(f(values), whole, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn two<V: Vector<Number = T>>(
        &self,
        a: Value<T>,
        b: Value<T>,
        to: Place<T>,
        f: impl Fn(V, V) -> V,
    ) {
        // SAFETY: as for `each`.
        unsafe {
            match (a, b) {
                (Value::Block(a), Value::Block(b)) => self.each([a, b], to, |[a, b]| f(a, b)),
                (Value::Block(a), Value::One(b)) => {
                    let b = V::splat(b);
                    self.each([a], to, |[a]| f(a, b));
                }
                (Value::One(a), Value::Block(b)) => {
                    let a = V::splat(a);
                    self.each([b], to, |[b]| f(a, b));
                }
                (Value::One(a), Value::One(b)) => {
                    let result = f(V::splat(a), V::splat(b));
                    self.each([], to, |[]| result);
                }
            }
        }
    }

    /// a b + c, or c - a b.
    #[inline(always)]
    unsafe fn sum<V: Vector<Number = T>>(
        &self,
        a: Value<T>,
        b: Value<T>,
        c: Value<T>,
        minus: bool,
        to: Place<T>,
    ) {
        let signed = |x: T| if minus { -x } else { x };
        // SAFETY: as for `each`.
        unsafe {
            match (a, b, c) {
                (Value::One(a), Value::One(b), c) => {
                    self.two(c, Value::One(signed(a * b)), to, V::add);
                }
                (a @ Value::Block(_), Value::One(b), c) | (Value::One(b), a, c) => {
                    let b = V::splat(signed(b));
                    self.two(a, c, to, |a: V, c| a.mul_add(b, c));
                }
                (Value::Block(a), Value::Block(b), Value::Block(c)) if minus => {
                    self.each([a, b, c], to, |[a, b, c]: [V; 3]| a.neg().mul_add(b, c));
                }
                (Value::Block(a), Value::Block(b), Value::Block(c)) => {
                    self.each([a, b, c], to, |[a, b, c]: [V; 3]| a.mul_add(b, c));
                }
                (Value::Block(a), Value::Block(b), Value::One(c)) => {
                    let (sign, c) = (V::splat(signed(T::ONE)), V::splat(c));
                    self.each([a, b], to, |[a, b]: [V; 2]| a.mul(sign).mul_add(b, c));
                }
            }
        }
    }

    /// A loop for each function: its constants stay in registers.
    #[inline(always)]
    unsafe fn map_each<V: Vector<Number = T>, F: Elementwise>(&self, a: Value<T>, to: Place<T>) {
        let from = match a {
            Value::Block(from) => from,
            Value::One(a) => {
                let result = F::of(V::splat(a));
                // SAFETY: as for `each`.
                return unsafe { self.each([], to, |[]| result) };
            }
        };
        let whole = self.length - self.length % V::LANES;
        let rest = self.length - whole;
        // SAFETY: as for `each`.
        unsafe {
            for i in (0..whole).step_by(V::LANES) {
                F::of(V::load(from.add(i))).store(to.start.add(i));
            }
            if rest > 0 {
                to.end(F::of(V::load_part(from.add(whole), rest)), whole, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn zip<V: Vector<Number = T>>(&self, zip: Zip, a: Value<T>, b: Value<T>, to: Place<T>) {
        let (one, zero) = (V::splat(T::ONE), V::splat(T::ZERO));
        // SAFETY: as for `each`.
        unsafe {
            match zip {
                Zip::Add => self.two(a, b, to, V::add),
                Zip::Sub => self.two(a, b, to, V::sub),
                Zip::Mul => self.two(a, b, to, V::mul),
                Zip::Div => match b {
                    // Within 1.5 ulp; a quotient takes the processor several times as long.
                    Value::One(x) if has_reciprocal(x) => {
                        self.two(a, Value::One(T::ONE / x), to, V::mul);
                    }
                    Value::One(_) | Value::Block(_) => self.two(a, b, to, V::div),
                },
                Zip::Max => self.two(a, b, to, larger::<V>),
                Zip::Min => self.two(a, b, to, smaller::<V>),
                Zip::Greater => self.two(a, b, to, |a: V, b| a.if_greater(b, one, zero)),
                Zip::GreaterEqual => {
                    self.two(a, b, to, |a: V, b| a.if_greater_equal(b, one, zero));
                }
                Zip::Pow => match b {
                    Value::One(x) if x == T::from_f64(3.0) => {
                        self.two(a, b, to, |a: V, _| a.mul(a).mul(a));
                    }
                    Value::One(x) if x == -T::ONE => self.two(a, b, to, |a: V, _| one.div(a)),
                    Value::One(_) | Value::Block(_) => {
                        self.two(a, b, to, |a: V, b| a.each_with(b, T::pow));
                    }
                },
            }
        }
    }
}

/// Whether a number and 1 divided by it are both normal: neither then is 0, infinite or no number.
fn has_reciprocal<T: Real>(x: T) -> bool {
    x.abs() >= T::SMALLEST && (T::ONE / x).abs() >= T::SMALLEST
}

/// A function of a vector that is known where a loop is compiled. (A closure of this size would not
/// be inlined, and have no vector instructions.)
trait Elementwise {
    fn of<V: Vector>(a: V) -> V;
}

macro_rules! functions {
    ($($name:ident($a:ident) = $of:expr;)*) => {
        $(
        struct $name;

        impl Elementwise for $name {
            #[inline(always)]
            fn of<V: Vector>($a: V) -> V {
                $of
            }
        }
    )*

        impl<T: Real> Block<'_, T> {
            #[inline(always)]
            unsafe fn map<V: Vector<Number = T>>(&self, map: Map, a: Value<T>, to: Place<T>) {
                // SAFETY: as for `each`.
                unsafe {
                    match map {
                        $(Map::$name => self.map_each::<V, $name>(a, to),)*
                    }
                }
            }
        }
    };
}

functions! {
    Neg(a) = a.neg();
    Exp(a) = function::exp(a);
    Log(a) = function::log(a);
    Sqrt(a) = a.sqrt();
    Tanh(a) = function::tanh(a);
    Sigmoid(a) = function::sigmoid(a);
    Erf(a) = function::erf(a);
    Sin(a) = a.each(V::Number::sin);
    Cos(a) = a.each(V::Number::cos);
    Arctan(a) = a.each(V::Number::arctan);
    Abs(a) = a.abs();
    // Zeros and NaNs stay.
    Sign(a) = {
        let (one, zero) = (V::splat(V::Number::ONE), V::splat(V::Number::ZERO));
        a.if_greater(zero, one, zero.if_greater(a, one.neg(), a))
    };
    Square(a) = a.mul(a);
}
