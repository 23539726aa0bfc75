//! Generated C agrees with the meaning: one more executor of the suite.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;

use matgrad::calculus::derive;
use matgrad::data::Random;
use matgrad::expr::elaborate::read;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::syntax::canonical;
use matgrad::library::standard;
use matgrad::plan::plan::{Request, plan};
use matgrad::{FitOptions, Network, Precision, UpdateRule};
use matgrad_codegen::{Error, Named, Real, c99, training};
use toml::{Table, Value};

/// Compiles and runs `main` beside the generated files; what it prints, or `None` where there is
/// no compiler.
fn run(name: &str, files: &[(&str, &str)]) -> Option<String> {
    let folder = std::env::temp_dir().join(format!("matgrad-c-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let sources = files.iter().map(|f| f.0).filter(|f| f.ends_with(".c"));
    let mut compiler = Command::new("cc");
    compiler.current_dir(&folder).args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
    compiler.args(["-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]);
    compiler.args(sources).args(["-o", "program", "-lm"]);
    let Ok(built) = compiler.output() else {
        eprintln!("NOT CHECKED: there is no C compiler `cc`");
        return None;
    };
    assert!(built.status.success(), "{name}:\n{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(folder.join("program")).output().unwrap();
    assert!(ran.status.success(), "{name}:\n{}", String::from_utf8_lossy(&ran.stderr));
    std::fs::remove_dir_all(&folder).unwrap();
    Some(String::from_utf8(ran.stdout).unwrap())
}

fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().unwrap();
    let number = |v: &Value| v.as_float().unwrap_or_else(|| v.as_integer().unwrap() as f64);
    let data: Vec<f64> =
        rows.iter().flat_map(|r| r.as_array().unwrap().iter().map(number)).collect();
    Matrix::new(rows.len(), data.len() / rows.len(), data)
}

#[test]
fn generated_c_agrees_with_every_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let (mut count, mut refused) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let suite: Table = toml::from_str(&text).unwrap();
        for case in suite["case"].as_array().unwrap() {
            match case_agrees(case.as_table().unwrap(), count) {
                Ok(()) => count += 1,
                Err(why) => refused.push(why.to_string()),
            }
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    assert!(count >= 7, "{count} cases");
}

fn case_agrees(case: &Table, number: usize) -> Result<(), Error> {
    let name = case["name"].as_str().unwrap();
    let equations = read(name, case["equations"].as_str().unwrap(), standard()).unwrap();
    let objective = equations.objective.unwrap();
    let derived = derive(&equations.graph, objective, &equations.parameters(), standard()).unwrap();
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
    let request = Request { graph, outputs: &roots, updates: &[], dims: &at.dims, rows: None };
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
    let source = c99(&program, "net", &named, Real::F64)?;
    let mut main = String::from(
        "#include \"net.h\"\n#include <stdio.h>\n\nint main(void)\n{\n    net_begin();\n    \
         net_step(NET_ROWS);\n",
    );
    for (k, root) in roots.iter().enumerate() {
        main += &format!(
            "    for (size_t i = 0; i < {}; i++) printf(\"%.17g\\n\", net_o{k}()[i]);\n",
            meant[root].data.len()
        );
    }
    main += "    return 0;\n}\n";
    let files = [("net.h", source.header.as_str()), ("net.c", &source.code), ("main.c", &main)];
    let Some(said) = run(&format!("case{number}"), &files) else { return Ok(()) };
    let found: Vec<f64> = said.lines().map(|l| l.parse().unwrap()).collect();
    let wanted: Vec<f64> = roots.iter().flat_map(|r| meant[r].data.clone()).collect();
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (a, b) in found.iter().zip(&wanted) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{name}: {a} and {b}");
    }
    Ok(())
}

/// The same steps by the machine and in C, from the same weights to the same loss.
fn learns(name: &str, page: &str, x: &Matrix, y: &Matrix, rule: &str, steps: usize, below: f64) {
    let network = Network::parse("page.eq", page).unwrap();
    let weights = network.initial(1).unwrap();
    let rule = UpdateRule::named(rule).unwrap();
    let source = training(&network, &weights, name, x.rows, &rule, &[]).unwrap();
    println!(
        "{name}: {} bytes of C, {} of memory, {} of constants",
        source.code.len(),
        source.memory,
        source.constants
    );
    let (cx, cy) = (network.input, network.target);
    let array = |m: &Matrix| m.data.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let symbol = |node| matgrad_codegen::symbol(&network, node);
    let mut main = format!("#include \"{name}.h\"\n#include <stdio.h>\n#include <string.h>\n\n");
    for (letter, m) in [("x", x), ("y", y)] {
        main += &format!("static const {name}_real {letter}[] = {{{}}};\n", array(m));
    }
    main += &format!(
        "\nint main(void)\n{{\n    {name}_begin();\n    \
         memcpy({name}_{}(), x, sizeof x);\n    memcpy({name}_{}(), y, sizeof y);\n    \
         for (int i = 0; i < {steps}; i++) {name}_step({});\n    \
         printf(\"%.17g\\n\", {name}_{}()[0]);\n    return 0;\n}}\n",
        symbol(cx),
        symbol(cy),
        x.rows,
        symbol(network.objective)
    );
    let options = FitOptions { epochs: steps, precision: Precision::F64, ..FitOptions::new(rule) };
    let fit = network.fit(&weights, (x, y), None, &options).unwrap();
    let wanted = fit.map(|epoch| epoch.unwrap().train_loss).last().unwrap();
    assert!(wanted < below, "{name}: {wanted}");
    let (h, c) = (format!("{name}.h"), format!("{name}.c"));
    let files =
        [(h.as_str(), source.header.as_str()), (c.as_str(), &source.code), ("main.c", &main)];
    let Some(said) = run(name, &files) else { return };
    let found: f64 = said.trim().parse().unwrap();
    assert!((found - wanted).abs() <= 1e-6 * wanted, "{name}: {found} and {wanted}");
}

#[test]
fn xor_is_learnt_inside_c() {
    let page = Network::layers(2, 1).dense(4).loss("binary_cross_entropy").equations();
    let x = Matrix::new(4, 2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let y = Matrix::new(4, 1, vec![0.0, 1.0, 1.0, 0.0]);
    learns("xor", &page, &x, &y, "rprop", 200, 0.01);
}

#[test]
fn a_34_8_3_6_network_is_trained_inside_c() {
    // As for the dermatology table: 34 columns, 6 classes, 366 rows; here of random numbers whose
    // class is the largest of six sums.
    let mut random = Random::seed(3);
    let x = Matrix::new(366, 34, (0..366 * 34).map(|_| random.normal()).collect());
    let class = |i: usize| {
        let sum = |k: usize| x.row(i)[k * 5..k * 5 + 5].iter().sum::<f64>();
        (1..6).fold(0, |best, k| if sum(k) > sum(best) { k } else { best })
    };
    let y = Matrix::from_fn(366, 6, |i, j| f64::from(u8::from(class(i) == j)));
    let page = Network::layers(34, 6).dense(8).dense(3).activation("sigmoid");
    learns("derm", &page.loss("cross_entropy").equations(), &x, &y, "rprop", 60, 1.5);
}
