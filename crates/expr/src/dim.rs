//! Dimensions: an integer, a symbol, or a product of them, such as `B`, `128` or `2·B·T`.
//!
//! A [`Dim`] is a small `Copy` value. Its symbols are numbers into the [`Symbols`] of a graph,
//! which knows their names.

/// A dimension symbol of a graph, such as the `B` of `X : B×4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u16);

/// How many symbols a product may have.
const LONGEST: usize = 6;
/// Fills the unused places of a product; sorts last.
const NONE: u16 = u16::MAX;

/// A monomial: a positive integer times symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim {
    coefficient: u64,
    symbols: [u16; LONGEST],
}

impl Dim {
    /// The dimension 1.
    pub const ONE: Dim = Dim::of(1);

    /// A plain number.
    pub const fn of(coefficient: u64) -> Dim {
        Dim { coefficient, symbols: [NONE; LONGEST] }
    }

    /// A symbol.
    pub fn symbol(symbol: Symbol) -> Dim {
        let mut dim = Dim::ONE;
        dim.symbols[0] = symbol.0;
        dim
    }

    /// The product, or `None` where it has too many symbols or overflows.
    pub fn times(self, other: Dim) -> Option<Dim> {
        let mut all: Vec<u16> = self.symbols().chain(other.symbols()).map(|s| s.0).collect();
        if all.len() > LONGEST {
            return None;
        }
        all.sort_unstable();
        let mut dim = Dim::of(self.coefficient.checked_mul(other.coefficient)?);
        dim.symbols[..all.len()].copy_from_slice(&all);
        Some(dim)
    }

    /// The quotient, where it is a monomial again: `2·B·T / B = 2·T`, but not `B / 2`.
    pub fn over(self, other: Dim) -> Option<Dim> {
        let mut all: Vec<u16> = self.symbols().map(|s| s.0).collect();
        for symbol in other.symbols() {
            all.remove(all.iter().position(|&s| s == symbol.0)?);
        }
        let whole = self.coefficient.checked_rem(other.coefficient)? == 0;
        let mut dim = Dim::of(self.coefficient / other.coefficient);
        dim.symbols[..all.len()].copy_from_slice(&all);
        whole.then_some(dim)
    }

    /// The sum, where it is a monomial again: `n + n = 2·n`, `3 + 4 = 7`, but not `n + m`.
    pub fn plus(self, other: Dim) -> Option<Dim> {
        if self.coefficient == 0 {
            return Some(other);
        }
        if other.coefficient == 0 {
            return Some(self);
        }
        let coefficient = self.coefficient.checked_add(other.coefficient)?;
        (self.symbols == other.symbols).then_some(Dim { coefficient, symbols: self.symbols })
    }

    /// The difference, where it is a monomial again: `3·n - n = 2·n`, but not `n - 1`.
    pub fn minus(self, other: Dim) -> Option<Dim> {
        if other.coefficient == 0 {
            return Some(self);
        }
        let same = self.symbols == other.symbols;
        match self.coefficient.checked_sub(other.coefficient).filter(|_| same)? {
            0 => Some(Dim::of(0)),
            coefficient => Some(Dim { coefficient, symbols: self.symbols }),
        }
    }

    /// The number in front.
    pub fn coefficient(self) -> u64 {
        self.coefficient
    }

    /// The symbols in ascending order, each as often as it occurs.
    pub fn symbols(self) -> impl Iterator<Item = Symbol> {
        self.symbols.into_iter().take_while(|&s| s != NONE).map(Symbol)
    }

    /// The value, when it has no symbols.
    pub fn number(self) -> Option<u64> {
        (self.symbols[0] == NONE).then_some(self.coefficient)
    }

    /// The symbol, when it is nothing else.
    pub fn as_symbol(self) -> Option<Symbol> {
        (self.coefficient == 1 && self.symbols[0] != NONE && self.symbols[1] == NONE)
            .then_some(Symbol(self.symbols[0]))
    }

    /// Puts a dimension in the place of each symbol; `None` where one is not known or the
    /// product grows too long.
    pub fn substitute(self, value: &impl Fn(Symbol) -> Option<Dim>) -> Option<Dim> {
        self.symbols().try_fold(Dim::of(self.coefficient), |product, s| product.times(value(s)?))
    }

    /// The number it is when the symbols have values.
    pub fn evaluate(self, value: &impl Fn(Symbol) -> Option<usize>) -> Option<usize> {
        self.substitute(&|s| value(s).map(|v| Dim::of(v as u64)))?
            .number()
            .and_then(|n| usize::try_from(n).ok())
    }
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Number of rows.
    pub rows: Dim,
    /// Number of columns.
    pub cols: Dim,
}

impl Shape {
    /// The shape of a number.
    pub const SCALAR: Shape = Shape { rows: Dim::ONE, cols: Dim::ONE };

    /// rows × cols.
    pub const fn new(rows: Dim, cols: Dim) -> Shape {
        Shape { rows, cols }
    }

    /// Whether it is 1×1.
    pub fn is_scalar(self) -> bool {
        self == Shape::SCALAR
    }

    /// cols × rows.
    pub fn transposed(self) -> Shape {
        Shape { rows: self.cols, cols: self.rows }
    }

    /// Number of entries, where it is a monomial.
    pub fn size(self) -> Option<Dim> {
        self.rows.times(self.cols)
    }
}

/// The names of the symbols of a graph.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    names: Vec<String>,
}

impl Symbols {
    /// The symbol with this (canonical) name, made when it is new.
    pub fn intern(&mut self, name: &str) -> Symbol {
        self.find(name).unwrap_or_else(|| {
            self.names.push(name.to_string());
            Symbol((self.names.len() - 1) as u16)
        })
    }

    /// The symbol with this name.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.names.iter().position(|n| n == name).map(|i| Symbol(i as u16))
    }

    /// Its name.
    pub fn name(&self, symbol: Symbol) -> &str {
        &self.names[symbol.0 as usize]
    }

    /// All of them, in the order of first use.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, &str)> {
        self.names.iter().enumerate().map(|(i, n)| (Symbol(i as u16), n.as_str()))
    }

    /// `B`, `128`, `2·B·T`.
    pub fn dim(&self, dim: Dim) -> String {
        let mut parts: Vec<String> = dim.symbols().map(|s| self.name(s).to_string()).collect();
        if dim.coefficient() != 1 || parts.is_empty() {
            parts.insert(0, dim.coefficient().to_string());
        }
        parts.join("·")
    }

    /// `B×4`.
    pub fn shape(&self, shape: Shape) -> String {
        format!("{}×{}", self.dim(shape.rows), self.dim(shape.cols))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_sums_are_monomials_or_nothing() {
        let mut symbols = Symbols::default();
        let b = Dim::symbol(symbols.intern("B"));
        let t = Dim::symbol(symbols.intern("T"));
        assert_eq!(b.times(t), t.times(b));
        assert_eq!(symbols.dim(t.times(b).unwrap().times(Dim::of(2)).unwrap()), "2·B·T");
        assert_eq!(b.plus(t), None);
        assert_eq!(b.times(t).unwrap().over(b), Some(t));
        assert_eq!((b.over(t), b.over(Dim::of(2)), b.over(Dim::of(0))), (None, None, None));
        assert_eq!(b.plus(b), b.times(Dim::of(2)));
        assert_eq!(Dim::of(3).plus(Dim::of(4)), Some(Dim::of(7)));
        assert_eq!(b.times(b).unwrap().evaluate(&|_| Some(5)), Some(25));
        let long = (0..LONGEST).fold(Dim::ONE, |d, _| d.times(b).unwrap());
        assert_eq!(long.times(b), None);
    }
}
