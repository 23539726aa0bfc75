//! XOR, and the dermatology table with a 34-8-3-6 network, trained wholly inside generated C: the
//! program has the rows as constants, takes every step itself and prints its loss. matgrad takes
//! the same steps from the same weights, for comparison.
//!
//! `cargo run -p matgrad-codegen --example train-in-c -- dermatology.data` (366 rows, no header:
//! <https://archive.ics.uci.edu/dataset/33/dermatology>); without a table, XOR alone.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use matgrad::data::{Encoder, EncoderOptions, Header, ReadOptions, TargetKind, read};
use matgrad::expr::matrix::Matrix;
use matgrad::{FitOptions, Layers, Network, Precision, UpdateRule};
use matgrad_codegen::{Language, Real, Style, symbol, training};

fn main() -> Result<(), Box<dyn Error>> {
    let x = Matrix::new(4, 2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let y = Matrix::new(4, 1, vec![0.0, 1.0, 1.0, 0.0]);
    let xor = Network::layers(2, 1).dense(4).loss("binary_cross_entropy");
    compare("xor", &xor, (&x, &y), 30)?;
    let Some(table) = std::env::args_os().nth(1) else { return Ok(()) };
    let (x, y) = dermatology(Path::new(&table))?;
    let layers = Network::layers(x.cols, y.cols).dense(8).dense(3).activation("sigmoid");
    compare("dermatology", &layers.loss("cross_entropy"), (&x, &y), 40)
}

/// The table as matrices: 34 columns standardized, a column for each of the six classes.
fn dermatology(path: &Path) -> Result<(Matrix, Matrix), Box<dyn Error>> {
    let table = read(path, &ReadOptions { header: Header::Absent, ..Default::default() })?;
    let rows: Vec<usize> = (0..table.rows).collect();
    let options = EncoderOptions {
        targets: vec![table.columns.len() - 1],
        target_kind: TargetKind::Classes,
        ..Default::default()
    };
    let encoder = Encoder::fit(&table, &rows, &options)?;
    let (x, y) = (encoder.inputs(&table, &rows)?, encoder.targets(&table, &rows)?);
    Ok((Matrix::new(x.rows, x.cols, x.data), Matrix::new(y.rows, y.cols, y.data)))
}

/// So many steps of Rprop by matgrad and in C.
fn compare(
    name: &str,
    layers: &Layers,
    (x, y): (&Matrix, &Matrix),
    steps: usize,
) -> Result<(), Box<dyn Error>> {
    let network = Network::parse(name, &layers.equations())?;
    let weights = network.initial(1)?;
    let rule = UpdateRule::named("rprop")?;
    let options =
        FitOptions { epochs: steps, precision: Precision::F64, ..FitOptions::new(rule.clone()) };
    let mut loss = f64::NAN;
    for epoch in network.fit(&weights, (x, y), None, &options)? {
        loss = epoch?.train_loss;
    }
    let style = Style { language: Language::C, real: Real::F64, name: "net", notes: &[] };
    let source = training(&network, &weights, x.rows, (&rule, &[]), &style)?;
    let folder = std::env::temp_dir().join(format!("matgrad-{name}"));
    std::fs::create_dir_all(&folder)?;
    for (file, text) in &source.files {
        std::fs::write(folder.join(file), text)?;
    }
    let names = [network.input, network.target, network.objective].map(|n| symbol(&network, n));
    std::fs::write(folder.join("main.c"), main_c(&names, (x, y), steps))?;
    let strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Os"];
    run(&folder, "cc", &[&strict[..], &["-c", "net.c"]].concat())?;
    run(&folder, "cc", &[&strict[..], &["main.c", "net.o", "-o", "train", "-lm"]].concat())?;
    let said = run(&folder, "./train", &[])?;
    println!("{name}: {} rows, {steps} steps of rprop; files in {}", x.rows, folder.display());
    println!("  loss by matgrad {loss:e}, in C {}", said.trim());
    let text: usize = source.files.iter().map(|(_, text)| text.len()).sum();
    println!("  {text} bytes of source, {} of memory", source.memory);
    // The sections of the object file: code with constants, data, zeros.
    println!("  {}", run(&folder, "size", &["net.o"])?.trim().replace('\n', "\n  "));
    Ok(())
}

/// A program that trains: rows in, steps, the loss out.
fn main_c([input, target, loss]: &[String; 3], (x, y): (&Matrix, &Matrix), steps: usize) -> String {
    let numbers =
        |m: &Matrix| m.data.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(", ");
    format!(
        "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n\n\
         static const net_real x[] = {{{}}};\nstatic const net_real y[] = {{{}}};\n\n\
         int main(void)\n{{\n    net_begin();\n    memcpy(net_{input}(), x, sizeof x);\n    \
         memcpy(net_{target}(), y, sizeof y);\n    \
         for (int i = 0; i < {steps}; i++) net_step({});\n    \
         printf(\"%.15e\\n\", net_{loss}()[0]);\n    return 0;\n}}\n",
        numbers(x),
        numbers(y),
        x.rows
    )
}

fn run(folder: &PathBuf, program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let ran = Command::new(program).current_dir(folder).args(arguments).output()?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into());
    }
    Ok(String::from_utf8(ran.stdout)?)
}
