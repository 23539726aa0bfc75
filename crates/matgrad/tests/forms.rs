//! The forms of a derivation agree with the matrix form, in numbers.

use std::collections::HashMap;

use expect_test::expect;
use matgrad::calculus::rewrite::Rewriter;
use matgrad::calculus::rule::Rules;
use matgrad::calculus::{Gradients, derive};
use matgrad::certificate::{self, Checking, certify};
use matgrad::data::Random;
use matgrad::expr::dim::Dim;
use matgrad::expr::elaborate::read;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::program::{self, julia::JULIA, numpy::NUMPY};
use matgrad::forms::{block::block, convolution, differential, index, jacobian, rolled, vector};
use matgrad::library::standard;

/// The derivations whose matrix form is a snapshot in the tests of `calculus`.
pub(crate) const PAGES: [(&str, &str); 10] = [
    ("linear regression", include_str!("../../../tests/derivations/linear-regression.eq")),
    ("logistic regression", include_str!("../../../tests/derivations/logistic-regression.eq")),
    ("softmax regression", include_str!("../../../tests/derivations/softmax-regression.eq")),
    ("two layers", include_str!("../../../tests/derivations/two-layers.eq")),
    ("deep tanh", include_str!("../../../tests/derivations/deep-tanh.eq")),
    ("tied autoencoder", include_str!("../../../tests/derivations/tied-autoencoder.eq")),
    ("layer normalisation", include_str!("../../../tests/derivations/layer-normalisation.eq")),
    ("residual block", include_str!("../../../tests/derivations/residual-block.eq")),
    ("ridge", include_str!("../../../tests/derivations/ridge.eq")),
    (
        "Gaussian log-likelihood",
        include_str!("../../../tests/derivations/gaussian-log-likelihood.eq"),
    ),
];

/// Pages for the ops that those do not use.
pub(crate) const LAYOUT: [(&str, &str); 4] = [
    (
        "slices and concatenation",
        "param A : 5×3\nparam B : 2×3\nminimize sum(tanh(vcat(A[2:4, :], B))) + \
         sum(hcat(A[:, 1:2], A) .^ 3)",
    ),
    ("reshape", "param A : 6×4\nminimize sum(reshape(A, 8×3) .^ 3 ⊙ reshape(exp(A), 8×3))"),
    (
        "diagonals",
        "param a : 4×1\nparam A : 4×4\nminimize sum((diag(a) A) .^ 2) + sum(diag(A) ⊙ a)",
    ),
    ("largest of rows", "param A : 4×3\nminimize sum(rowmax(A) .^ 2) + det(A' A)"),
];

const PICTURE: [(&str, &str); 1] = [(
    "convolution",
    "input X : B×36\ntarget Y : B×3\nparam K : 9×2\nparam W : 8×3\nU = unfold(X, 6×6×1, 3×3)\n\
     P = maxpool(reshape(relu(U K), rows = B), 4×4×2, 2×2)\nZ = P W\nminimize mse(Z, Y)",
)];

pub(crate) fn derived(page: &str) -> Gradients {
    let page = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let objective = page.objective.expect("the page has an objective");
    derive(&page.graph, objective, &page.parameters()).expect("it derives")
}

/// Numbers for all variables: positive, so that every logarithm has a value.
fn numbers(derived: &Gradients, seed: u64) -> Bindings {
    let graph = &derived.graph;
    let mut random = Random::seed(seed);
    let dims: HashMap<_, _> =
        graph.symbols.iter().enumerate().map(|(i, (s, _))| (s, [5, 4, 3, 2][i % 4])).collect();
    let mut at = Bindings { dims, ..Bindings::default() };
    for variable in &graph.variables {
        let size = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).expect("a number");
        let (rows, cols) = (size(variable.shape.rows), size(variable.shape.cols));
        let mut data: Vec<f64> = (0..rows * cols).map(|_| 0.1 + random.uniform()).collect();
        if rows == cols {
            (0..rows).for_each(|i| data[i * cols + i] += 3.0);
        }
        at.values.insert(variable.node, Matrix::new(rows, cols, data));
    }
    at
}

/// A program of all pages, run: for each its objective and gradients, entry by entry.
fn run(command: &str, arguments: &[&str], program: &str, ending: &str) -> Option<Vec<f64>> {
    let name = format!("matgrad-derivations-{}.{ending}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, program).expect("writable");
    let output = std::process::Command::new(command).args(arguments).arg(&path).output();
    std::fs::remove_file(&path).expect("it was written");
    let Ok(output) = output else {
        eprintln!("CHECK NOT RUN: there is no {command} to run what is written for it");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{program}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().map(|line| line.parse().expect("a number")).collect())
}

#[test]
fn the_written_programs_agree_with_the_matrix_form() {
    let (mut numpy, mut julia, mut wanted) = (String::new(), String::new(), Vec::new());
    for (_, page) in PAGES {
        let derived = derived(page);
        let at = numbers(&derived, 9);
        let graph = &derived.graph;
        numpy += &program::module(&NUMPY, graph, derived.objective, &derived.gradients);
        julia += &program::module(&JULIA, graph, derived.objective, &derived.gradients);
        numpy += "\nL, G = objective_and_gradients(**{";
        julia += "\nL, G = objective_and_gradients(; Dict{Symbol, Any}(";
        for variable in &graph.variables {
            let name = &graph.name(variable.node).expect("a name").spelling;
            let m = &at.values[&variable.node];
            let shape = (m.rows, m.cols);
            numpy += &format!("'{name}': np.array({:?}).reshape{shape:?}, ", m.data);
            julia +=
                &format!(":{name} => permutedims(reshape({:?}, {}, {})), ", m.data, m.cols, m.rows);
        }
        numpy += "})\nprint(repr(float(L)))\n";
        julia += ")...)\nprintln(L)\n";
        let mut roots = vec![derived.objective];
        for &of in &derived.wrt {
            let name = &graph.name(of).expect("a name").spelling;
            numpy += &format!("for g in G['{name}'].ravel(): print(repr(float(g)))\n");
            julia += &format!("foreach(println, permutedims(G[\"{name}\"]))\n");
            roots.push(derived.of(of).expect("a gradient"));
        }
        let meant = evaluate(graph, &roots, &at).expect("it has a value");
        wanted.extend(roots.iter().flat_map(|r| meant[r].data.clone()));
    }
    let python = std::process::Command::new("python3").args(["-c", "import numpy"]).output();
    let python = if python.is_ok_and(|o| o.status.success()) { "python3" } else { "NumPy" };
    for found in
        [run(python, &[], &numpy, "py"), run("julia", &["--startup-file=no"], &julia, "jl")]
    {
        let Some(found) = found else { continue };
        assert_eq!(found.len(), wanted.len());
        for (a, b) in found.iter().zip(&wanted) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} is not {b}");
        }
    }
}

fn apart(a: &Matrix, b: &Matrix) -> f64 {
    assert_eq!((a.rows, a.cols), (b.rows, b.cols));
    let size = a.norm().max(1.0);
    a.data.iter().zip(&b.data).map(|(x, y)| (x - y).abs() / size).fold(0.0, f64::max)
}

#[test]
fn the_index_form_by_loops_agrees_with_the_matrix_form() {
    for (name, page) in PAGES.iter().chain(&LAYOUT) {
        let derived = derived(page);
        let at = numbers(&derived, 3);
        let roots: Vec<_> = derived.gradients.iter().map(|&(_, g)| g).collect();
        let meant = evaluate(&derived.graph, &roots, &at).expect("it has a value");
        let looped = index::form(&derived).evaluate(&at).expect("it has a value");
        for root in roots {
            let difference = apart(&looped[&root], &meant[&root]);
            assert!(difference <= 1e-12, "{name}: {difference:e}\n{}", index::form(&derived));
        }
    }
}

#[test]
fn the_terms_of_every_entry_sum_to_it() {
    for (name, page) in PAGES.iter().chain(&LAYOUT) {
        let derived = derived(page);
        let at = numbers(&derived, 5);
        let roots: Vec<_> = derived.gradients.iter().map(|&(_, g)| g).collect();
        let meant = evaluate(&derived.graph, &roots, &at).expect("it has a value");
        let form = index::form(&derived);
        for &(of, gradient) in &derived.gradients {
            let left = format!("∂{}", derived.graph.name(of).expect("it has a name").text);
            let m = &meant[&gradient];
            for (i, j) in [(0, 0), (m.rows - 1, m.cols - 1)] {
                let why = form.why(&left, (i + 1, j + 1), &at, 6).expect("it has terms");
                let sum: f64 = why.terms.iter().map(|t| t.2).sum();
                let size = m.norm().max(1.0);
                assert!((sum - m.at(i, j)).abs() <= 1e-12 * size, "{name}: {why:?}");
                assert!((why.value - m.at(i, j)).abs() <= 1e-12 * size, "{name}: {why:?}");
            }
        }
    }
}

#[test]
fn every_step_of_the_proofs_holds_and_a_planted_wrong_one_is_named() {
    for (name, page) in PAGES.iter().chain(&LAYOUT) {
        let equations = read("page.eq", page, standard()).expect("a page");
        let how = Checking { seed: 1, samples: 2, directions: None };
        let found = certify(&equations, &[], how).expect("it is checked");
        assert_eq!(found.faults(1e-7), Vec::<String>::new(), "{name}");
    }
    let mut derived = derived("param A : m×n\nB = A + tanh(A)\nminimize sum(B + B + tanh(B))");
    let wrong = Rules::parse("double.wrong  A + A → 3 A", standard()).expect("a rule");
    let mut rewriter = Rewriter::new(&wrong, true);
    rewriter.rewrite(&mut derived.graph, derived.objective);
    let at = numbers(&derived, 1);
    let steps = certificate::steps(&derived.graph, &rewriter.steps, &at).expect("values");
    let named: Vec<&str> = steps.iter().filter(|s| s.3 > 1e-7).map(|s| s.0.as_str()).collect();
    assert_eq!(named, ["double.wrong"]);
}

#[test]
fn every_law_of_the_differential_proofs_holds() {
    for (name, page) in PAGES.iter().chain(&LAYOUT).chain(&PICTURE) {
        let derived = derived(page);
        let at = numbers(&derived, 8);
        let proof = differential::proof(&derived).unwrap_or_else(|e| panic!("{name}: {e}"));
        let checked = proof.check(&derived, &at).expect("it has a value");
        let found = checked.iter().filter(|c| c.0.starts_with("what stands before")).count();
        assert!(found >= derived.wrt.len(), "{name}: every gradient is found\n{proof}");
        for (law, line, difference) in checked {
            assert!(difference < 1e-12, "{name}: {law}: {line}: {difference:e}\n{proof}");
        }
    }
}

#[test]
fn the_differential_proof_of_two_layers() {
    expect![[r#"
        L = half_sse(A₂, Y)
            dL
          = ⟨(A₂ - Y) / B, dA₂⟩                               adjoint of half_sse: ∂A = ∂L ((A - Y) / rows(A))

        A₂ = sigmoid(Z₂)
            ⟨∂A₂, dA₂⟩
          = ⟨∂A₂, dZ₂ ⊙ A₂ ⊙ (1 - A₂)⟩                        dC = dA ⊙ C ⊙ (1 - C) for C = sigmoid(A)
          = ⟨∂A₂ ⊙ A₂ ⊙ (1 - A₂), dZ₂⟩                        ⟨G, S ⊙ A⟩ = ⟨S ⊙ G, A⟩

        Z₂ = A₁ W₂ + b₂
            ⟨∂Z₂, dZ₂⟩
          = ⟨∂Z₂, d(A₁ W₂)⟩ + ⟨∂Z₂, d(𝟏 b₂)⟩                  d(A + B) = dA + dB
          = ⟨∂Z₂, d(A₁ W₂)⟩ + ⟨∂Z₂, 𝟏 db₂⟩                    d(𝟏 a) = 𝟏 da
          = ⟨∂Z₂, d(A₁ W₂)⟩ + ⟨𝟏ᵀ ∂Z₂, db₂⟩                   ⟨G, 𝟏 a⟩ = ⟨𝟏ᵀ G, a⟩
          = ⟨∂Z₂, dA₁ W₂⟩ + ⟨∂Z₂, A₁ dW₂⟩ + ⟨𝟏ᵀ ∂Z₂, db₂⟩     d(A B) = dA B + A dB
          = ⟨∂Z₂ W₂ᵀ, dA₁⟩ + ⟨A₁ᵀ ∂Z₂, dW₂⟩ + ⟨𝟏ᵀ ∂Z₂, db₂⟩   ⟨G, A B⟩ = ⟨G Bᵀ, A⟩ = ⟨Aᵀ G, B⟩

        A₁ = sigmoid(Z₁)
            ⟨∂A₁, dA₁⟩
          = ⟨∂A₁, dZ₁ ⊙ A₁ ⊙ (1 - A₁)⟩                        dC = dA ⊙ C ⊙ (1 - C) for C = sigmoid(A)
          = ⟨∂A₁ ⊙ A₁ ⊙ (1 - A₁), dZ₁⟩                        ⟨G, S ⊙ A⟩ = ⟨S ⊙ G, A⟩

        Z₁ = X W₁ + b₁
            ⟨∂Z₁, dZ₁⟩
          = ⟨∂Z₁, d(X W₁)⟩ + ⟨∂Z₁, d(𝟏 b₁)⟩                   d(A + B) = dA + dB
          = ⟨∂Z₁, d(X W₁)⟩ + ⟨∂Z₁, 𝟏 db₁⟩                     d(𝟏 a) = 𝟏 da
          = ⟨∂Z₁, d(X W₁)⟩ + ⟨𝟏ᵀ ∂Z₁, db₁⟩                    ⟨G, 𝟏 a⟩ = ⟨𝟏ᵀ G, a⟩
          = ⟨∂Z₁, X dW₁⟩ + ⟨𝟏ᵀ ∂Z₁, db₁⟩                      d(A B) = dA B + A dB
          = ⟨Xᵀ ∂Z₁, dW₁⟩ + ⟨𝟏ᵀ ∂Z₁, db₁⟩                     ⟨G, A B⟩ = ⟨G Bᵀ, A⟩ = ⟨Aᵀ G, B⟩
    "#]]
    .assert_eq(&differential::proof(&derived(PAGES[3].1)).expect("a proof").to_string());
}

/// A rule of layer l as it stands for one layer, by the names of the page.
fn unrolled(text: &str, layer: i64, names: &[(String, String)]) -> String {
    let small = |n: i64| -> String {
        let digit = |c: char| char::from_u32('₀' as u32 + c as u32 - '0' as u32).expect("a digit");
        n.to_string().chars().map(digit).collect()
    };
    let text = text.replace("ₗ₋₁", &small(layer - 1)).replace("ₗ₊₁", &small(layer + 1));
    names.iter().fold(text.replace('ₗ', &small(layer)), |text, (name, of)| text.replace(name, of))
}

#[test]
fn a_recurrence_unrolled_is_the_derivation() {
    let builder = matgrad::Network::layers(4, 3);
    let builder = (0..6).fold(builder, |builder, _| builder.dense(5)).activation("relu");
    let layers = builder.loss("cross_entropy").equations();
    for (page, many) in [(layers.as_str(), 4), (PAGES[3].1, 3), (PAGES[4].1, 1)] {
        let derived = derived(page);
        let found = rolled::rolled(&derived).expect("there are equal layers");
        let lines = derived.to_string();
        let wanted: Vec<&str> = lines.lines().filter_map(|l| l.split("   ").next()).collect();
        let mut written = Vec::new();
        for rule in &found.backward {
            match rule.layers {
                Some((first, last)) => {
                    written.extend((first..=last).map(|l| unrolled(&rule.text, l, &found.names)));
                }
                None => written.push(unrolled(&rule.text, 0, &found.names)),
            }
        }
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all
        };
        let wanted = sorted(wanted.into_iter().map(String::from).collect());
        assert_eq!(sorted(written), wanted, "{}", found.document());
        let rolled = found.backward.iter().filter(|r| r.layers.is_some()).count();
        assert_eq!(rolled, many, "{}", found.document());
    }
    let none = rolled::rolled(&derived(PAGES[7].1)).expect_err("no numbers");
    assert!(none.contains("no two layers"), "{none}");
}

#[test]
fn an_entry_of_what_no_sum_says_is_that_of_its_equation() {
    let page = "input X : B×16\nparam K : 16×16\nP = maxpool(X K, 4×4×1, 2×2)\nminimize sum(P ⊙ P)";
    expect![[r#"
        Pᵢⱼ = (maxpool(X K, 4×4×1, 2×2))ᵢⱼ              i = 1…B, j = 1…4
        objective = Σₖ Σₗ Pₖₗ Pₖₗ                       k = 1…B, l = 1…4

        ∂Pᵢⱼ = 2 Pᵢⱼ                                    i = 1…B, j = 1…4
        ∂Kᵢⱼ = Σₖ Xₖᵢ (unpool(∂P, X K, 4×4×1, 2×2))ₖⱼ   i = 1…16, j = 1…16, k = 1…B
    "#]]
    .assert_eq(&index::form(&derived(page)).to_string());
}

#[test]
fn integrated_gradients_sum_to_the_difference_of_the_scores() {
    let network = matgrad::Network::layers(3, 2).dense(5).loss("cross_entropy");
    let network = matgrad::Network::parse("net.eq", &network.equations()).expect("a network");
    let weights = network.initial(2).expect("weights");
    let x = Matrix::new(1, 3, vec![0.5, -1.5, 2.0]);
    let c = matgrad::explain::contributions(&network, &weights, &x, 1).expect("contributions");
    let sum: f64 = c.integrated.iter().sum();
    assert!((sum - (c.score - c.baseline)).abs() < 1e-5, "{c:?}");
    assert!(c.integrated.iter().zip(&c.gradient_times_input).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn the_vec_form_agrees_with_the_matrix_form() {
    let mut compared = 0;
    for (name, page) in PAGES.iter().chain(&LAYOUT) {
        let derived = derived(page);
        let at = numbers(&derived, 4);
        let found = vector::form(&derived).evaluate(&at).expect("it has a value");
        let roots: Vec<_> = derived.gradients.iter().map(|&(_, g)| g).collect();
        let meant = evaluate(&derived.graph, &roots, &at).expect("it has a value");
        for (gradient, vec) in found {
            let m = &meant[&gradient];
            let columns: Vec<f64> =
                (0..m.cols).flat_map(|j| (0..m.rows).map(move |i| m.at(i, j))).collect();
            let vec = Matrix::new(1, vec.len(), vec);
            let difference = apart(&vec, &Matrix::new(1, columns.len(), columns));
            assert!(difference <= 1e-12, "{name}: {difference:e}\n{}", vector::form(&derived));
            compared += 1;
        }
    }
    assert!(compared >= 18, "{compared} gradients are made of Jacobians");
}

#[test]
fn the_vec_form_of_two_layers() {
    expect![[r#"
        vec(∂A₂) = vec((A₂ - Y) / B)
        vec(∂Z₂) = diag(vec(A₂ ⊙ (1 - A₂)))ᵀ vec(∂A₂)
        vec(∂A₁) = (W₂ᵀ ⊗ I_B)ᵀ vec(∂Z₂)
        vec(∂Z₁) = diag(vec(A₁ ⊙ (1 - A₁)))ᵀ vec(∂A₁)
        vec(∂W₁) = (I_m ⊗ X)ᵀ vec(∂Z₁)
        vec(∂b₁) = (I_m ⊗ 𝟏_B)ᵀ vec(∂Z₁)
        vec(∂W₂) = (I_p ⊗ A₁)ᵀ vec(∂Z₂)
        vec(∂b₂) = (I_p ⊗ 𝟏_B)ᵀ vec(∂Z₂)
    "#]]
    .assert_eq(&vector::form(&derived(PAGES[3].1)).to_string());
}

#[test]
fn block_forms_are_the_jacobians() {
    let page = "input X : B×3\nparam W : 3×2\nparam b : 1×2\nparam S : 3×3\nZ = X W + b\n\
                A = sigmoid(Z)\nR = A W' + X inv(S)\nQ = rowsum(R ⊙ X) (A[:, 1:1])'\n\
                N = relu(-2 Z) ⊘ A\nminimize sum(A)";
    let derived = derived(page);
    let at = numbers(&derived, 7);
    let graph = &derived.graph;
    let node = |name: &str| graph.find(name).expect("a name of the page");
    for (to, from) in [
        ("Z", "W"),
        ("Z", "b"),
        ("Z", "X"),
        ("A", "W"),
        ("R", "W"),
        ("R", "S"),
        ("R", "X"),
        ("N", "W"),
    ] {
        let block = block(graph, node(to), node(from), &Default::default()).expect("a form");
        let back = jacobian::pullback(graph, node(to), node(from), "T").expect("it derives");
        let numbers = back.jacobian(&at).expect("numbers");
        let block_numbers = block.evaluate(&at).expect("numbers").expect("not the identity");
        let difference = apart(&block_numbers, &numbers);
        assert!(difference <= 1e-12, "∂{to}/∂{from}: {difference:e} {}", block.show(false));
    }
    // The page has an S.
    let back = jacobian::pullback(graph, node("Z"), node("W"), "S").expect("it derives");
    assert_eq!(back.to_string(), "Jᵀ S₁ = Xᵀ S₁\n");
    let none = block(graph, node("Q"), node("W"), &Default::default()).expect_err("a slice");
    assert!(none.contains("slice"), "{none}");
    let show = |to, from| {
        block(graph, node(to), node(from), &Default::default()).expect("a form").show(false)
    };
    expect![[r#"
        (I_2 ⊗ X)
        diag(vec(∂Z)) (Wᵀ ⊗ I_B)
        (W ⊗ I_B) diag(vec(∂Z)) (I_2 ⊗ X) + (I_3 ⊗ A) K_3,2
        -(I_3 ⊗ X) ((S⁻¹)ᵀ ⊗ (S⁻¹))"#]]
    .assert_eq(&[show("Z", "W"), show("A", "X"), show("R", "W"), show("R", "S")].join("\n"));
}

#[test]
fn the_hessian_is_the_slope_of_the_gradient() {
    for (name, page) in [PAGES[1], PAGES[2], PAGES[3], PAGES[5], PAGES[9]] {
        let derived = derived(page);
        let at = numbers(&derived, 6);
        for &of in &derived.wrt {
            let (graph, gradient) = jacobian::second(&derived, of).expect("a graph");
            let back = jacobian::pullback(&graph, gradient, of, "V").expect("it derives");
            let hessian = back.jacobian(&at).expect("numbers");
            // The slope of the first column by central differences.
            let mut moved = at.clone();
            let mut slope = |h: f64| {
                moved.values.insert(of, at.values[&of].clone());
                moved.values.get_mut(&of).expect("a parameter").data[0] += h;
                let found = evaluate(&graph, &[gradient], &moved).expect("it has a value");
                found[&gradient].clone()
            };
            let (right, left) = (slope(1e-5), slope(-1e-5));
            for i in 0..hessian.rows {
                let (r, c) = (i % right.rows, i / right.rows);
                let numeric = (right.at(r, c) - left.at(r, c)) / 2e-5;
                let exact = hessian.at(i, 0);
                assert!((numeric - exact).abs() < 1e-7 * (1.0 + exact.abs()), "{name}: {i}");
                assert!((exact - hessian.at(0, i)).abs() < 1e-10 * (1.0 + exact.abs()));
            }
        }
    }
}

/// A convolution of its own on each picture: shape of the picture, of the window, how it moves.
const CONVOLUTIONS: [&str; 8] = [
    "6×6×1, 3×3",
    "6×5×2, 3×2, pad 1",
    "7×6×2, 3×3, stride 2",
    // The last rows and columns are seen by no window.
    "8×9×3, 3×2, stride [2 3], pad [1 0 0 1]",
    "7×8×2, 2×3, dilation [3 2], pad 2",
    "9×9×2, 3×3, stride 2, pad 2, dilation 2",
    "5×6×6, 2×3, stride 2, pad 1, groups 3",
    "4×4×3, 1×1",
];

#[test]
fn the_flipped_kernel_gives_what_fold_gives() {
    for window in CONVOLUTIONS {
        let sides: Vec<usize> =
            window.split([',', '×', ' ']).filter_map(|n| n.parse().ok()).collect();
        let columns: usize = sides[..3].iter().product();
        let taps = sides[2] * sides[3] * sides[4];
        let page = format!(
            "param X : B×{columns}\nparam K : {taps}×4\nU = unfold(X, {window})\nZ = U K\n\
             L = sum(sin(Z) .^ 2)\nminimize L"
        );
        let derived = derived(&page);
        let form = convolution::form(&derived);
        assert_eq!(form.each.len(), 1, "{window}: {form}");
        let at = self::numbers(&derived, 2);
        let one = &form.each[0];
        let found = evaluate(&form.graph, &[one.gradient, one.flipped], &at).expect("values");
        let difference = apart(&found[&one.gradient], &found[&one.flipped]);
        assert!(difference <= 1e-12, "{window}: {difference:e}\n{form}");
        assert!(found[&one.gradient].norm() > 1e-3, "{window}");
    }
    let page = "param X : B×49\nparam K : 9×2\nU = unfold(X, 7×7×1, 3×3, stride 2)\nZ = U K\n\
                minimize sum(tanh(Z))";
    expect![[r#"
            ∂X = fold(∂U, 7×7×1, 3×3, stride 2)
          = reshape(unfold(fold(∂Z, 5×5×2, 1×1, stride 2), 5×5×2, 3×3, pad 2) flip(K), B×49)   the delta dilated, padded
        flip(K): the kernels turned by half a turn, input and output channels changed over
    "#]].assert_eq(&convolution::form(&derived(page)).to_string());
    // A multiple of the product.
    let derived =
        derived("param X : 2×9\nparam K : 4×2\nminimize -sum((unfold(X, 3×3×1, 2×2) K) .^ 3)");
    let (form, at) = (convolution::form(&derived), self::numbers(&derived, 2));
    let found = evaluate(&form.graph, &[form.each[0].gradient, form.each[0].flipped], &at);
    let found = found.expect("values");
    assert!(apart(&found[&form.each[0].gradient], &found[&form.each[0].flipped]) <= 1e-12);
    // Padding that is wider than the window has no such form.
    let page = "param X : B×4\nparam K : 1×2\nminimize sum(tanh(unfold(X, 2×2×1, 1×1, pad 1) K))";
    assert!(convolution::form(&self::derived(page)).each.is_empty());
}
