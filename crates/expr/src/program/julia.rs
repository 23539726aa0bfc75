//! Julia: functions that need only its standard library.

use super::Language;

/// Julia.
pub const JULIA: Language = Language {
    template: |op| op.julia,
    reserved: &[
        "baremodule",
        "begin",
        "break",
        "catch",
        "const",
        "continue",
        "do",
        "else",
        "elseif",
        "end",
        "export",
        "false",
        "finally",
        "for",
        "function",
        "global",
        "if",
        "import",
        "let",
        "local",
        "macro",
        "module",
        "quote",
        "return",
        "struct",
        "true",
        "try",
        "using",
        "while",
        "values",
        "nothing",
        "size",
        "fill",
        "zeros",
        "sum",
        "exp",
        "log",
        "sqrt",
        "tanh",
        "sin",
        "cos",
        "atan",
        "abs",
        "sign",
        "max",
        "min",
        "maximum",
        "hcat",
        "vcat",
        "diagm",
        "diag",
        "inv",
        "det",
        "logabsdet",
        "vec",
        "reshape",
        "Matrix",
        "Float64",
        "I",
        "objective_and_gradients",
    ],
    head: HEAD,
    helpers: &[("_erf", ERF), ("_place(", PLACE), ("_reshape(", RESHAPE)],
    pictures: PICTURES,
    not_finite: |value| {
        if value.is_nan() { "NaN".into() } else { format!("({value})").replace("inf", "Inf") }
    },
    literal: |entry, (rows, cols)| {
        let columns = (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j)));
        let entries: Vec<String> = columns.map(|(i, j)| entry(i, j)).collect();
        format!("reshape([{}], {rows}, {cols})", entries.join(", "))
    },
    full: |value, rows, cols| format!("fill({value}, {rows}, {cols})"),
    float: |dim| format!("Float64({dim})"),
    side: |name, axis| format!("size({name}, {})", axis + 1),
    over: " ÷ ",
    minus: " .- ",
    none: "nothing",
    first: 1,
    slice: |start, length| format!("{start} + 1:{start} + {length}"),
    copied: |key, value| format!("        \"{key}\" => Matrix({value}),"),
    function: |body, value, gradients| {
        let entries = match gradients.is_empty() {
            true => String::new(),
            false => format!("\n{}\n    ", gradients.join("\n")),
        };
        format!(
            "\n\"\"\"The objective, and its gradient by each parameter.\"\"\"\n\
             function objective_and_gradients(; values...)\n{body}    \
             return {value}[1], Dict{{String, Matrix{{Float64}}}}({entries})\nend\n"
        )
    },
};

const HEAD: &str = r#"# An objective and its gradients, written by matgrad.

using LinearAlgebra

function _take(values, names, default = nothing)
    for name in names
        haskey(values, Symbol(name)) && return values[Symbol(name)]
    end
    default === nothing && throw(ArgumentError("$(names[1]) is not given"))
    return default
end

function _matrix(name, value, rows, cols)
    value = value isa Number ? fill(Float64(value), 1, 1) : Array{Float64}(value)
    if ndims(value) == 1
        value = cols == 1 ? reshape(value, :, 1) : reshape(value, 1, :)
    end
    wanted = (something(rows, size(value, 1)), something(cols, size(value, 2)))
    size(value) == wanted ||
        throw(DimensionMismatch("$name has shape $(size(value)), not $wanted"))
    return value
end
"#;

/// As [`crate::ops::elementwise::erf`] has it.
const ERF: &str = r#"
function _erf(a)
    x = abs(a)
    if x < 3
        term = total = x
        for n in 1:99
            term *= 2 * x * x / (2n + 1)
            total += term
        end
        return copysign(1.1283791670955126 * exp(-x * x) * total, a)
    end
    isnan(x) && return x
    x >= 6 && return copysign(1.0, a)
    fraction = x
    for k in 60:-1:1
        fraction = x + 0.5 * k / fraction
    end
    return copysign(1 - exp(-x * x) * 0.5641895835477563 / fraction, a)
end
"#;

const PLACE: &str = r#"
function _place(a, axis, start, total)
    whole = axis == 1 ? zeros(total, size(a, 2)) : zeros(size(a, 1), total)
    range = start + 1:start + size(a, axis)
    axis == 1 ? (whole[range, :] = a) : (whole[:, range] = a)
    return whole
end
"#;

const RESHAPE: &str = r#"
"Row by row, which Julia goes through column by column."
_reshape(a, rows, cols) = permutedims(reshape(permutedims(a), cols, rows))
"#;

const PICTURES: &str = r#"
function _places(picture, size, stride, pad, dilation)
    side(i) = (picture[i] + pad[i] + pad[i + 2] - dilation[i] * (size[i] - 1) - 1) ÷ stride[i] + 1
    return side(1), side(2)
end

"For each entry of each window: its example, row and column of the unfolding, and its pixel, 0 outside."
function _windows(visit, examples, picture, size, stride, pad, dilation, groups)
    height, width, channels = picture
    down, across = _places(picture, size, stride, pad, dilation)
    inside = channels ÷ groups
    for n in 1:examples, i in 0:down-1, j in 0:across-1, c in 0:channels-1,
        y in 0:size[1]-1, x in 0:size[2]-1

        h = i * stride[1] - pad[1] + dilation[1] * y
        w = j * stride[2] - pad[2] + dilation[2] * x
        place = ((n - 1) * down + i) * across + j + 1
        entry = ((c ÷ inside * size[1] + y) * size[2] + x) * inside + c % inside + 1
        within = 0 <= h < height && 0 <= w < width
        visit(n, place, entry, within ? (h * width + w) * channels + c + 1 : 0)
    end
end

function _unfold(a, window...)
    u = zeros(size(a, 1) * prod(_places(window[1:5]...)), prod(window[2]) * window[1][3])
    _windows(size(a, 1), window...) do n, place, entry, pixel
        pixel > 0 && (u[place, entry] = a[n, pixel])
    end
    return u
end

function _fold(u, window...)
    x = zeros(size(u, 1) ÷ prod(_places(window[1:5]...)), prod(window[1]))
    _windows(size(x, 1), window...) do n, place, entry, pixel
        pixel > 0 && (x[n, pixel] += u[place, entry])
    end
    return x
end

"The pixel of the first largest entry of each channel at each place."
function _largest(a, window...)
    places, channels = prod(_places(window[1:5]...)), window[1][3]
    at = zeros(Int, size(a, 1), places * channels)
    _windows(size(a, 1), window...) do n, place, entry, pixel
        pixel == 0 && return
        slot = (place - 1) % places * channels + (pixel - 1) % channels + 1
        known = at[n, slot]
        (known == 0 || a[n, pixel] > a[n, known]) && (at[n, slot] = pixel)
    end
    return at
end

_pick(a, b, window...) =
    [at == 0 ? 0.0 : a[i[1], at] for (i, at) in pairs(_largest(b, window...))]
_maxpool(a, window...) =
    [at == 0 ? -Inf : a[i[1], at] for (i, at) in pairs(_largest(a, window...))]

function _unpool(a, b, window...)
    x = zeros(size(b))
    for (i, at) in pairs(_largest(b, window...))
        at > 0 && (x[i[1], at] += a[i])
    end
    return x
end
"#;
