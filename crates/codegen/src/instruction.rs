//! One instruction as loops over the places that its views describe.

use matgrad::expr::window::Window;
use matgrad::plan::convolution::{Convolution, Kind};
use matgrad::plan::extent::{Extent, Slot, View};
use matgrad::plan::instruction::{
    Function, Instruction, Map, Reduction, Source, Target, Tile, Zip,
};
use matgrad::plan::picture::{Picture, PictureWork};

use crate::language::{Syntax, block};

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

/// Where the entries of a view begin.
fn base(view: &View) -> String {
    match view.start.coefficient {
        0 => view.offset.to_string(),
        _ => format!("{} + {}", view.offset, size(view.start)),
    }
}

/// The entry of a view at row `i`, column `j`.
fn entry(view: &View, i: &str, j: &str) -> String {
    let row = if view.rows == Extent::ONE { None } else { term(i, view.row_stride) };
    let col = if view.cols == Extent::ONE { None } else { term(j, view.col_stride) };
    let parts: Vec<String> = [Some(base(view)), row, col].into_iter().flatten().collect();
    format!("m[{}]", parts.join(" + "))
}

fn place(slot: &Slot, i: &str, j: &str) -> String {
    entry(&slot.view(), i, j)
}

impl Syntax {
    fn grid(self, rows: Extent, cols: Extent, body: &str) -> String {
        self.each("i", &size(rows), &self.each("j", &size(cols), body))
    }

    /// The lines of an instruction.
    pub(crate) fn instruction(self, work: &Instruction) -> String {
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let after = |then: &Option<Tile>| match then {
            Some(tile) => self.tile(tile),
            None => String::new(),
        };
        match work {
            Instruction::Product { a, b, to, then } => {
                let add = format!("s += {} * {};", entry(a, "i", "k"), entry(b, "k", "j"));
                let sum = self.each("k", &size(a.cols), &add);
                let start = self.variable("s", &zero);
                let body = format!("{start}{sum}{} = s;", entry(to, "i", "j"));
                self.grid(to.rows, to.cols, &body) + &after(then)
            }
            Instruction::Tile(t) => self.tile(t),
            Instruction::Reduce { reduction, a, to, then } => {
                self.reduce(*reduction, a, to) + &after(then)
            }
            Instruction::Convolution(c) => self.convolution(c) + &after(&c.then),
            Instruction::Picture(p) => self.picture(p) + &after(&p.then),
            Instruction::Copy { a, to } => {
                let copy = format!("{} = {};", entry(to, "i", "j"), entry(a, "i", "j"));
                self.grid(to.rows, to.cols, &copy)
            }
            Instruction::Zero { to } => {
                self.grid(to.rows, to.cols, &format!("{} = {zero};", place(to, "i", "j")))
            }
            Instruction::Eye { to } => self.diagonal(to, &one),
            Instruction::Size { extent, to } => {
                format!("{} = {};\n", place(to, "0", "0"), self.real(&size(*extent)))
            }
            Instruction::Diag { a, to } => self.diagonal(to, &entry(a, "i", "0")),
            Instruction::Diagonal { a, to } => {
                let copy = format!("{} = {};", place(to, "i", "0"), entry(a, "i", "i"));
                self.each("i", &size(to.rows), &copy)
            }
            Instruction::Inverse { a, work, to } => self.eliminate(a, work, Some(to), false, to),
            Instruction::Determinant { a, work, logarithm, to } => {
                self.eliminate(a, work, None, *logarithm, to)
            }
        }
    }

    /// A value on the diagonal, zeros beside it.
    fn diagonal(self, to: &Slot, value: &str) -> String {
        let chosen = self.choose("i == j", value, &self.number(0.0));
        self.grid(to.rows, to.cols, &format!("{} = {chosen};", place(to, "i", "j")))
    }

    /// Gaussian elimination with pivots in a copy: the determinant, or with `identity` the inverse.
    fn eliminate(
        self,
        a: &View,
        work: &Slot,
        identity: Option<&Slot>,
        logarithm: bool,
        to: &Slot,
    ) -> String {
        let n = size(work.rows);
        let at = |base: usize, row: &str, col: &str| format!("m[{base} + {row} * {n} + {col}]");
        let w = |row: &str, col: &str| at(work.offset, row, col);
        let copy = format!("{} = {};", w("i", "j"), entry(a, "i", "j"));
        let mut text = self.grid(work.rows, work.cols, &copy);
        // Both halves go through the same steps.
        let halves: Vec<usize> =
            std::iter::once(work.offset).chain(identity.map(|to| to.offset)).collect();
        let rows = |body: &dyn Fn(&str, &str) -> String| -> String {
            let bodies = halves.iter().map(|&base| body(&at(base, "q", "j"), &at(base, "k", "j")));
            self.each("j", &n, &bodies.collect::<String>())
        };
        let swap =
            rows(&|q, k| block("", &format!("{}{q} = {k};\n{k} = s;\n", self.constant("s", q))));
        let pivot = w("k", "k");
        let absolute = |x: &str| self.call("fabs", x);
        let better = format!("{} > {}", absolute(&w("q", "k")), absolute(&w("p", "k")));
        let search = self.from("q", "k + 1", &n, &self.when(&better, "p = q;"));
        let turn = if logarithm || identity.is_some() { "" } else { "d = -d;\n" };
        let mut step = self.counter("p", "k") + &search;
        step += &self.when("p != k", &(self.index("q", "p") + &swap + turn));
        step += &match (identity, logarithm) {
            (Some(_), _) => {
                let divide = rows(&|_, k| format!("{k} /= s;\n"));
                block("", &(self.constant("s", &pivot) + &divide))
            }
            (None, true) => format!("d += {};\n", self.call("log", &absolute(&pivot))),
            (None, false) => format!("d *= {pivot};\n"),
        };
        let below = rows(&|q, k| format!("{q} -= s * {k};\n"));
        let factor = self.constant("s", &format!("{} / {pivot}", w("q", "k"))) + &below;
        step += &match identity {
            Some(_) => self.each("q", &n, &self.when("q != k", &factor)),
            None => self.from("q", "k + 1", &n, &factor),
        };
        let steps = self.each("k", &n, &step);
        if let Some(to) = identity {
            text += &self.diagonal(to, &self.number(1.0));
            return text + &steps;
        }
        let start = self.variable("d", &self.number(if logarithm { 0.0 } else { 1.0 }));
        block("", &format!("{start}{text}{steps}{} = d;\n", place(to, "0", "0")))
    }

    fn tile(self, tile: &Tile) -> String {
        let mut body = self.registers(tile.registers);
        let source = |source: &Source| match source {
            Source::Register(r) => format!("r{r}"),
            Source::Memory(view) | Source::Result(view) => entry(view, "i", "j"),
            // All its entries are one number.
            Source::Scalar(view) => entry(view, "0", "0"),
            Source::Number(x) => self.number(*x),
            Source::Size(extent) => self.real(&size(*extent)),
        };
        for operation in &tile.operations {
            let value = match &operation.function {
                Function::Load(view) => entry(view, "i", "j"),
                Function::Map(f, a) => self.map(*f, &source(a)),
                Function::Zip(f, a, b) => self.zip(*f, &source(a), &source(b)),
            };
            body += &match &operation.to {
                Target::Register(r) => self.register(*r, &value),
                Target::Memory(slot) => format!("{} = {value};\n", place(slot, "i", "j")),
            };
        }
        for (register, slot) in &tile.stores {
            body += &format!("{} = r{register};\n", place(slot, "i", "j"));
        }
        self.grid(tile.rows, tile.cols, &body)
    }

    fn map(self, f: Map, a: &str) -> String {
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let call = |name: &str| self.call(name, a);
        match f {
            Map::Neg => format!("-{a}"),
            Map::Exp => call("exp"),
            Map::Log => call("log"),
            Map::Sqrt => call("sqrt"),
            Map::Tanh => call("tanh"),
            Map::Sigmoid => format!("{one} / ({one} + {})", self.call("exp", &format!("-{a}"))),
            Map::Erf => call("erf"),
            Map::Sin => call("sin"),
            Map::Cos => call("cos"),
            Map::Arctan => call("atan"),
            Map::Abs => call("fabs"),
            Map::Sign => {
                let negative = self.choose(&format!("{a} < {zero}"), &self.number(-1.0), &zero);
                self.choose(&format!("{a} > {zero}"), &one, &negative)
            }
            Map::Square => format!("{a} * {a}"),
        }
    }

    fn zip(self, f: Zip, a: &str, b: &str) -> String {
        // NaN where either is.
        let or = |test: &str| self.choose(&format!("{test} || {}", self.is_nan(a)), a, b);
        match f {
            Zip::Add => format!("{a} + {b}"),
            Zip::Sub => format!("{a} - {b}"),
            Zip::Mul => format!("{a} * {b}"),
            Zip::Div => format!("{a} / {b}"),
            Zip::Pow => self.call("pow", &format!("{a}, {b}")),
            Zip::Max => or(&format!("{a} > {b}")),
            Zip::Min => or(&format!("{a} < {b}")),
            Zip::Greater => self.test(&format!("{a} > {b}")),
            Zip::GreaterEqual => self.test(&format!("{a} >= {b}")),
        }
    }

    fn reduce(self, reduction: Reduction, a: &View, to: &Slot) -> String {
        let (rows, cols) = (size(a.rows), size(a.cols));
        let add = format!("s += {};", entry(a, "i", "j"));
        let start = self.variable("s", &self.number(0.0));
        match reduction {
            Reduction::Sum => {
                let sum = self.grid(a.rows, a.cols, &add);
                block("", &format!("{start}{sum}{} = s;\n", place(to, "0", "0")))
            }
            Reduction::RowSum => {
                let sum = self.each("j", &cols, &add);
                self.each("i", &rows, &format!("{start}{sum}{} = s;", place(to, "i", "0")))
            }
            Reduction::ColSum => {
                let sum = self.each("i", &rows, &add);
                self.each("j", &cols, &format!("{start}{sum}{} = s;", place(to, "0", "j")))
            }
            Reduction::RowMax => {
                let x = entry(a, "i", "j");
                let start = self.variable("s", &self.number(f64::NEG_INFINITY));
                let better = format!("{x} > s || {}", self.is_nan(&x));
                let search = self.each("j", &cols, &self.when(&better, &format!("s = {x};")));
                self.each("i", &rows, &format!("{start}{search}{} = s;", place(to, "i", "0")))
            }
        }
    }

    /// Loops over pictures, places, channels and entries of the window, with the pixel found.
    fn window(
        self,
        w: &Window,
        pictures: &str,
        at_place: &str,
        at_entry: &str,
        after: &str,
    ) -> String {
        let taps = self.each("t", &w.taps().to_string(), &(self.pixel(w, "c") + at_entry));
        let body = format!("{at_place}{taps}{after}");
        let channel = self.each("c", &w.channels().to_string(), &body);
        self.each("n", pictures, &self.each("p", &w.places().to_string(), &channel))
    }

    /// The entry `e` of the pictures for picture `n`, place `p`, entry of the window `t` and a
    /// channel; on with the next `t` where that is outside.
    fn pixel(self, w: &Window, channel: &str) -> String {
        let [height, width, channels] = w.picture;
        let [_, places_w] = w.output().unwrap_or_default();
        let (wide, [down, right], [dh, dw]) = (w.size[1], w.stride, w.dilation);
        let [above, before, ..] = w.pad;
        // Counted from the corner of the padded picture, so that no index is below 0.
        let pixel = format!("((y - {above}) * {width} + x - {before}) * {channels} + {channel}");
        self.index("y", &format!("p / {places_w} * {down} + t / {wide} * {dh}"))
            + &self.index("x", &format!("p % {places_w} * {right} + t % {wide} * {dw}"))
            + &self.when(&outside(&[("y", above, height), ("x", before, width)]), "continue;")
            + &self.index("e", &format!("n * {} + {pixel}", w.columns()))
    }

    fn convolution(self, c: &Convolution) -> String {
        let (w, columns, places) = (&c.window, c.columns(), c.window.places());
        let group = columns / w.taps();
        let (first, tap) = (c.group * group, format!("(t * {group} + q)"));
        let pictures = if c.kind == Kind::Pictures { &c.to } else { &c.a };
        let images =
            format!("{} * ({}) / {}", size(pictures.rows), size(pictures.cols), w.columns());
        let sum = |add: &str| self.variable("s", &self.number(0.0)) + add;
        let each =
            |index: &str, count: usize, body: &str| self.each(index, &count.to_string(), body);
        let columns_of_b = size(c.b.cols);
        // Of picture n, place p, entry t of the window and channel q of the group.
        let pixel = self.pixel(w, &first.to_string());
        let entry_of = |view: &View| format!("m[{} + e + q]", base(view));
        let place = format!("(n * {places} + p)");
        match c.kind {
            Kind::Forward => {
                let add = format!("s += {} * {};", entry_of(&c.a), entry(&c.b, &tap, "j"));
                let add = each("t", w.taps(), &(pixel + &each("q", group, &add)));
                let body = format!("{}{} = s;", sum(&add), entry(&c.to, &place, "j"));
                self.each("n", &images, &each("p", places, &self.each("j", &columns_of_b, &body)))
            }
            Kind::Kernel => {
                let add = format!("s += {} * {};", entry_of(&c.a), entry(&c.b, &place, "j"));
                let add = self.each("n", &images, &each("p", places, &(pixel + &add)));
                let body = format!("{}{} = s;", sum(&add), entry(&c.to, &tap, "j"));
                let body = self.each("j", &columns_of_b, &body);
                each("t", w.taps(), &each("q", group, &body))
            }
            Kind::Pictures => {
                let length = format!("{} * ({})", size(c.to.rows), size(c.to.cols));
                let clear = format!("m[{} + i] = {};", c.to.offset, self.number(0.0));
                let add =
                    format!("s += {} * {};", entry(&c.a, &place, "k"), entry(&c.b, "k", &tap));
                let add = sum(&self.each("k", &size(c.a.cols), &add));
                let add = each("q", group, &format!("{add}{} += s;", entry_of(&c.to)));
                let places = each("p", places, &each("t", w.taps(), &(pixel + &add)));
                self.each("i", &length, &clear) + &self.each("n", &images, &places)
            }
        }
    }

    fn picture(self, p: &Picture) -> String {
        let w = &p.window;
        let (a, to, places) = (base(&p.a), p.to.offset.to_string(), w.places());
        let (taps, channels) = (w.taps(), w.channels());
        let group = channels / w.groups as usize;
        let unfolded = |base: &str| {
            let column = format!("(c / {group} * {taps} + t) * {group} + c % {group}");
            format!("m[{base} + (n * {places} + p) * {} + {column}]", taps * channels)
        };
        let pooled = |base: &str| format!("m[{base} + (n * {places} + p) * {channels} + c]");
        let length = format!("{} * ({})", size(p.to.rows), size(p.to.cols));
        let clear = self.each("i", &length, &format!("m[{to} + i] = {};", self.number(0.0)));
        let pictures = |view: &View, each: usize| {
            format!("{} * ({}) / {each}", size(view.rows), size(view.cols))
        };
        // Where the first largest entry is, counted from 1; 0 where the window is outside.
        let best = self.counter("best", "0");
        let largest = |base: &str| {
            let (x, top) = (format!("m[{base} + e]"), format!("m[{base} + best - 1]"));
            let nan = format!("({} && !{})", self.is_nan(&x), self.is_nan(&top));
            self.when(&format!("best == 0 || {x} > {top} || {nan}"), "best = e + 1;")
        };
        let (seen, all) = (pictures(&p.a, w.columns()), pictures(&p.a, places * taps * channels));
        match (p.work, p.b) {
            (PictureWork::Unfold, _) => {
                clear + &self.window(w, &seen, "", &format!("{} = m[{a} + e];", unfolded(&to)), "")
            }
            (PictureWork::Fold, _) => {
                clear + &self.window(w, &all, "", &format!("m[{to} + e] += {};", unfolded(&a)), "")
            }
            (PictureWork::MaxPool, _) => {
                let empty = self.number(f64::NEG_INFINITY);
                let value = self.choose("best > 0", &format!("m[{a} + best - 1]"), &empty);
                let store = format!("{} = {value};", pooled(&to));
                self.window(w, &seen, &best, &largest(&a), &store)
            }
            (PictureWork::Unpool, Some(b)) => {
                let add = format!("m[{to} + best - 1] += {};", pooled(&a));
                let add = self.when("best > 0", &add);
                let pictures = pictures(&b, w.columns());
                clear + &self.window(w, &pictures, &best, &largest(&base(&b)), &add)
            }
            (PictureWork::Pick, Some(b)) => {
                let zero = self.number(0.0);
                let value = self.choose("best > 0", &format!("m[{a} + best - 1]"), &zero);
                let store = format!("{} = {value};", pooled(&to));
                let pictures = pictures(&b, w.columns());
                self.window(w, &pictures, &best, &largest(&base(&b)), &store)
            }
            (PictureWork::Unpool | PictureWork::Pick, None) => {
                unreachable!("the plan gives these works two operands")
            }
        }
    }
}

/// Whether an index counted from the padding is outside: below `pad`, or `size` and more above it.
fn outside(sides: &[(&str, u32, u32)]) -> String {
    let mut tests = Vec::new();
    for (index, pad, size) in sides {
        if *pad > 0 {
            tests.push(format!("{index} < {pad}"));
        }
        tests.push(format!("{index} >= {}", pad + size));
    }
    tests.join(" || ")
}
