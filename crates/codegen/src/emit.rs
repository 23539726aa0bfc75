//! The files: declarations, first values, and the step.

use std::borrow::Cow;
use std::fmt::Write;

use matgrad::expr::graph::NodeId;
use matgrad::plan::extent::Slot;
use matgrad::plan::program::Program;

use crate::language::{Syntax, indented};
use crate::{Error, Language, Real};

/// A matrix that the caller sees.
pub struct Named<'a> {
    /// Its node: a variable or an output of the program.
    pub node: NodeId,
    /// Its name in the code; `None` is not seen by the caller.
    pub name: Option<String>,
    /// What it begins with, row by row; `None` is zeros.
    pub value: Option<Cow<'a, [f64]>>,
}

/// What is to be written, and how.
#[derive(Clone, Debug)]
pub struct Style<'a> {
    /// In which language.
    pub language: Language,
    /// The type of the numbers.
    pub real: Real,
    /// What names in C begin with, and the name of the files, or of the Rust crate.
    pub name: &'a str,
    /// What a reader should know first, one thing a line.
    pub notes: &'a [String],
}

/// The files.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Paths in a folder, and their text: `NAME.h` and `NAME.c`, or `Cargo.toml` and `src/lib.rs`.
    pub files: Vec<(String, String)>,
    /// Bytes of the static memory that is written.
    pub memory: usize,
    /// Bytes of numbers that are only read.
    pub constants: usize,
}

/// A matrix that the caller sees, and where it is.
struct Seen<'a> {
    name: &'a str,
    slot: Slot,
    length: usize,
}

/// What both languages say in their own way.
struct Parts<'a> {
    style: &'a Style<'a>,
    syntax: Syntax,
    rows: usize,
    length: usize,
    seen: Vec<Seen<'a>>,
    /// First values, and where they go.
    first: Vec<(usize, String, usize)>,
    step: String,
}

/// Writes a program.
///
/// # Errors
/// [`Error::Name`].
pub fn source(program: &Program, named: &[Named], style: &Style) -> Result<Source, Error> {
    for name in named.iter().filter_map(|n| n.name.as_deref()).chain([style.name]) {
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !letter || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::Name(name.into()));
        }
    }
    let syntax = Syntax { language: style.language, real: style.real };
    let capacity = program.capacity();
    let mut seen = Vec::new();
    let mut first: Vec<(Slot, &[f64])> = program.constants().map(|(s, v)| (*s, v)).collect();
    for n in named {
        // What is given goes where the program reads it, before any update.
        let slot = match &n.value {
            Some(_) => program.variable(n.node),
            None => program.output(n.node).or(program.variable(n.node)),
        };
        let Some(&slot) = slot else { continue };
        if let Some(name) = &n.name {
            seen.push(Seen { name, slot, length: slot.len(capacity) });
        }
        first.extend(n.value.as_deref().map(|value| (slot, value)));
    }
    first.retain(|(_, values)| !values.is_empty());
    let constants = first.iter().map(|(_, v)| v.len() * style.real.bytes()).sum();
    let table = |values: &[f64]| {
        let numbers: Vec<String> = values.iter().map(|&x| syntax.number(x)).collect();
        numbers.chunks(8).map(|c| c.join(", ")).collect::<Vec<_>>().join(",\n    ")
    };
    let mut step = String::new();
    for (work, equation) in program.instructions().iter().zip(program.equations()) {
        let equation = equation.replace("*/", "* /").replace("/*", "/ *");
        step += &format!("/* {equation} */\n{}", syntax.instruction(work));
    }
    let parts = Parts {
        style,
        syntax,
        rows: capacity,
        length: program.arena_len().max(1),
        first: first.iter().map(|(slot, v)| (slot.offset, table(v), v.len())).collect(),
        seen,
        step,
    };
    let files = match style.language {
        Language::C => parts.c(),
        Language::Rust => parts.rust(),
    };
    Ok(Source { files, memory: parts.length * style.real.bytes(), constants })
}

impl Parts<'_> {
    fn notes(&self, before: &str) -> String {
        // A name of the table may have what ends a comment, or a line.
        let inside = |note: &String| {
            let note = note.replace("*/", "* /").replace("/*", "/ *");
            format!("{before}{}\n", note.replace(char::is_control, " "))
        };
        self.style.notes.iter().map(inside).collect()
    }

    fn c(&self) -> Vec<(String, String)> {
        let (name, rows, length) = (self.style.name, self.rows, self.length);
        let (guard, real) = (name.to_ascii_uppercase(), self.syntax.type_name());
        let mut header = format!(
            "/* Written by matgrad.\n{} */\n#ifndef {guard}_H\n#define {guard}_H\n\n\
             #include <stddef.h>\n\ntypedef {real} {name}_real;\n\n\
             /* The most rows of a batch. */\n#define {guard}_ROWS {rows}\n\n",
            self.notes(" * ")
        );
        let mut code = format!(
            "/* Written by matgrad. */\n#include \"{name}.h\"\n\n#include <math.h>\n\
             #include <string.h>\n\ntypedef {name}_real real;\n\nstatic real m[{length}];\n\n"
        );
        let mut begin = String::new();
        for (k, (offset, table, count)) in self.first.iter().enumerate() {
            line(&mut code, &format!("static const real c{k}[{count}] = {{\n    {table}\n}};\n"));
            line(&mut begin, &format!("    memcpy(m + {offset}, c{k}, sizeof c{k});"));
        }
        for Seen { name: what, slot, .. } in &self.seen {
            let shape = shape(slot);
            let declared = format!("{name}_real *{name}_{what}(void)");
            line(&mut header, &format!("/* {shape}, row by row. */\n{declared};"));
            let offset = slot.offset;
            line(&mut code, &format!("{declared}\n{{\n    return m + {offset};\n}}\n"));
        }
        line(
            &mut header,
            &format!(
                "\n/* Writes the first values; call it once before the first step. */\n\
                 void {name}_begin(void);\n\n/* One step for so many rows. */\n\
                 void {name}_step(size_t rows);\n\n#endif"
            ),
        );
        line(
            &mut code,
            &format!("void {name}_begin(void)\n{{\n    memset(m, 0, sizeof m);\n{begin}}}\n"),
        );
        let step = indented(&self.step);
        line(&mut code, &format!("void {name}_step(size_t rows)\n{{\n    (void)rows;\n{step}}}"));
        vec![(format!("{name}.h"), header), (format!("{name}.c"), code)]
    }

    fn rust(&self) -> Vec<(String, String)> {
        let (name, rows, length) = (self.style.name, self.rows, self.length);
        let real = self.syntax.type_name();
        let mut code = format!(
            "//! Written by matgrad.\n{}#![no_std]\n#![forbid(unsafe_code)]\n\
             #![allow(dead_code, non_snake_case, unused_parens, unused_variables)]\n\n\
             /// The type of the numbers.\npub type Real = {real};\n\n\
             /// The most rows of a batch.\npub const ROWS: usize = {rows};\n\n\
             /// All matrices.\npub struct Network {{\n    m: [Real; {length}],\n}}\n\n",
            self.notes("//! ")
        );
        let mut begin = String::new();
        for (k, (offset, table, count)) in self.first.iter().enumerate() {
            line(&mut code, &format!("static C{k}: [Real; {count}] = [\n    {table}\n];\n"));
            let end = offset + count;
            line(&mut begin, &format!("        self.m[{offset}..{end}].copy_from_slice(&C{k});"));
        }
        line(
            &mut code,
            &format!(
                "impl Network {{\n    /// Zeros.\n    pub const fn new() -> Network {{\n        \
                 Network {{ m: [0.0; {length}] }}\n    }}\n\n    \
                 /// Writes the first values; call it once before the first step.\n    \
                 pub fn begin(&mut self) {{\n        self.m.fill(0.0);\n{begin}    }}\n"
            ),
        );
        for Seen { name: what, slot, length } in &self.seen {
            let (shape, start, end) = (shape(slot), slot.offset, slot.offset + length);
            line(
                &mut code,
                &format!(
                    "    /// {shape}, row by row.\n    pub fn {what}(&mut self) -> &mut [Real] {{\n        \
                     &mut self.m[{start}..{end}]\n    }}\n"
                ),
            );
        }
        let step = indented(&indented(&self.step));
        line(
            &mut code,
            &format!(
                "    /// One step for so many rows.\n    pub fn step(&mut self, rows: usize) {{\n        \
                 assert!(rows <= ROWS);\n        let m = &mut self.m;\n{step}    }}\n}}\n"
            ),
        );
        code += include_str!("functions.rs").split_once("\n\n").map_or("", |(_, rest)| rest);
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n"
        );
        vec![("Cargo.toml".into(), manifest), ("src/lib.rs".into(), code)]
    }
}

fn shape(slot: &Slot) -> String {
    format!("{} x {}", slot.rows, slot.cols).replace('·', "*")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}
