//! A tensor as a matrix: its axes, and in which order its entries lie.
//!
//! An axis is a product of factors, axes of length 1 have none. `order` says how the factors lie
//! in memory, the slowest first. So a permutation of axes moves nothing, and an image that is
//! channel last in memory is still (batch, channel, height, width) to the operators.

/// A length: a number, or so many times the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub number: u64,
    pub batch: bool,
}

impl Size {
    pub const ONE: Size = Size::of(1);
    pub const BATCH: Size = Size { number: 1, batch: true };

    pub const fn of(number: u64) -> Size {
        Size { number, batch: false }
    }

    /// The product; numbers stay below those that tensors may have.
    pub fn times(self, other: Size) -> Size {
        Size { number: self.number.saturating_mul(other.number), batch: self.batch || other.batch }
    }

    /// As an expression of the language.
    pub fn factors(self) -> String {
        self.to_string().replace('·', " * ")
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match (self.batch, self.number) {
            (true, 1) => write!(f, "B"),
            (true, n) => write!(f, "{n}·B"),
            (false, n) => write!(f, "{n}"),
        }
    }
}

pub(crate) fn product<'a>(sizes: impl IntoIterator<Item = &'a Size>) -> Size {
    sizes.into_iter().fold(Size::ONE, |p, &s| p.times(s))
}

/// A matrix of the page that stands for a tensor.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// Its name on the page.
    pub text: String,
    /// Rows and columns of that name.
    pub shape: (Size, Size),
    /// The factors of each axis.
    pub axes: Vec<Vec<Size>>,
    /// Which factor, counted through all axes, is the k-th in memory.
    pub order: Vec<usize>,
}

impl Value {
    /// With entries in the order of the axes.
    pub fn plain(text: String, shape: (Size, Size), dims: &[Size]) -> Value {
        let axes: Vec<Vec<Size>> = dims.iter().map(|&d| factors(d)).collect();
        let count = axes.iter().map(Vec::len).sum();
        Value { text, shape, axes, order: (0..count).collect() }
    }

    /// The length of each axis.
    pub fn dims(&self) -> Vec<Size> {
        self.axes.iter().map(product).collect()
    }

    /// All factors.
    pub fn factors(&self) -> Vec<Size> {
        self.axes.concat()
    }

    /// The numbers of the factors of some axes, axis by axis.
    pub fn of_axes(&self, axes: &[usize]) -> Vec<usize> {
        let begin = |axis: usize| self.axes[..axis].iter().map(Vec::len).sum::<usize>();
        axes.iter().flat_map(|&a| begin(a)..begin(a) + self.axes[a].len()).collect()
    }

    /// Whether entries lie in the order of the axes.
    pub fn is_plain(&self) -> bool {
        self.order.windows(2).all(|w| w[0] < w[1])
    }

    /// The product of the first factors in memory, and that of the others.
    pub fn split(&self, count: usize) -> (Size, Size) {
        let factors = self.factors();
        let of = |part: &[usize]| part.iter().fold(Size::ONE, |p, &k| p.times(factors[k]));
        (of(&self.order[..count]), of(&self.order[count..]))
    }

    /// The same axes with one of another length, whose only factor lies behind `before` others in
    /// memory.
    pub fn resized(&self, axis: usize, size: Size, before: usize) -> Value {
        let mut value = self.clone();
        let factor = self.of_axes(&(0..axis).collect::<Vec<_>>()).len();
        value.order.retain(|&f| self.axes[axis].is_empty() || f != factor);
        value.axes[axis] = factors(size);
        let (gone, new) = (self.axes[axis].len(), value.axes[axis].len());
        value.order.iter_mut().filter(|f| **f >= factor).for_each(|f| *f = *f + new - gone);
        if new == 1 {
            value.order.insert(before, factor);
        }
        value
    }

    /// With the factors of these axes where it has one of the same length, which is repeated: any
    /// order of those is the same.
    pub fn refined(&self, axes: &[Vec<Size>]) -> Value {
        let mut value = self.clone();
        for (axis, parts) in axes.iter().enumerate() {
            if let ([_], [_, _, ..]) = (&self.axes[axis][..], &parts[..]) {
                let factor = value.of_axes(&[axis])[0];
                let more = parts.len() - 1;
                let split = |f: usize| match f.cmp(&factor) {
                    std::cmp::Ordering::Less => f..f + 1,
                    std::cmp::Ordering::Equal => f..f + more + 1,
                    std::cmp::Ordering::Greater => f + more..f + more + 1,
                };
                value.order = value.order.into_iter().flat_map(split).collect();
                value.axes[axis].clone_from(parts);
            }
        }
        value
    }

    /// The same memory with axes in another order.
    pub fn permuted(&self, axes: &[usize]) -> Value {
        let moved = self.of_axes(axes);
        let new = |old: &usize| moved.iter().position(|m| m == old).expect("axes are all there");
        Value {
            text: self.text.clone(),
            shape: self.shape,
            axes: axes.iter().map(|&a| self.axes[a].clone()).collect(),
            order: self.order.iter().map(new).collect(),
        }
    }

    /// The same memory as other axes; `None` where an axis would begin inside a factor that is
    /// not next to its neighbour in memory.
    pub fn regrouped(&self, dims: &[Size]) -> Option<Value> {
        if self.is_plain() {
            return Some(Value::plain(self.text.clone(), self.shape, dims));
        }
        let mut rest = self.factors().into_iter().enumerate();
        let mut left = Size::ONE;
        let mut owner = 0;
        // New axes as pieces of old factors.
        let mut axes: Vec<Vec<(usize, Size)>> = Vec::new();
        for &dim in dims {
            let mut axis = Vec::new();
            let mut open = dim;
            while open != Size::ONE {
                if left == Size::ONE {
                    (owner, left) = rest.next()?;
                }
                let part = match (open.batch, left.batch) {
                    (true, true) if left.number == 1 => Size::BATCH,
                    // Other axes may come before the batch.
                    (true, false) if open.number.is_multiple_of(left.number) => left,
                    (true, _) | (_, true) => return None,
                    _ if left.number.is_multiple_of(open.number) => open,
                    _ if open.number.is_multiple_of(left.number) => left,
                    _ => return None,
                };
                let over = |a: Size| Size {
                    number: a.number / part.number,
                    batch: a.batch && !part.batch,
                };
                (open, left) = (over(open), over(left));
                axis.push((owner, part));
            }
            axes.push(axis);
        }
        let pieces: Vec<(usize, Size)> = axes.concat();
        let order = self
            .order
            .iter()
            .flat_map(|&old| (0..pieces.len()).filter(|&k| pieces[k].0 == old).collect::<Vec<_>>());
        let value = Value {
            text: self.text.clone(),
            shape: self.shape,
            order: order.collect(),
            axes: axes.into_iter().map(|a| a.into_iter().map(|p| p.1).collect()).collect(),
        };
        Some(value.merged())
    }

    /// With one factor for those of an axis that are neighbours in memory too.
    fn merged(mut self) -> Value {
        let mut begin = 0;
        for axis in &mut self.axes {
            for k in (1..axis.len()).rev() {
                let f = begin + k;
                let place = self.order.iter().position(|&o| o == f).expect("all lie there");
                if place > 0 && self.order[place - 1] == f - 1 {
                    axis[k - 1] = axis[k - 1].times(axis.remove(k));
                    self.order.remove(place);
                    self.order.iter_mut().filter(|o| **o > f).for_each(|o| *o -= 1);
                }
            }
            begin += axis.len();
        }
        self
    }
}

/// A length as factors.
pub(crate) fn factors(dim: Size) -> Vec<Size> {
    if dim == Size::ONE { Vec::new() } else { vec![dim] }
}
