//! The files: declarations, first values, and the step.

use std::borrow::Cow;
use std::fmt::Write;

use matgrad::expr::graph::NodeId;
use matgrad::plan::extent::Slot;
use matgrad::plan::program::Program;

use crate::Error;
use crate::instruction::instruction;

/// The type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Real {
    /// `float`.
    F32,
    /// `double`.
    F64,
}

impl Real {
    fn name(self) -> &'static str {
        match self {
            Real::F32 => "float",
            Real::F64 => "double",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Real::F32 => 4,
            Real::F64 => 8,
        }
    }

    /// What functions and numbers of this type end in.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Real::F32 => "f",
            Real::F64 => "",
        }
    }

    /// A number as C has it.
    pub(crate) fn number(self, x: f64) -> String {
        if x.is_nan() {
            "NAN".into()
        } else if x.is_infinite() {
            if x > 0.0 { "INFINITY".into() } else { "(-INFINITY)".into() }
        } else {
            let text = match self {
                Real::F32 => format!("{:e}", x as f32),
                Real::F64 => format!("{x:e}"),
            };
            let text = text + self.suffix();
            if x.is_sign_negative() { format!("({text})") } else { text }
        }
    }
}

/// A matrix that the caller sees.
pub struct Named<'a> {
    /// Its node: a variable or an output of the program.
    pub node: NodeId,
    /// Its name in C, after the prefix; `None` is not seen by the caller.
    pub name: Option<String>,
    /// What it begins with, row by row; `None` is zeros.
    pub value: Option<Cow<'a, [f64]>>,
}

/// The two files.
pub struct Source {
    /// `PREFIX.h`.
    pub header: String,
    /// `PREFIX.c`.
    pub code: String,
    /// Bytes of the static memory that is written.
    pub memory: usize,
    /// Bytes of numbers that are only read.
    pub constants: usize,
}

/// Writes a program. Names begin with `prefix`, which also names the files.
///
/// # Errors
/// [`Error::Name`].
pub fn c99(program: &Program, prefix: &str, named: &[Named], real: Real) -> Result<Source, Error> {
    for name in named.iter().filter_map(|n| n.name.as_deref()).chain([prefix]) {
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !letter || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::Name(name.into()));
        }
    }
    let seen: Vec<(&Named, Slot)> = named
        .iter()
        .filter_map(|n| {
            // What is given goes where the program reads it, before any update.
            let slot = match &n.value {
                Some(_) => program.variable(n.node)?,
                None => program.output(n.node).or(program.variable(n.node))?,
            };
            Some((n, *slot))
        })
        .collect();
    let (rows, guard) = (program.capacity(), prefix.to_ascii_uppercase());
    let mut header = format!(
        "/* Written by matgrad. */\n#ifndef {guard}_H\n#define {guard}_H\n\n#include <stddef.h>\n\n\
         typedef {} {prefix}_real;\n\n/* The most rows of a batch. */\n#define {guard}_ROWS {rows}\n\n",
        real.name()
    );
    for (n, slot) in &seen {
        let Some(name) = &n.name else { continue };
        let shape = format!("{} x {}", slot.rows, slot.cols).replace('·', "*");
        line(
            &mut header,
            &format!("/* {shape}, row by row. */\n{prefix}_real *{prefix}_{name}(void);"),
        );
    }
    line(
        &mut header,
        &format!(
            "\n/* Writes the first values; call it once before the first step. */\n\
             void {prefix}_begin(void);\n\n/* One step for so many rows. */\n\
             void {prefix}_step(size_t rows);\n\n#endif"
        ),
    );

    let real_name = format!("{prefix}_real");
    let length = program.arena_len().max(1);
    let mut code = format!(
        "/* Written by matgrad. */\n#include \"{prefix}.h\"\n\n#include <math.h>\n#include <string.h>\n\n\
         typedef {real_name} real;\n\nstatic real m[{length}];\n\n"
    );
    let mut constants = 0;
    let mut begin = String::new();
    let first = program.constants().map(|(slot, values)| (*slot, values));
    let given = seen.iter().filter_map(|(n, slot)| Some((*slot, n.value.as_deref()?)));
    for (k, (slot, values)) in first.chain(given).filter(|(_, v)| !v.is_empty()).enumerate() {
        let numbers: Vec<String> = values.iter().map(|&x| real.number(x)).collect();
        let rows: Vec<String> = numbers.chunks(8).map(|c| c.join(", ")).collect();
        line(
            &mut code,
            &format!(
                "static const real c{k}[{}] = {{\n    {}\n}};\n",
                values.len(),
                rows.join(",\n    ")
            ),
        );
        line(&mut begin, &format!("    memcpy(m + {}, c{k}, sizeof c{k});", slot.offset));
        constants += values.len() * real.bytes();
    }
    for (n, slot) in &seen {
        let Some(name) = &n.name else { continue };
        let offset = slot.offset;
        line(
            &mut code,
            &format!("real *{prefix}_{name}(void)\n{{\n    return m + {offset};\n}}\n"),
        );
    }
    line(
        &mut code,
        &format!("void {prefix}_begin(void)\n{{\n    memset(m, 0, sizeof m);\n{begin}}}\n"),
    );
    line(&mut code, &format!("void {prefix}_step(size_t rows)\n{{\n    (void)rows;"));
    for (work, equation) in program.instructions().iter().zip(program.equations()) {
        line(
            &mut code,
            &format!("    /* {} */", equation.replace("*/", "* /").replace("/*", "/ *")),
        );
        code += &instruction(work, real);
    }
    line(&mut code, "}");
    Ok(Source { header, code, memory: length * real.bytes(), constants })
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}
