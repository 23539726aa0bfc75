//! Generated C and Rust agree with the meaning: two more executors of the suite.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod columns;

use std::path::Path;
use std::process::Command;

use matgrad::calculus::derive;
use matgrad::data::{Encoder, EncoderOptions, Header, ReadOptions, read as read_table};
use matgrad::expr::elaborate::read;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::syntax::canonical;
use matgrad::library::standard;
use matgrad::plan::plan::{Request, plan};
use matgrad::{FitOptions, Network, Precision, UpdateRule};
use matgrad_codegen::{Error, Language, Named, Real, Source, Style, source, training};
use toml::{Table, Value};

const LANGUAGES: [Language; 2] = [Language::C, Language::Rust];

/// What a program prints; `None`, loudly, where the tool is absent.
fn output(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let ran = Command::new(program).current_dir(folder).args(arguments).output();
    let Ok(ran) = ran else {
        eprintln!("NOT CHECKED: there is no `{program}`");
        return None;
    };
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}: {program} {arguments:?}\n{said}", folder.display());
    Some(String::from_utf8(ran.stdout).unwrap())
}

/// What the generated code prints with a `main` beside it: C checked by sanitizers, and by
/// valgrind where it is to print the same.
fn run(name: &str, source: &Source, main: &Main) -> Option<String> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    source.files.iter().for_each(|(file, text)| write(file, text));
    let printed = match main.language {
        Language::C => {
            write("main.c", &main.text());
            let c = source.files[1].0.as_str();
            let strict =
                ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", c, "main.c"];
            let checked = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"];
            let build = |flags: &[&str], to: &str| {
                output(&folder, "cc", &[&strict[..], flags, &["-o", to, "-lm"]].concat())
            };
            build(&checked, "checked")?;
            let printed = output(&folder, "./checked", &[])?;
            build(&[], "plain")?;
            let quiet = ["-q", "--error-exitcode=9", "--leak-check=full", "./plain"];
            if let Some(again) = output(&folder, "valgrind", &quiet) {
                assert_eq!(again.lines().count(), printed.lines().count());
            }
            printed
        }
        Language::Rust => {
            write("main.rs", &main.text());
            let rust = |more: &[&str]| {
                let flags = ["--edition", "2024", "-Dwarnings", "-Copt-level=1"];
                output(&folder, "rustc", &[&flags, more].concat())
            };
            rust(&["--crate-type", "rlib", "--crate-name", "net", "src/lib.rs"])?;
            rust(&["main.rs", "--extern", "net=libnet.rlib"])?;
            output(&folder, "./main", &[])?
        }
    };
    std::fs::remove_dir_all(&folder).unwrap();
    Some(printed)
}

/// A program around generated code: arrays in, steps, numbers out.
struct Main {
    language: Language,
    inputs: Vec<(String, Vec<f64>)>,
    steps: usize,
    rows: usize,
    /// Names, and how many numbers are printed.
    outputs: Vec<(String, usize)>,
}

impl Main {
    fn text(&self) -> String {
        let Main { steps, rows, .. } = self;
        let mut text = match self.language {
            Language::C => "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n\n\
                            int main(void)\n{\n    net_begin();\n"
                .to_string(),
            Language::Rust => "static NET: std::sync::Mutex<net::Network> = \
                               std::sync::Mutex::new(net::Network::new());\n\nfn main() {\n    \
                               let mut net = NET.lock().unwrap();\n    net.begin();\n"
                .into(),
        };
        for (name, values) in &self.inputs {
            let n = values.len();
            let values = values.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(", ");
            text += &match self.language {
                Language::C => format!(
                    "    {{ static const net_real v[] = {{{values}}};\n    \
                     memcpy(net_{name}(), v, sizeof v); }}\n"
                ),
                Language::Rust => {
                    format!("    net.{name}()[..{n}].copy_from_slice(&[{values}]);\n")
                }
            };
        }
        text += &match self.language {
            Language::C => format!("    for (int i = 0; i < {steps}; i++) net_step({rows});\n"),
            Language::Rust => format!("    for _ in 0..{steps} {{ net.step({rows}); }}\n"),
        };
        for (name, count) in &self.outputs {
            text += &match self.language {
                Language::C => format!(
                    "    for (size_t i = 0; i < {count}; i++) printf(\"%.17g\\n\", net_{name}()[i]);\n"
                ),
                Language::Rust => {
                    format!("    for x in &net.{name}()[..{count}] {{ println!(\"{{x:e}}\"); }}\n")
                }
            };
        }
        text + match self.language {
            Language::C => "    return 0;\n}\n",
            Language::Rust => "}\n",
        }
    }
}

fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().unwrap();
    let number = |v: &Value| v.as_float().unwrap_or_else(|| v.as_integer().unwrap() as f64);
    let data: Vec<f64> =
        rows.iter().flat_map(|r| r.as_array().unwrap().iter().map(number)).collect();
    Matrix::new(rows.len(), data.len() / rows.len(), data)
}

#[test]
fn generated_code_agrees_with_every_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let (mut count, mut refused) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let suite: Table = toml::from_str(&text).unwrap();
        for case in suite["case"].as_array().unwrap() {
            for language in LANGUAGES {
                match case_agrees(case.as_table().unwrap(), count, language) {
                    Ok(()) => count += 1,
                    Err(why) => refused.push(why.to_string()),
                }
            }
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    assert!(count >= 14, "{count} cases");
}

fn case_agrees(case: &Table, number: usize, language: Language) -> Result<(), Error> {
    let name = case["name"].as_str().unwrap();
    let equations = read(name, case["equations"].as_str().unwrap(), standard()).unwrap();
    let objective = equations.objective.unwrap();
    let derived = derive(&equations.graph, objective, &equations.parameters()).unwrap();
    let graph = &derived.graph;
    let find = |n: &str| graph.find(&canonical(n)).unwrap();
    let mut at = Bindings::default();
    for (variable, value) in case["set"].as_table().unwrap() {
        at.set(graph, find(variable), matrix(value)).unwrap();
    }
    let values = case["value"].as_table().unwrap().keys().map(|n| find(n));
    let gradients = case.get("gradient").and_then(Value::as_table).into_iter().flatten();
    let roots: Vec<NodeId> =
        values.chain(gradients.map(|(n, _)| derived.of(find(n)).unwrap())).collect();
    let meant = evaluate(graph, &roots, &at).unwrap();
    let request =
        Request { graph, outputs: &roots, updates: &[], fixed: &[], dims: &at.dims, rows: None };
    let program = plan(&request).unwrap();
    let mut named: Vec<Named> = at
        .values
        .iter()
        .enumerate()
        .map(|(k, (&node, m))| Named {
            node,
            name: Some(format!("v{k}")),
            value: Some(m.data.as_slice().into()),
        })
        .collect();
    named.extend(roots.iter().enumerate().map(|(k, &node)| Named {
        node,
        name: Some(format!("o{k}")),
        value: None,
    }));
    let style = Style { language, real: Real::F64, name: "net", notes: &[] };
    let source = source(&program, &named, &style)?;
    let outputs = roots.iter().enumerate().map(|(k, r)| (format!("o{k}"), meant[r].data.len()));
    let main = Main {
        language,
        inputs: vec![],
        steps: 1,
        rows: program.capacity(),
        outputs: outputs.collect(),
    };
    let Some(said) = run(&format!("case{number}"), &source, &main) else { return Ok(()) };
    let found: Vec<f64> = said.lines().map(|l| l.parse().unwrap()).collect();
    let wanted: Vec<f64> = roots.iter().flat_map(|r| meant[r].data.clone()).collect();
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (a, b) in found.iter().zip(&wanted) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{name} in {language:?}: {a} and {b}");
    }
    Ok(())
}

/// The same steps by the machine and in generated code, from the same weights to the same loss.
fn learns(name: &str, page: &str, x: &Matrix, y: &Matrix, rule: &str, steps: usize, below: f64) {
    let network = Network::parse("page.eq", page).unwrap();
    let weights = network.initial(1).unwrap();
    let rule = UpdateRule::named(rule).unwrap();
    let options =
        FitOptions { epochs: steps, precision: Precision::F64, ..FitOptions::new(rule.clone()) };
    let fit = network.fit(&weights, (x, y), None, &options).unwrap();
    let wanted = fit.map(|epoch| epoch.unwrap().train_loss).last().unwrap();
    assert!(wanted < below, "{name}: {wanted}");
    let symbol = |node| matgrad_codegen::symbol(&network, node);
    for language in LANGUAGES {
        let style = Style { language, real: Real::F64, name: "net", notes: &[] };
        let source = training(&network, &weights, x.rows, (&rule, &[]), &style).unwrap();
        let code: usize = source.files.iter().map(|(_, text)| text.len()).sum();
        println!(
            "{name} in {language:?}: {code} bytes of source, {} of memory, {} of constants",
            source.memory, source.constants
        );
        let main = Main {
            language,
            inputs: vec![
                (symbol(network.input), x.data.clone()),
                (symbol(network.target), y.data.clone()),
            ],
            steps,
            rows: x.rows,
            outputs: vec![(symbol(network.objective), 1)],
        };
        let Some(said) = run(&format!("{name}{language:?}"), &source, &main) else { continue };
        let found: f64 = said.trim().parse().unwrap();
        assert!(
            (found - wanted).abs() <= 1e-6 * wanted,
            "{name} in {language:?}: {found} and {wanted}"
        );
    }
}

#[test]
fn xor_is_learnt_inside_generated_code() {
    let page = Network::layers(2, 1).dense(4).loss("binary_cross_entropy").equations();
    let x = Matrix::new(4, 2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let y = Matrix::new(4, 1, vec![0.0, 1.0, 1.0, 0.0]);
    learns("xor", &page, &x, &y, "rprop", 200, 0.01);
}

#[test]
fn a_34_8_3_6_network_is_trained_inside_generated_code() {
    let root = std::env::var_os("MATGRAD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let path = root.join("data/dermatology/dermatology.data");
    if !path.is_file() {
        eprintln!("CHECK NOT RUN: {} is not there (set MATGRAD_SHARED)", path.display());
        return;
    }
    let options = ReadOptions { header: Header::Absent, ..Default::default() };
    let table = read_table(&path, &options).unwrap();
    let rows: Vec<usize> = (0..table.rows).collect();
    let options = EncoderOptions { targets: vec![34], ..Default::default() };
    let encoder = Encoder::fit(&table, &rows, &options).unwrap();
    let (x, y) = (encoder.inputs(&table, &rows).unwrap(), encoder.targets(&table, &rows).unwrap());
    let (x, y) = (Matrix::new(x.rows, x.cols, x.data), Matrix::new(y.rows, y.cols, y.data));
    assert_eq!((x.rows, x.cols, y.cols), (366, 34, 6));
    let page = Network::layers(34, 6).dense(8).dense(3).activation("sigmoid");
    learns("derm", &page.loss("cross_entropy").equations(), &x, &y, "rprop", 40, 0.1);
}
