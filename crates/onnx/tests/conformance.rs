//! The single-node tests of ONNX itself: which pass, which are refused and why.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::{Engine, Precision};
use matgrad_onnx::border::Border;
use matgrad_onnx::proto::{ModelProto, TensorProto, data_type};
use matgrad_onnx::{Error, equations};
use prost::Message;

/// The folder of shared data, or `None` with a loud word.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MATGRAD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join("data").join(name);
    if !path.is_dir() {
        eprintln!("CHECK NOT RUN: {} is not there (set MATGRAD_SHARED)", path.display());
        return None;
    }
    Some(path)
}

/// The numbers of a file of the tests.
pub fn numbers(path: &Path) -> Vec<f64> {
    let proto = TensorProto::decode(std::fs::read(path).unwrap().as_slice()).unwrap();
    let raw = proto.raw_data.as_deref().unwrap_or_default();
    match proto.data_type() {
        1 if proto.float_data.is_empty() => {
            raw.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()
        }
        1 => proto.float_data.iter().map(|&x| x.into()).collect(),
        7 if proto.int64_data.is_empty() => {
            raw.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
        }
        7 => proto.int64_data.iter().map(|&x| x as f64).collect(),
        11 if proto.double_data.is_empty() => {
            raw.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        }
        11 => proto.double_data.clone(),
        9 => raw.iter().map(|&b| b.into()).collect(),
        other => panic!("{}: type {other}", path.display()),
    }
}

/// Entries in the order of the file to the order of the page.
pub fn turned(border: &Border, data: &[f64]) -> Vec<f64> {
    let dims: Vec<usize> = border.dims.iter().map(|d| d.unwrap()).collect();
    let rank = dims.len();
    let mut out = Vec::with_capacity(data.len());
    let mut at = vec![0; rank];
    for _ in 0..data.len() {
        let mut place = 0;
        for (axis, dim) in dims.iter().enumerate() {
            let k = border.order.iter().position(|&o| o == axis).unwrap();
            place = place * dim + at[k];
        }
        out.push(data[place]);
        for k in (0..rank).rev() {
            at[k] += 1;
            if at[k] < dims[border.order[k]] {
                break;
            }
            at[k] = 0;
        }
    }
    out
}

fn close(found: &[f64], wanted: &[f64]) -> Result<(), String> {
    if found.len() != wanted.len() {
        return Err(format!("{} entries, not {}", found.len(), wanted.len()));
    }
    for (a, b) in found.iter().zip(wanted) {
        let near = (a - b).abs() <= 1e-7 + 1e-3 * b.abs() || a == b || (a.is_nan() && b.is_nan());
        if !near {
            return Err(format!("{a}, not {b}"));
        }
    }
    Ok(())
}

/// `Ok(None)` when it passes, `Ok(Some(why))` when it is refused.
fn run(folder: &Path) -> Result<Option<String>, String> {
    let data = folder.join("test_data_set_0");
    let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
    // Whole numbers that come in are shapes and axes, which networks have as constants.
    let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut files = HashMap::new();
    for (i, input) in graph.input.iter().enumerate() {
        let path = data.join(format!("input_{i}.pb"));
        let mut proto = TensorProto::decode(std::fs::read(&path).unwrap().as_slice()).unwrap();
        files.insert(input.name().to_string(), path);
        if proto.data_type() == data_type::INT64 && i > 0 {
            proto.name = input.name.clone();
            graph.initializer.push(proto);
        }
    }
    let bytes = model.encode_to_vec();
    let read = match equations(&bytes, None) {
        Err(Error::Refused { op, why, .. }) => return Ok(Some(format!("{op}: {why}"))),
        Err(Error::File(why)) => return Ok(Some(why)),
        Err(e) => return Err(e.to_string()),
        Ok(read) => read,
    };
    for k in 0..read.outputs.len() {
        let border = &read.outputs[k];
        let wanted = numbers(&data.join(format!("output_{k}.pb")));
        let wanted = turned(border, &wanted);
        let Some((page, node)) = read.output(k).map_err(|e| format!("{e}\n{}", read.page))? else {
            close(border.known.as_deref().unwrap(), &wanted)?;
            continue;
        };
        let graph = &page.graph;
        let mut at = Bindings::default();
        for border in &read.inputs {
            let values = turned(border, &numbers(&files[&border.tensor]));
            let variable = graph.find(&border.name).unwrap();
            let cols = graph.shape(variable).cols.number().unwrap() as usize;
            at.set(graph, variable, Matrix::new(values.len() / cols, cols, values))?;
        }
        for (name, matrix) in &read.weights {
            at.set(graph, graph.find(name).unwrap(), matrix.clone())?;
        }
        let meant = evaluate(graph, &[node], &at)?.remove(&node).unwrap();
        close(&meant.data, &wanted).map_err(|e| format!("{e} (meaning)\n{}", read.page))?;
        let engine = Engine::new(graph, &[node], &[], &at.dims, None, Precision::F64);
        let mut engine = engine.map_err(|e| e.to_string())?;
        for (variable, value) in &at.values {
            engine.write(*variable, &value.data).map_err(|e| e.to_string())?;
        }
        engine.step();
        let ran = engine.read(node).map_err(|e| e.to_string())?;
        close(&ran, &wanted).map_err(|e| format!("{e} (program)\n{}", read.page))?;
    }
    Ok(None)
}

#[test]
fn single_nodes_pass_or_are_refused_by_name() {
    let Some(folder) = shared("onnx-conformance/node") else { return };
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut passed: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused = String::new();
    let mut failed = String::new();
    let mut count = 0;
    for name in &names {
        match run(&folder.join(name)) {
            Ok(None) => {
                count += 1;
                let word = name.trim_start_matches("test_").split('_').next().unwrap();
                *passed.entry(word.into()).or_default() += 1;
            }
            Ok(Some(why)) => writeln!(refused, "| {name} | {why} |").unwrap(),
            Err(why) => writeln!(failed, "{name}: {why}").unwrap(),
        }
    }
    let words: Vec<String> = passed.iter().map(|(word, n)| format!("{word} {n}")).collect();
    let table = format!(
        "# ONNX conformance\n\nThe single-node tests of onnx 1.17.0 that concern feed-forward and \
         convolutional networks,\nread as equations, by the plain meaning and by the compiled \
         program, within ONNX's own\ntolerance (1e-3 relative, 1e-7 absolute). This page is \
         written by\n`UPDATE_EXPECT=1 cargo test -p matgrad-onnx --test all -- conformance`, and \
         held against the tests by\nthe same command without it.\n\n{count} of {} pass: {}.\n\n| \
         refused | why |\n\
         |---|---|\n{refused}",
        names.len(),
        words.join(", ")
    );
    assert_eq!(failed, "", "{failed}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/onnx-conformance.md");
    let stands = std::fs::read_to_string(&page).unwrap_or_default();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&page, &table).unwrap();
    } else {
        assert_eq!(
            stands, table,
            "run again with UPDATE_EXPECT=1 to write docs/onnx-conformance.md"
        );
    }
}
