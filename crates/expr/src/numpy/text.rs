//! The parts of a module that are always the same.

/// Names with a meaning of their own: of Python, and of the module.
pub(super) const RESERVED: [&str; 43] = [
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "np",
    "float",
    "values",
    "objective_and_gradients",
    "_take",
    "_matrix",
    "_erf",
    "_place",
];

/// Where every module begins.
pub(super) const HEAD: &str = r#""""An objective and its gradients, written by matgrad."""

import numpy as np


def _take(values, names, default=None):
    for name in names:
        if name in values:
            return values[name]
    if default is None:
        raise TypeError(f"{names[0]} is not given")
    return default


def _matrix(name, value, rows, cols):
    value = np.asarray(value, dtype=float)
    if value.ndim < 2:
        value = value.reshape((-1, 1) if cols == 1 else (1, -1))
    if value.ndim != 2 or value.shape != (rows or value.shape[0], cols or value.shape[1]):
        raise ValueError(f"{name} has shape {value.shape}, not {(rows, cols)}")
    return value
"#;

/// The error function, as [`crate::ops::elementwise::erf`] has it.
pub(super) const ERF: &str = r#"

def _erf(a):
    x = np.abs(a)
    small = np.minimum(x, 3.0)
    term, total = small, small
    for n in range(1, 100):
        term = term * (2.0 * small * small / (2.0 * n + 1.0))
        total = total + term
    inner = 1.1283791670955126 * np.exp(-small * small) * total
    large = np.clip(x, 3.0, 6.0)
    fraction = large
    for k in range(60, 0, -1):
        fraction = large + 0.5 * k / fraction
    outer = 1.0 - np.exp(-large * large) * 0.5641895835477563 / fraction
    return np.copysign(np.where(x < 3.0, inner, np.where(np.isnan(x), x, outer)), a)
"#;

/// Zeros with a matrix inside.
pub(super) const PLACE: &str = r#"

def _place(a, axis, start, total):
    if axis == 0:
        whole = np.zeros((total, a.shape[1]))
        whole[start:start + a.shape[0], :] = a
    else:
        whole = np.zeros((a.shape[0], total))
        whole[:, start:start + a.shape[1]] = a
    return whole
"#;
