//! What is read, and what is said about text that is wrong.

use std::collections::BTreeSet;

use expect_test::Expect;

use super::{Dialect, parse_expr, parse_page};
use crate::diagnostic::{Diagnostic, Errors};

mod reading;
mod round_trip;
mod wrong_expressions;
mod wrong_statements;

const FUNCTIONS: &[&str] = &[
    "clamp",
    "exp",
    "hcat",
    "leaky_relu",
    "logdet",
    "max",
    "norm₁",
    "norm₂",
    "ones",
    "reshape",
    "rowmax",
    "rowsum",
    "sign",
    "sin",
    "softmax",
    "sum",
    "tr",
    "unfold",
];

fn functions() -> BTreeSet<String> {
    FUNCTIONS.iter().map(|name| name.to_string()).collect()
}

fn said(source: &str, diagnostics: Vec<Diagnostic>, expected: Expect) {
    let file = "net.eq".to_string();
    let errors = Errors { file, source: source.to_string(), diagnostics };
    expected.assert_eq(&errors.to_string());
}

/// The page is wrong, and this is said about it.
fn wrong(source: &str, expected: Expect) {
    let functions = functions();
    let dialect = Dialect { functions: &functions, left_to_right: false };
    said(source, parse_page(source, &dialect).expect_err("the page is wrong"), expected);
}

/// The expression is wrong, and this is said about it.
fn wrong_expr(source: &str, expected: Expect) {
    let functions = functions();
    let dialect = Dialect { functions: &functions, left_to_right: true };
    said(source, parse_expr(source, &dialect).expect_err("the expression is wrong"), expected);
}
