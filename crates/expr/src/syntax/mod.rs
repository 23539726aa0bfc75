//! Text ⇄ tree: reads and prints pages of equations.
//!
//! The first stage of the pipeline. [`parse_page`] turns text into a [`Page`], in which nothing
//! is known about shapes yet; [`print_page`] turns it back into text in canonical form, so that
//! `parse(print(page)) = page`.
//!
//! ```
//! use std::collections::BTreeSet;
//! use matgrad_expr::syntax::{Dialect, parse_page, print_page};
//!
//! let functions = BTreeSet::from(["exp".to_string(), "rowsum".to_string()]);
//! let dialect = Dialect { functions: &functions, left_to_right: false };
//! let page = parse_page("input X : Bx4\nE = exp(X) ./ rowsum(exp(X))\n", &dialect).unwrap();
//! assert_eq!(page.to_string(), "input X : B×4\nE = exp(X) ⊘ rowsum(exp(X))\n");
//! assert_eq!(parse_page(&print_page(&page, true), &dialect), Ok(page));
//! ```

use std::collections::BTreeSet;

mod below;
mod characters;
mod cursor;
mod declare;
mod expression;
mod lex;
pub mod name;
mod parse;
pub(crate) mod precedence;
mod primary;
mod print;
mod shape;
#[cfg(test)]
mod tests;
mod tree;

pub use name::{ascii, canonical, plain};
pub use parse::{parse_expr, parse_page};
pub use print::{print_expr, print_page};
pub use tree::*;

/// What the reader of a text must know beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Dialect<'a> {
    /// Canonical names that can be called before the page begins: built in and of the library.
    pub functions: &'a BTreeSet<String>,
    /// Whether `a*X.*Y` is read from left to right, as in MATLAB; otherwise mixing products and
    /// element-wise products without parentheses is an error.
    pub left_to_right: bool,
}
