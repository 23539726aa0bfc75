//! One instruction as C: loops over the places that its views describe.

use matgrad::expr::window::Window;
use matgrad::plan::extent::{Extent, Slot, View};
use matgrad::plan::instruction::{
    Function, Instruction, Map, Reduction, Source, Target, Tile, Zip,
};
use matgrad::plan::picture::{Picture, PictureWork};

use crate::Real;

/// A size as an expression.
fn size(extent: Extent) -> String {
    let rows = ["rows"; 8];
    let power = (extent.power as usize).min(rows.len());
    match (extent.coefficient, power) {
        (n, 0) => n.to_string(),
        (1, power) => rows[..power].join(" * "),
        (n, power) => format!("{n} * {}", rows[..power].join(" * ")),
    }
}

/// An index times a stride, `None` where it is nothing.
fn term(index: &str, stride: Extent) -> Option<String> {
    match stride {
        Extent::ZERO => None,
        Extent::ONE => Some(index.into()),
        stride => Some(format!("{index} * {}", size(stride))),
    }
}

/// The entry of a view at row `i`, column `j`.
fn entry(view: &View, i: &str, j: &str) -> String {
    let row = if view.rows == Extent::ONE { None } else { term(i, view.row_stride) };
    let col = if view.cols == Extent::ONE { None } else { term(j, view.col_stride) };
    let start = (view.start.coefficient != 0).then(|| size(view.start));
    let parts: Vec<String> =
        [Some(view.offset.to_string()), start, row, col].into_iter().flatten().collect();
    format!("m[{}]", parts.join(" + "))
}

fn place(slot: &Slot, i: &str, j: &str) -> String {
    entry(&slot.view(), i, j)
}

/// A loop of the index over a size, around lines of a body.
fn each(index: &str, count: &str, body: &str) -> String {
    let inner: String = body.lines().map(|l| format!("    {l}\n")).collect();
    format!("for (size_t {index} = 0; {index} < {count}; {index}++) {{\n{inner}}}\n")
}

fn grid(rows: Extent, cols: Extent, body: &str) -> String {
    each("i", &size(rows), &each("j", &size(cols), body))
}

/// The lines of an instruction, a block of their own.
pub(crate) fn instruction(work: &Instruction, real: Real) -> String {
    let zero = real.number(0.0);
    let one = real.number(1.0);
    let text = match work {
        Instruction::Product { a, b, to } => {
            let body = format!(
                "real s = {zero};\n{}{} = s;",
                each(
                    "k",
                    &size(a.cols),
                    &format!("s += {} * {};", entry(a, "i", "k"), entry(b, "k", "j"))
                ),
                place(to, "i", "j")
            );
            grid(to.rows, to.cols, &body)
        }
        Instruction::Tile(t) => tile(t, real),
        Instruction::Reduce { reduction, a, to } => reduce(*reduction, a, to, &zero),
        Instruction::Picture(p) => picture(p, &zero),
        Instruction::Copy { a, to } => {
            grid(to.rows, to.cols, &format!("{} = {};", entry(to, "i", "j"), entry(a, "i", "j")))
        }
        Instruction::Zero { to } => {
            grid(to.rows, to.cols, &format!("{} = {zero};", place(to, "i", "j")))
        }
        Instruction::Eye { to } => {
            grid(to.rows, to.cols, &format!("{} = i == j ? {one} : {zero};", place(to, "i", "j")))
        }
        Instruction::Size { extent, to } => {
            format!("{} = (real)({});\n", place(to, "0", "0"), size(*extent))
        }
        Instruction::Diag { a, to } => grid(
            to.rows,
            to.cols,
            &format!("{} = i == j ? {} : {zero};", place(to, "i", "j"), entry(a, "i", "0")),
        ),
        Instruction::Diagonal { a, to } => {
            each("i", &size(to.rows), &format!("{} = {};", place(to, "i", "0"), entry(a, "i", "i")))
        }
        Instruction::Inverse { a, work, to } => eliminate(a, work, Some(to), false, to, real),
        Instruction::Determinant { a, work, logarithm, to } => {
            eliminate(a, work, None, *logarithm, to, real)
        }
    };
    text.lines().map(|l| format!("    {l}\n")).collect()
}

/// Gaussian elimination with pivots in a copy: the determinant, or with `identity` the inverse.
fn eliminate(
    a: &View,
    work: &Slot,
    identity: Option<&Slot>,
    logarithm: bool,
    to: &Slot,
    real: Real,
) -> String {
    let (n, f) = (size(work.rows), real.suffix());
    let (zero, one) = (real.number(0.0), real.number(1.0));
    let w = |row: &str, col: &str| format!("m[{} + {row} * {n} + {col}]", work.offset);
    let copied = grid(work.rows, work.cols, &format!("{} = {};", w("i", "j"), entry(a, "i", "j")));
    let begin = identity.map_or(String::new(), |to| {
        grid(to.rows, to.cols, &format!("{} = i == j ? {one} : {zero};", place(to, "i", "j")))
    });
    // Both halves go through the same steps.
    let halves: Vec<String> = std::iter::once(work.offset)
        .chain(identity.map(|to| to.offset))
        .map(|base| base.to_string())
        .collect();
    let rows = |body: &dyn Fn(&str, &str) -> String| -> String {
        let at = |base: &str, row: &str| format!("m[{base} + {row} * {n} + j]");
        let bodies = halves.iter().map(|base| body(&at(base, "q"), &at(base, "k")));
        each("j", &n, &bodies.collect::<Vec<_>>().join("\n"))
    };
    let swap = rows(&|q, k| format!("{{ real s = {q}; {q} = {k}; {k} = s; }}"));
    let pivot = w("k", "k");
    let count = match logarithm {
        true => format!("d += log{f}(fabs{f}({pivot}));"),
        false => format!("d *= {pivot};"),
    };
    let below = rows(&|q, k| format!("{q} -= s * {k};"));
    let (from, skip) = match identity {
        Some(_) => ("0", "if (q == k) continue;\n"),
        None => ("k + 1", ""),
    };
    let scale = identity.map_or(String::new(), |_| {
        let divide = rows(&|_, k| format!("{k} /= s;"));
        format!("{{\nreal s = {pivot};\n{divide}}}\n")
    });
    let body = format!(
        "size_t p = k;\nfor (size_t q = k + 1; q < {n}; q++) if (fabs{f}({}) > fabs{f}({})) p = q;\n\
         if (p != k) {{\nsize_t q = p;\n{swap}{}}}\n{}{scale}\
         for (size_t q = {from}; q < {n}; q++) {{\n{skip}real s = {} / {pivot};\n{below}}}\n",
        w("q", "k"),
        w("p", "k"),
        if logarithm || identity.is_some() { "" } else { "d = -d;\n" },
        if identity.is_some() { String::new() } else { count + "\n" },
        w("q", "k"),
    );
    let steps = each("k", &n, &body);
    let start = if logarithm { &zero } else { &one };
    match identity {
        Some(_) => format!("{copied}{begin}{steps}"),
        None => format!("{{\nreal d = {start};\n{copied}{steps}{} = d;\n}}\n", place(to, "0", "0")),
    }
}

fn tile(tile: &Tile, real: Real) -> String {
    let mut body = String::new();
    if tile.registers > 0 {
        let names: Vec<String> = (0..tile.registers).map(|r| format!("r{r}")).collect();
        body += &format!("real {};\n", names.join(", "));
    }
    let source = |source: &Source| match source {
        Source::Register(r) => format!("r{r}"),
        Source::Memory(view) => entry(view, "i", "j"),
        // All its entries are one number.
        Source::Scalar(view) => entry(view, "0", "0"),
        Source::Number(x) => real.number(*x),
        Source::Size(extent) => format!("(real)({})", size(*extent)),
    };
    for operation in &tile.operations {
        let value = match &operation.function {
            Function::Load(view) => entry(view, "i", "j"),
            Function::Map(f, a) => map(*f, &source(a), real),
            Function::Zip(f, a, b) => zip(*f, &source(a), &source(b), real),
        };
        let to = match &operation.to {
            Target::Register(r) => format!("r{r}"),
            Target::Memory(slot) => place(slot, "i", "j"),
        };
        body += &format!("{to} = {value};\n");
    }
    for (register, slot) in &tile.stores {
        body += &format!("{} = r{register};\n", place(slot, "i", "j"));
    }
    grid(tile.rows, tile.cols, &body)
}

fn map(f: Map, a: &str, real: Real) -> String {
    let (zero, one) = (real.number(0.0), real.number(1.0));
    let call = |name: &str| format!("{name}{}({a})", real.suffix());
    match f {
        Map::Neg => format!("-({a})"),
        Map::Exp => call("exp"),
        Map::Log => call("log"),
        Map::Sqrt => call("sqrt"),
        Map::Tanh => call("tanh"),
        Map::Sigmoid => format!("{one} / ({one} + exp{}(-({a})))", real.suffix()),
        Map::Erf => call("erf"),
        Map::Sin => call("sin"),
        Map::Cos => call("cos"),
        Map::Abs => call("fabs"),
        Map::Sign => format!("(real)(({a} > {zero}) - ({a} < {zero}))"),
        Map::Square => format!("({a}) * ({a})"),
    }
}

fn zip(f: Zip, a: &str, b: &str, real: Real) -> String {
    match f {
        Zip::Add => format!("{a} + {b}"),
        Zip::Sub => format!("{a} - {b}"),
        Zip::Mul => format!("{a} * {b}"),
        Zip::Div => format!("{a} / {b}"),
        Zip::Pow => format!("pow{}({a}, {b})", real.suffix()),
        // NaN where either is.
        Zip::Max => format!("({a} > {b} || isnan({a})) ? {a} : {b}"),
        Zip::Min => format!("({a} < {b} || isnan({a})) ? {a} : {b}"),
        Zip::Greater => format!("(real)({a} > {b})"),
        Zip::GreaterEqual => format!("(real)({a} >= {b})"),
    }
}

fn reduce(reduction: Reduction, a: &View, to: &Slot, zero: &str) -> String {
    let (rows, cols) = (size(a.rows), size(a.cols));
    let add = format!("s += {};", entry(a, "i", "j"));
    match reduction {
        Reduction::Sum => format!(
            "{{\n    real s = {zero};\n    {}    {} = s;\n}}\n",
            grid(a.rows, a.cols, &add).replace('\n', "\n    "),
            place(to, "0", "0")
        ),
        Reduction::RowSum => each(
            "i",
            &rows,
            &format!("real s = {zero};\n{}{} = s;", each("j", &cols, &add), place(to, "i", "0")),
        ),
        Reduction::ColSum => each(
            "j",
            &cols,
            &format!("real s = {zero};\n{}{} = s;", each("i", &rows, &add), place(to, "0", "j")),
        ),
        Reduction::RowMax => {
            let x = entry(a, "i", "j");
            let better = format!("if ({x} > s || isnan({x})) s = {x};");
            let body = format!("real s = -INFINITY;\n{}", each("j", &cols, &better));
            each("i", &rows, &format!("{body}{} = s;", place(to, "i", "0")))
        }
    }
}

/// Loops over pictures, places, entries of the window and channels, with the pixel found.
fn window(w: &Window, pictures: &str, at_place: &str, at_entry: &str, after: &str) -> String {
    let [height, width, channels] = w.picture;
    let [places_h, places_w] = w.output().unwrap_or_default();
    let ([h, wide], [down, right], [dh, dw]) = (w.size, w.stride, w.dilation);
    let inside = format!(
        "ptrdiff_t y = (ptrdiff_t)(p / {places_w} * {down} + t / {wide} * {dh}) - {};\n\
         ptrdiff_t x = (ptrdiff_t)(p % {places_w} * {right} + t % {wide} * {dw}) - {};\n\
         if (y < 0 || y >= {height} || x < 0 || x >= {width}) continue;\n\
         size_t e = n * {} + (size_t)(y * {width} + x) * {channels} + c;\n{at_entry}",
        w.pad[0],
        w.pad[1],
        w.columns()
    );
    let taps = each("t", &(h * wide).to_string(), &inside);
    let channel = each("c", &channels.to_string(), &format!("{at_place}{taps}{after}"));
    each("n", pictures, &each("p", &(places_h * places_w).to_string(), &channel))
}

fn picture(p: &Picture, zero: &str) -> String {
    let w = &p.window;
    let (a, to, places) = (p.a.offset, p.to.offset, w.places());
    let (taps, channels) = (w.taps(), w.channels());
    let group = channels / w.groups as usize;
    let unfolded = |base: usize| {
        format!(
            "m[{base} + (n * {places} + p) * {} + (c / {group} * {taps} + t) * {group} + c % {group}]",
            taps * channels
        )
    };
    let pooled = |base: usize| format!("m[{base} + (n * {places} + p) * {channels} + c]");
    let clear = each(
        "i",
        &format!("{} * ({})", size(p.to.rows), size(p.to.cols)),
        &format!("m[{to} + i] = {zero};"),
    );
    let per_picture = w.columns();
    let pictures =
        |view: &View, each: usize| format!("{} * ({}) / {each}", size(view.rows), size(view.cols));
    // Where the first largest entry is, counted from 1; 0 where the window is outside.
    let largest = |base: usize| {
        format!(
            "if (!best || m[{base} + e] > m[{base} + best - 1] || (isnan(m[{base} + e]) && !isnan(m[{base} + best - 1]))) best = e + 1;"
        )
    };
    match (p.work, p.b) {
        (PictureWork::Unfold, _) => {
            clear
                + &window(
                    w,
                    &pictures(&p.a, per_picture),
                    "",
                    &format!("{} = m[{a} + e];", unfolded(to)),
                    "",
                )
        }
        (PictureWork::Fold, _) => {
            clear
                + &window(
                    w,
                    &pictures(&p.a, places * taps * channels),
                    "",
                    &format!("m[{to} + e] += {};", unfolded(a)),
                    "",
                )
        }
        (PictureWork::MaxPool, _) => window(
            w,
            &pictures(&p.a, per_picture),
            "size_t best = 0;\n",
            &largest(a),
            &format!("{} = best ? m[{a} + best - 1] : -INFINITY;", pooled(to)),
        ),
        (PictureWork::Unpool, Some(b)) => {
            clear
                + &window(
                    w,
                    &pictures(&b, per_picture),
                    "size_t best = 0;\n",
                    &largest(b.offset),
                    &format!("if (best) m[{to} + best - 1] += {};", pooled(a)),
                )
        }
        (PictureWork::Pick, Some(b)) => window(
            w,
            &pictures(&b, per_picture),
            "size_t best = 0;\n",
            &largest(b.offset),
            &format!("{} = best ? m[{a} + best - 1] : {zero};", pooled(to)),
        ),
        (PictureWork::Unpool | PictureWork::Pick, None) => {
            unreachable!("the plan gives these works two operands")
        }
    }
}
