//! The written module is run and compared with the meaning of the graph.

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;

use super::julia::JULIA;
use super::numpy::NUMPY;
use super::*;
use crate::elaborate::{Equations, read};
use crate::library::Library;
use crate::meaning::{Bindings, evaluate};

const SOFTMAX: &str = "input X : B×4\ntarget Y : B×3\nparam W : 4×3 ~ glorot\n\
    param b : 1×3 = 0\nZ = X W + b\nL = cross_entropy(Z, Y)\nminimize L\n\
    d_Z = (softmax(Z) - Y) / B\nd_W = X' d_Z\nd_b = ones' d_Z\n";

const TWO_LAYERS: &str = "input X : B×3\ntarget Y : B×2\nparam W_1 : 3×5 ~ glorot\n\
    param b_1 : 1×5 = 0.5\nparam W2 : 5×2 ~ glorot\nparam lambda : 1×1 = 0.1\n\
    A_1 = tanh(X W_1 + b_1)\nZ_2 = gelu(A_1 W2)\nL = mse(Z_2, Y) + lambda sum(W_1 .^ 2)\n\
    minimize L\n\
    d_Z_2 = 2 (Z_2 - Y) / (rows(Y) cols(Y))\nH = 0.7071067811865476 (A_1 W2)\n\
    d_H = d_Z_2 .* (0.5 (1 + erf(H)) + (A_1 W2) .* (0.3989422804014327 exp(-H .^ 2)))\n\
    d_W2 = A_1' d_H\nd_A_1 = (d_H W2') .* (1 - A_1 .^ 2)\n\
    d_W_1 = X' d_A_1 + 2 lambda W_1\nd_b_1 = colsum(d_A_1)\nd_lambda = sum(W_1 .^ 2)\n";

const OTHERS: &str = "input X : B×3\nparam S : 3×3\nparam v : 3×1\nparam c : 1×1 = -2\n\
    P = vcat(S[1:2, :], S)[2:3, :] + X[1:2, :]\nQ = diag(v) S⁻¹ + 2 I - [1 -2 3; 4 5 6; 7 8 9]\n\
    L = sum(max(P Q, 0)) + c * det(S) + logdet(S) + sum(vec(X)) / 3 + rows(X) \
    + sum(hcat(rowmax(X), rowsum(X))) + sum(reshape(S, 1×9)) + sum(X > 0) + sum(diag(S)) \
    + sum(-3 + sigmoid(X)) + sum(ones(B, 2))\nminimize L\nd_v = diag(Q) + v\nd_c = det(S)\n";

fn page(source: &str) -> (Equations, Vec<(NodeId, NodeId)>) {
    let activations = include_str!("../../../library/src/activations.eq");
    let losses = include_str!("../../../library/src/losses.eq");
    let library = Library::parse(&[("activations", activations), ("losses", losses)]).unwrap();
    let page = read("page", source, &library).unwrap_or_else(|e| panic!("{e}"));
    let gradients = page.definitions.iter().filter_map(|&id| {
        let of = page.graph.name(id)?.text.strip_prefix('∂')?.to_string();
        Some((page.graph.find(&of)?, id))
    });
    let gradients = gradients.collect();
    (page, gradients)
}

fn sample(rows: usize, cols: usize, seed: usize) -> Matrix {
    let wave = |i: usize, j: usize| ((1 + i * cols + j) as f64 * 1.7 + seed as f64).sin();
    Matrix::from_fn(rows, cols, |i, j| wave(i, j) + 2.0 * f64::from(i == j))
}

/// Runs Python; `None`, said aloud, where there is no NumPy.
fn python(program: &str) -> Option<String> {
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|o| o.status.success()) {
        let said = "NOT TESTED: there is no python3 with numpy, so no module was run\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    let mut child = Command::new("python3")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}\n{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Runs Julia; `None`, said aloud, where there is none.
fn julia(program: &str) -> Option<String> {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.ancestors().nth(3).unwrap().join("tmp");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("matgrad-{}-{program:p}.jl", std::process::id()));
    std::fs::write(&path, program).unwrap();
    let run = Command::new("julia").arg("--startup-file=no").arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = run else {
        let said = "NOT TESTED: there is no julia, so no Julia program was run\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{program}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn agrees_with_meaning(source: &str) {
    for language in [&NUMPY, &JULIA] {
        agrees_in(language, source);
    }
}

fn agrees_in(language: &Language, source: &str) {
    let is_julia = std::ptr::eq(language.none, JULIA.none);
    let (page, gradients) = page(source);
    let graph = &page.graph;
    let objective = page.objective.unwrap();
    let mut bindings = Bindings::default();
    let mut program = module(language, graph, objective, &gradients);
    program += if is_julia { "\nvalues = Dict{Symbol, Any}()\n" } else { "\nvalues = {}\n" };
    for (seed, v) in graph.variables.iter().enumerate() {
        let size = |d: Dim| d.evaluate(&|_| Some(6)).unwrap();
        let (rows, cols) = (size(v.shape.rows), size(v.shape.cols));
        let value = match &v.initial {
            Initial::Value(m) => Matrix::filled(rows, cols, m.data[0]),
            Initial::None | Initial::Draw(..) => sample(rows, cols, seed),
        };
        if !matches!(v.initial, Initial::Value(_)) {
            let array = language.matrix(&value);
            // One-dimensional arrays are accepted, and all spellings of a name.
            let key = keys(graph.name(v.node).unwrap()).into_iter().nth(seed % 2);
            let key = key.unwrap_or_else(|| key_of(graph, v.node));
            program += &match (is_julia, cols == 1) {
                (false, false) => format!("values['{key}'] = {array}\n"),
                (false, true) => format!("values['{key}'] = {array}.reshape(-1)\n"),
                (true, false) => format!("values[Symbol(\"{key}\")] = {array}\n"),
                (true, true) => format!("values[Symbol(\"{key}\")] = vec({array})\n"),
            };
        }
        bindings.set(graph, v.node, value).unwrap();
    }
    let mut roots = vec![objective];
    roots.extend(gradients.iter().map(|&(_, g)| g));
    let meant = evaluate(graph, &roots, &bindings).unwrap();
    program += match is_julia {
        false => {
            "L, G = objective_and_gradients(**values)\nassert type(L) is float\nprint(repr(L))\n"
        }
        true => {
            "L, G = objective_and_gradients(; values...)\n@assert L isa Float64\nprintln(repr(L))\n"
        }
    };
    let mut expected = meant[&objective].data.clone();
    for (of, gradient) in gradients.iter().filter(|(of, _)| graph.variable(*of).is_some()) {
        let (key, m) = (key_of(graph, *of), &meant[gradient]);
        program += &match is_julia {
            false => format!(
                "assert G['{key}'].shape == ({}, {})\n\
                 for g in G['{key}'].ravel(): print(repr(float(g)))\n",
                m.rows, m.cols
            ),
            true => format!(
                "@assert size(G[\"{key}\"]) == ({}, {})\n\
                 foreach(g -> println(repr(g)), permutedims(G[\"{key}\"]))\n",
                m.rows, m.cols
            ),
        };
        expected.extend(&m.data);
    }
    let run = if is_julia { julia } else { python };
    let Some(output) = run(&program) else { return };
    let found: Vec<f64> = output.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} is not {b}\n{program}");
    }
}

fn key_of(graph: &Graph, id: NodeId) -> String {
    key(graph.name(id).unwrap())
}

#[test]
fn softmax_regression_agrees_with_meaning() {
    agrees_with_meaning(SOFTMAX);
}

#[test]
fn two_layers_agree_with_meaning() {
    agrees_with_meaning(TWO_LAYERS);
}

#[test]
fn other_ops_agree_with_meaning() {
    agrees_with_meaning(OTHERS);
}

const PICTURES: &str = "input X : B×60\ninput Q : B×24\nparam K : 24×3\n\
    U = unfold(X, 5×4×3, 2×4, pad [0 1 2 3], stride [2 1], dilation [2 1])\nC = U K\n\
    P = maxpool(X, 5×4×3, 3×2, stride [1 2], pad [1 0 0 1])\n\
    V = unfold(X .* X, 5×4×3, 2×2, groups 3)\nL = sum(C .* C) + sum(P) + sum(V .* V) + sum(Q)\n\
    minimize L\nd_K = U' (2 C)\n\
    d_X = unpool(P, X, 5×4×3, 3×2, stride [1 2], pad [1 0 0 1]) + fold(V, 5×4×3, 2×2, groups 3) + \
    fold(U, 5×4×3, 2×4, pad [0 1 2 3], stride [2 1], dilation [2 1])\n\
    d_Q = pick(d_X, X, 5×4×3, 3×2, stride [1 2], pad [1 0 0 1])\n";

#[test]
fn pictures_agree_with_meaning() {
    agrees_with_meaning(PICTURES);
}

#[test]
fn erf_agrees_with_meaning() {
    let points = [-7.0, -3.5, -3.0, -0.3, 0.0, 1e-9, 0.9, 2.9, 3.1, 5.9, 6.0, 40.0];
    let rows = points.map(|x| NUMPY.number(x)).join(", ");
    let program = format!(
        "{}{}\nfor y in _erf(np.array([{rows}])): print(repr(float(y)))",
        NUMPY.head, NUMPY.helpers[0].1
    );
    let Some(output) = python(&program) else { return };
    for (line, x) in output.lines().zip(points) {
        let y: f64 = line.parse().unwrap();
        assert!((y - crate::ops::elementwise::erf(x)).abs() < 1e-14, "erf({x}) = {y}");
    }
    assert_eq!(output.lines().count(), points.len());
}

#[test]
fn the_module_keeps_the_names() {
    let (page, gradients) = page(SOFTMAX);
    let text = module(&NUMPY, &page.graph, page.objective.unwrap(), &gradients);
    let function = &text[text.find("def objective").unwrap()..];
    expect![[r#"
        def objective_and_gradients(**values):
            """The objective, and its gradient by each parameter."""
            X = _matrix("X", _take(values, ["X"]), None, 4)
            B = X.shape[0]
            Y = _matrix("Y", _take(values, ["Y"]), B, 3)
            W = _matrix("W", _take(values, ["W"]), 4, 3)
            b = _matrix("b", _take(values, ["b"], np.full((1, 3), 0.0)), 1, 3)
            Z = (X @ W) + b
            t1 = np.max(Z, axis=1, keepdims=True)
            t2 = np.exp((Z - t1))
            t3 = np.sum(t2, axis=1, keepdims=True)
            L = np.sum(((t1 + np.log(t3)) - np.sum((Y * Z), axis=1, keepdims=True)), keepdims=True) / float(B)
            d_Z = ((t2 / t3) - Y) / float(B)
            d_W = X.T @ d_Z
            d_b = np.sum(d_Z, axis=0, keepdims=True)
            return L.item(), {
                "W": np.array(d_W),
                "b": np.array(d_b),
            }
    "#]].assert_eq(function);
    let (page, gradients) = self::page(TWO_LAYERS);
    let text = module(&NUMPY, &page.graph, page.objective.unwrap(), &gradients);
    let function = &text[text.find("def objective").unwrap()..];
    expect![[r#"
        def objective_and_gradients(**values):
            """The objective, and its gradient by each parameter."""
            X = _matrix("X", _take(values, ["X"]), None, 3)
            B = X.shape[0]
            Y = _matrix("Y", _take(values, ["Y"]), B, 2)
            W_1 = _matrix("W_1", _take(values, ["W_1", "W1", "W₁"]), 3, 5)
            W_2 = _matrix("W2", _take(values, ["W2", "W_2", "W₂"]), 5, 2)
            b_1 = _matrix("b_1", _take(values, ["b_1", "b1", "b₁"], np.full((1, 5), 0.5)), 1, 5)
            lambda_ = _matrix("lambda", _take(values, ["lambda", "λ"], np.full((1, 1), 0.1)), 1, 1)
            A_1 = np.tanh(((X @ W_1) + b_1))
            t1 = A_1 @ W_2
            H = 0.7071067811865476 * t1
            t2 = 1.0 + _erf(H)
            Z_2 = 0.5 * (t1 * t2)
            t3 = Z_2 - Y
            d_lambda = np.sum(np.power(W_1, 2.0), keepdims=True)
            L = (np.sum(np.power(t3, 2.0), keepdims=True) / float(2 * B)) + (lambda_ * d_lambda)
            d_Z_2 = t3 / float(B)
            d_H = d_Z_2 * ((0.5 * t2) + (t1 * (0.3989422804014327 * np.exp((-np.power(H, 2.0))))))
            d_W_2 = A_1.T @ d_H
            d_A_1 = (d_H @ W_2.T) * (1.0 - np.power(A_1, 2.0))
            d_W_1 = (X.T @ d_A_1) + ((2.0 * lambda_) * W_1)
            d_b_1 = np.sum(d_A_1, axis=0, keepdims=True)
            return L.item(), {
                "W2": np.array(d_W_2),
                "W_1": np.array(d_W_1),
                "b_1": np.array(d_b_1),
                "lambda": np.array(d_lambda),
            }
    "#]]
    .assert_eq(function);
}
