//! Python, as a module that imports only NumPy.

use super::Language;

/// Python with NumPy.
pub const NUMPY: Language = Language {
    template: |op| op.numpy,
    reserved: &RESERVED,
    head: HEAD,
    helpers: &[("_erf", ERF), ("_place(", PLACE)],
    pictures: PICTURES,
    not_finite: |value| format!("float(\"{value}\")"),
    literal: |entry, (rows, cols)| {
        let row = |i| (0..cols).map(|j| entry(i, j)).collect::<Vec<_>>().join(", ");
        let rows: Vec<String> = (0..rows).map(|i| format!("[{}]", row(i))).collect();
        format!("np.array([{}])", rows.join(", "))
    },
    full: |value, rows, cols| format!("np.full(({rows}, {cols}), {value})"),
    float: |dim| format!("float({dim})"),
    side: |name, axis| format!("{name}.shape[{axis}]"),
    over: " // ",
    minus: " - ",
    none: "None",
    first: 0,
    slice: |start, length| format!("{start}:{start} + {length}"),
    // A copy, as the value may be a view or the gradient of another as well.
    copied: |key, value| format!("        \"{key}\": np.array({value}),"),
    function: |body, value, gradients| {
        let dict = match gradients.is_empty() {
            true => "{}".into(),
            false => format!("{{\n{}\n    }}", gradients.join("\n")),
        };
        format!(
            "\n\ndef objective_and_gradients(**values):\n    \"\"\"The objective, and its gradient \
             by each parameter.\"\"\"\n{body}    return {value}.item(), {dict}\n"
        )
    },
};

/// Names with a meaning of their own: of Python, and of the module.
const RESERVED: [&str; 50] = [
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
    "_windows",
    "_largest",
    "_unfold",
    "_fold",
    "_maxpool",
    "_unpool",
    "_pick",
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
const PLACE: &str = r#"

def _place(a, axis, start, total):
    if axis == 0:
        whole = np.zeros((total, a.shape[1]))
        whole[start:start + a.shape[0], :] = a
    else:
        whole = np.zeros((a.shape[0], total))
        whole[:, start:start + a.shape[1]] = a
    return whole
"#;

/// Windows that move over pictures, as [`crate::ops::picture`] has them.
const PICTURES: &str = r#"

def _windows(a, fill, picture, size, stride, pad, dilation):
    """The padded pictures, and for each place and entry of the window its row and column."""
    height, width, _ = picture
    top, left, bottom, right = pad
    x = np.pad(a.reshape(-1, *picture), ((0, 0), (top, bottom), (left, right), (0, 0)),
               constant_values=fill)
    rows, cols = [
        np.arange(0, side - step * (length - 1), stride)[:, None] + step * np.arange(length)
        for side, length, step, stride in
        zip((height + top + bottom, width + left + right), size, dilation, stride)
    ]
    return x, rows[:, None, :, None], cols[None, :, None, :]


def _unfold(a, picture, size, stride, pad, dilation, groups):
    x, rows, cols = _windows(a, 0.0, picture, size, stride, pad, dilation)
    u = x[:, rows, cols]
    u = u.reshape(*u.shape[:5], groups, -1).transpose(0, 1, 2, 5, 3, 4, 6)
    return u.reshape(u.shape[0] * u.shape[1] * u.shape[2], -1)


def _fold(a, picture, size, stride, pad, dilation, groups):
    empty = np.zeros((1, int(np.prod(picture))))
    _, rows, cols = _windows(empty, 0.0, picture, size, stride, pad, dilation)
    places = (rows.shape[0], cols.shape[1])
    u = a.reshape(-1, *places, groups, *size, picture[2] // groups).transpose(0, 1, 2, 4, 5, 3, 6)
    empty = np.zeros((u.shape[0], empty.shape[1]))
    x, _, _ = _windows(empty, 0.0, picture, size, stride, pad, dilation)
    np.add.at(x, (slice(None), rows, cols), u.reshape(*u.shape[:5], -1))
    top, left, _, _ = pad
    return x[:, top:top + picture[0], left:left + picture[1]].reshape(u.shape[0], -1)


def _largest(a, picture, size, stride, pad, dilation, groups):
    """The entry of the window that is the first largest, and all entries."""
    x, rows, cols = _windows(a, -np.inf, picture, size, stride, pad, dilation)
    u = x[:, rows, cols].reshape(x.shape[0], rows.shape[0], cols.shape[1], -1, picture[2])
    return np.argmax(u, axis=3)[:, :, :, None], u


def _maxpool(a, *window):
    at, u = _largest(a, *window)
    return np.take_along_axis(u, at, 3).reshape(a.shape[0], -1)


def _unpool(a, b, *window):
    at, u = _largest(b, *window)
    u = np.zeros(u.shape)
    np.put_along_axis(u, at, a.reshape(at.shape), 3)
    return _fold(u.reshape(-1, u.shape[3] * u.shape[4]), *window)


def _pick(a, b, *window):
    at, _ = _largest(b, *window)
    x, rows, cols = _windows(a, 0.0, *window[:-1])
    u = x[:, rows, cols].reshape(*at.shape[:3], -1, at.shape[4])
    return np.take_along_axis(u, at, 3).reshape(a.shape[0], -1)
"#;
