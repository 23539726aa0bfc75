//! Proofs by numbers: every op, every library function, every rule, the published identities.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use expect_test::expect;
use matgrad_calculus::check::check;
use matgrad_calculus::derive;
use matgrad_expr::dim::Symbol;
use matgrad_expr::elaborate::{Equations, read};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::library::Library;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::{Domain, Form, Op};
use matgrad_expr::print;
use matgrad_expr::syntax::ascii;
use matgrad_library::standard;

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    }

    fn matrix(&mut self, rows: usize, cols: usize, domain: Domain) -> Matrix {
        let data = (0..rows * cols).map(|_| self.next()).collect();
        let mut m = Matrix::new(rows, cols, data);
        match domain {
            Domain::Real => {}
            Domain::Positive => m.data.iter_mut().for_each(|x| *x = x.abs() + 0.4),
            Domain::Nonzero | Domain::Kinked => {
                m.data.iter_mut().for_each(|x| *x += x.signum() * 0.4);
            }
            Domain::Invertible => {
                for i in 0..rows.min(cols) {
                    m.data[i * cols + i] += 3.0;
                }
            }
        }
        m
    }
}

/// Every symbol a size of its own; every variable random numbers.
pub fn sample(graph: &Graph, domain: Domain, seed: u64) -> Bindings {
    let mut numbers = Numbers(seed);
    let dims: HashMap<Symbol, usize> =
        graph.symbols.iter().enumerate().map(|(i, (s, _))| (s, [3, 4, 2, 5][i % 4])).collect();
    let mut at = Bindings { dims, ..Bindings::default() };
    for variable in &graph.variables {
        let size = |d: matgrad_expr::dim::Dim| {
            d.evaluate(&|s| at.dims.get(&s).copied()).expect("every symbol has a size")
        };
        let value = numbers.matrix(size(variable.shape.rows), size(variable.shape.cols), domain);
        at.values.insert(variable.node, value);
    }
    at
}

fn page(text: &str) -> Equations {
    read("page.eq", text, standard()).unwrap_or_else(|e| panic!("{e}"))
}

fn holds(text: &str, domain: Domain, bound: f64) {
    let equations = page(text);
    let objective = equations.objective.expect("it has an objective");
    for seed in 1..4 {
        let at = sample(&equations.graph, domain, seed);
        let results = check(&equations.graph, objective, &equations.parameters(), &at).expect(text);
        for r in results {
            assert!(r.relative_difference <= bound, "{text}\n{}: {r:?}", r.name);
        }
    }
}

/// Entries of its gradients are small beside the objective, and known to fewer digits.
#[test]
fn a_deep_network_is_checked_by_the_digits_that_are_known() {
    let deep = |layer: &str| {
        let mut text = String::from("input X : B×4\ntarget Y : B×4\n");
        (1..=16).for_each(|k| text += &format!("param W_{k} : 4×4\n"));
        text += "A_0 = X\n";
        (1..=16)
            .for_each(|k| text += &format!("A_{k} = A_{} + {layer}(A_{} W_{k})\n", k - 1, k - 1));
        text + "minimize sum((A_16 - Y)∘²) / B"
    };
    holds(&deep("tanh"), Domain::Invertible, 1e-7);
    let wrong = "f(X) = tanh(X)\n  adjoint F: ∂X = ∂F ⊙ (1 - 0.999 F ⊙ F)\n";
    let wrong = page(&format!("{wrong}{}", deep("f")));
    let at = sample(&wrong.graph, Domain::Invertible, 1);
    let objective = wrong.objective.expect("it has an objective");
    let found = check(&wrong.graph, objective, &wrong.parameters(), &at).expect("it is checked");
    assert!(found.iter().any(|r| r.relative_difference > 1e-4), "{found:?}");
}

/// An edge at 4/9 of the step: the slopes over h, h/2 and h/4 err by 5/18, 1/18 and 0, and agree on
/// a wrong one. A gradient that is wrong there is wrong with other steps too.
#[test]
fn an_edge_that_slopes_agree_on_is_no_error() {
    let checked = |text: &str| {
        let equations = page(text);
        let mut at = Bindings::default();
        at.values.insert(equations.parameters()[0], Matrix::scalar(0.0));
        let objective = equations.objective.expect("it has an objective");
        check(&equations.graph, objective, &equations.parameters(), &at).expect(text)[0].clone()
    };
    let right = checked("param x : 1×1\nminimize relu(x - 0.004 / 9)\n");
    assert_eq!(right.relative_difference, 0.0, "{right:?}");
    let wrong = "f(X) = relu(X)\n  adjoint F: ∂X = ∂F ⊙ (X > 1)\n";
    let wrong = checked(&format!("{wrong}param x : 1×1\nminimize f(x + 0.004 / 9) + x\n"));
    assert!(wrong.relative_difference > 0.1, "{wrong:?}");
}

#[test]
fn every_op_has_the_gradient_it_states() {
    for op in Op::all() {
        let item = op.def();
        let text = match op {
            Op::MatMul => "param A : m×n\nparam B : n×k\nconst R : m×k\nminimize sum(R ⊙ (A B))",
            Op::Transpose => "param A : m×n\nconst R : n×m\nminimize sum(R ⊙ A')",
            Op::Neg => "param A : m×n\nconst R : m×n\nminimize sum(R ⊙ (-A))",
            Op::Spread(_) => {
                "param A : 1×n\nparam B : m×1\nparam c : 1×1\nconst R : m×n\nminimize sum(R ⊙ (R + A) ⊙ (R .* B) + c R)"
            }
            Op::Reshape(_) => "param A : 4×6\nconst R : 3×8\nminimize sum(R ⊙ reshape(A, 3×8))",
            Op::Slice(..) | Op::Place(..) => {
                "param A : 4×6\nconst R : 2×3\nminimize sum(R ⊙ A[2:3, 4:6] .^ 2)"
            }
            Op::Concat(_) => {
                "param A : m×3\nparam B : m×2\nparam C : m×5\nconst R : 2·m×5\nminimize sum(R ⊙ vcat(hcat(A, B), C) .^ 2)"
            }
            Op::Diag => "param A : m×1\nconst R : m×m\nminimize sum(R ⊙ diag(A))",
            Op::Diagonal => "param A : m×m\nconst R : m×1\nminimize sum(R ⊙ diag(A))",
            Op::Inv => "param A : m×m\nconst R : m×m\nminimize sum(R ⊙ inv(A))",
            Op::Add => "param A : m×n\nparam B : m×n\nconst R : m×n\nminimize sum(R ⊙ (A + B))",
            Op::Mul => "param A : m×n\nparam B : m×n\nconst R : m×n\nminimize sum(R ⊙ A ⊙ B)",
            Op::Div => "param A : m×n\nparam B : m×n\nconst R : m×n\nminimize sum(R ⊙ (A ⊘ B))",
            Op::Pow => "param A : m×n\nparam B : m×n\nconst R : m×n\nminimize sum(R ⊙ A .^ B)",
            Op::Greater | Op::GreaterEqual => {
                "param A : m×n\nconst R : m×n\nminimize sum(R ⊙ A ⊙ (A > R) ⊙ (R >= A))"
            }
            Op::Unfold(_) | Op::Fold(_) => {
                "param A : m×24\nconst R : 10·m×12\nminimize sum(R ⊙ unfold(A, 4×3×2, 2×3, stride [2 1], pad [0 1 2 3], dilation [2 1]) .^ 2) + sum(fold(unfold(A, 4×3×2, 2×2, groups 2), 4×3×2, 2×2, groups 2) .^ 3)"
            }
            Op::MaxPool(_) | Op::Unpool(_) | Op::Pick(_) => {
                "param A : m×24\nparam C : m×12\nconst R : m×12\nP = maxpool(A, 4×3×2, 3×2, stride [1 2], pad [1 0 0 1])\nminimize sum(R ⊙ P .^ 2) + sum(unpool(C, A, 4×3×2, 3×2, stride [1 2], pad [1 0 0 1]) .^ 3) + sum(pick(A, sin(A), 4×3×2, 3×2, stride [1 2], pad [1 0 0 1]) .^ 2)"
            }
            _ => "",
        };
        assert!(!text.is_empty() || item.form == Form::Call, "{} has a test", item.name);
        let generated = match item.arity {
            _ if matches!(op, Op::Det | Op::LogDet) => {
                format!("param A : m×m\nminimize {}(A)", item.name)
            }
            1 => format!("param A : m×n\nminimize sum({}(A) .^ 2)", item.name),
            _ => format!(
                "param A : m×n\nparam B : m×n\nconst R : m×n\nminimize sum(R ⊙ {}(A, B))",
                item.name
            ),
        };
        let text = if text.is_empty() { &generated } else { text };
        let domain = if matches!(op, Op::Pow) { Domain::Positive } else { item.domain };
        holds(text, domain, 1e-9);
    }
}

#[test]
fn every_activation_and_loss_has_the_right_gradient() {
    let matrix = [
        "tr",
        "mean",
        "rowmean",
        "colmean",
        "norm",
        "norm2",
        "norm1",
        "clamp",
        "adj",
        "avgpool",
        "global_avgpool",
        "global_maxpool",
        "kron",
    ];
    for function in &standard().functions {
        let name = &function.name.text;
        // A surrogate is meant to differ.
        let surrogate = function.backward.iter().any(|b| b.surrogate);
        if function.layer || surrogate || matrix.contains(&name.as_str()) {
            continue;
        }
        let needed = function.parameters.iter().filter(|p| p.default.is_none()).count();
        let call = match name.as_str() {
            "arcsin" | "arccos" => "tanh(A)",
            "root" => "exp(A)",
            _ => ["A", "A, Y", "A, Y, V"][needed - 1],
        };
        // A cost for each pair of classes, or a matrix like the others.
        let third = if name.starts_with("expected_cost") { "n×n" } else { "m×n" };
        let text = format!(
            "param A : m×n\nconst Y : m×n\nconst V : {third}\nminimize sum({name}({call}) .^ 2)"
        );
        holds(&text, Domain::Kinked, 1e-9);
    }
    for (text, domain) in [
        ("param A : m×m\nminimize tr(A A)", Domain::Real),
        ("param A : m×n\nminimize mean(A .^ 2) + norm(A) + norm1(A)", Domain::Kinked),
        ("param A : m×n\nminimize sum(rowmean(A) .^ 2) + sum(colmean(A) .^ 2)", Domain::Real),
        ("param A : m×n\nminimize sum(clamp(A, -0.7, 0.7) .^ 2)", Domain::Kinked),
        ("param A : m×m\nconst R : m×m\nminimize sum(R ⊙ adj(A))", Domain::Invertible),
        ("param A : m×n\nparam B : 2×k\nminimize sum(kron(A, B) .^ 3)", Domain::Real),
        ("param A : m×24\nminimize sum(avgpool(A, 4×3×2, 2×2, stride 1) .^ 3)", Domain::Real),
        ("param A : m×24\nminimize sum(global_avgpool(A, 4×3×2) .^ 3)", Domain::Real),
        ("param A : m×24\nminimize sum(global_maxpool(A, 4×3×2) .^ 3)", Domain::Kinked),
    ] {
        holds(text, domain, 1e-9);
    }
}

#[test]
fn every_layer_has_the_right_gradient() {
    let mut checked = Vec::new();
    for (layer, call) in [
        ("dense", "dense(X, 3)"),
        ("layer_norm", "layer_norm(X)"),
        ("residual", "residual(X)"),
        ("conv2d", "conv2d(X, 2×3×2, 2×2, 3, pad 1, stride [1 2])"),
        ("conv2d", "conv2d(X, 2×3×2, 2×2, 4, groups 2)"),
        ("batch_norm", "batch_norm(X, ε = 0.1)"),
        ("batch_norm2d", "batch_norm2d(X, 2, ε = 0.1)"),
        ("dropout", "dropout(X, 0.3)"),
        ("gaussian_noise", "gaussian_noise(X, 0.3)"),
    ] {
        let text = format!("param X : B×12\nH = {call}\nminimize sum(tanh(H) .^ 2)");
        holds(&text, Domain::Real, 1e-9);
        checked.push(layer);
    }
    let layers = standard().functions.iter().filter(|f| f.layer);
    layers.for_each(|f| assert!(checked.contains(&f.name.text.as_str()), "{}", f.name.text));
}

/// The same library with every `adjoint` taken away, so that all is derived.
fn unsealed() -> Library {
    let mut library = standard().clone();
    library.functions = library
        .functions
        .iter()
        .map(|f| {
            let mut f = f.as_ref().clone();
            f.backward.clear();
            Arc::new(f)
        })
        .collect();
    library
}

#[test]
fn every_declared_adjoint_is_the_derived_one() {
    let plain = unsealed();
    let sealed = standard().functions.iter().filter(|f| !f.backward.is_empty());
    // A surrogate is meant to differ.
    for function in sealed.filter(|f| f.backward.iter().all(|b| !b.surrogate)) {
        let name = &function.name.text;
        let needed = function.parameters.iter().filter(|p| p.default.is_none()).count();
        let square = matches!(name.as_str(), "tr" | "adj");
        let (shape, domain) =
            if square { ("m×m", Domain::Invertible) } else { ("m×n", Domain::Kinked) };
        let call = match name.as_str() {
            "clamp" => "A, -0.7, 0.7",
            "arcsin" | "arccos" => "tanh(A)",
            "root" => "exp(A)",
            _ => ["A", "A, Y", "A, Y, C"][needed - 1],
        };
        let text = format!(
            "param A : {shape}\nconst Y : m×n\nconst C : n×n\nminimize sum({name}({call}) .^ 2)"
        );
        let sealed = page(&text);
        let open = read("page.eq", &text, &plain).unwrap_or_else(|e| panic!("{e}"));
        let value = |e: &Equations| {
            let at = sample(&e.graph, domain, 7);
            let wrt = e.parameters();
            let g = derive(&e.graph, e.objective.expect("objective"), &wrt).expect(name);
            let node = g.of(wrt[0]).expect("gradient");
            evaluate(&g.graph, &[node], &at).expect(name).remove(&node).expect("its root")
        };
        close(&value(&sealed), &value(&open), 1e-12, name);
    }
}

/// What is derived of a page means the same as lines of that page, whatever names the page gave.
#[test]
fn gradients_are_read_back_by_the_page_that_has_them() {
    let layer = "input X : B×3\nparam W : 3×2\n";
    let mut said = String::new();
    for (lines, shown) in [
        ("rowsum(A) = 2 A\nexp(A) = A ⊙ A\nP = softmax(X W)\nminimize sum(P ⊙ exp(P))", "W"),
        ("Z = relu(X W)\nrelu(A) = A + 1\nminimize sum(Z ⊙ relu(Z))", "W"),
        (
            "softmax(A) = 3 A\n  adjoint C: ∂A = 3 ∂C\nZ = log_softmax(X W)\nminimize sum(Z ⊙ softmax(Z))",
            "W",
        ),
        (
            "sigmoid(A) = 1 ⊘ (1 + builtin_exp(-A))\nZ = softplus(X W)\nminimize sum(sigmoid(Z))",
            "W",
        ),
        ("rows(A) = sum(A)\nhcat(A, C) = A + C\nB = X W\nZ = B[:, 2:2]\nminimize mean(Z ⊙ Z)", "B"),
        ("reshape(A) = A\nI = [1 2; 2 4]\nminimize sum(vec(W) vec(W)' ) + tr(I W' W I)", "W"),
        (
            "norm(A) = sum(A)\nmean(A) = max(A, 0)\nmax(A, C) = A ⊙ C\nminimize norm2(mean(X W))",
            "W",
        ),
    ] {
        let text = format!("{layer}{lines}\n");
        let first = page(&text);
        let wrt = if shown == "W" {
            first.parameters()
        } else {
            first.graph.find(shown).into_iter().collect()
        };
        let found = derive(&first.graph, first.objective.expect("one"), &wrt).expect(lines);
        let name = |id: NodeId| found.graph.name(id).expect("derived by its name").text.clone();
        let last = found.of(wrt[0]).expect("derived");
        said += &format!("{}\n", print::unicode(&found.graph, last));
        for write in [print::unicode, print::ascii] {
            let all = found
                .gradients
                .iter()
                .map(|&(of, g)| format!("d_{} = {}\n", ascii(&name(of)), write(&found.graph, g)));
            let with = text.replace("minimize", &(all.collect::<String>() + "minimize"));
            let again = page(&with);
            let value = |graph: &Graph, node: NodeId| {
                let at = sample(graph, Domain::Positive, 3);
                evaluate(graph, &[node], &at).expect(lines).remove(&node).expect("its root")
            };
            let read = again.graph.find(&format!("∂{}", name(wrt[0]))).expect("it is there");
            close(&value(&again.graph, read), &value(&found.graph, last), 1e-12, &with);
        }
    }
    expect![[r#"
        Xᵀ (P ⊙ (∂P - builtin_rowsum(∂P ⊙ P)))
        Xᵀ (∂Z ⊙ (X W > 0))
        Xᵀ (∂Z - builtin_softmax(X W) ⊙ rowsum(∂Z))
        Xᵀ (∂Z ⊙ builtin_sigmoid(X W))
        builtin_hcat(0 ones(builtin_rows(X), 1), ∂Z)
        W Iᵀ Iᵀ + (builtin_reshape(2 ones(6, 6) builtin_reshape(Wᵀ, 6×1), 2×3)ᵀ + W I I)
        Xᵀ (builtin_max(X W, 0 ones(B, 2)) ⊙ (X W > 0)) / norm₂(builtin_max(X W, 0 ones(B, 2)))
    "#]]
    .assert_eq(&said);
}

fn close(a: &Matrix, b: &Matrix, bound: f64, what: &str) {
    assert_eq!((a.rows, a.cols), (b.rows, b.cols), "{what}");
    let size = b.norm().max(1e-300);
    let apart = a.data.iter().zip(&b.data).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
    assert!(apart <= bound * size.max(1.0), "{what}: {a:?} and {b:?}");
}

/// The folder of shared data sets beside the project, or a loud word that it is not there.
pub fn shared(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MATGRAD_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join("data").join(file);
    if !path.exists() {
        eprintln!("NOT CHECKED: {} is absent; set MATGRAD_SHARED", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn published_matrix_identities_hold() {
    let Some(path) = shared("matrix-identities.json") else { return };
    let text = std::fs::read_to_string(path).expect("readable");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let identities = json["identities"].as_array().expect("a list");
    assert_eq!(identities.len(), 15);
    for identity in identities {
        let (wrt, id) =
            (identity["wrt"].as_str().expect("wrt"), identity["id"].as_str().expect("id"));
        let mut declarations = String::new();
        let mut domain = Domain::Real;
        let mut shape = String::new();
        for (name, variable) in identity["vars"].as_object().expect("vars") {
            let dims: Vec<String> = variable["shape"]
                .as_array()
                .expect("shape")
                .iter()
                .map(|d| d.to_string().trim_matches('"').to_string())
                .collect();
            let role = if name == wrt { "param" } else { "const" };
            declarations += &format!("{role} {name} : {}\n", dims.join("×"));
            if name == wrt {
                shape = dims.join("×");
            }
            if variable["kind"] == "spd" || variable["kind"] == "inv" {
                domain = Domain::Invertible;
            }
        }
        let expr = identity["expr"].as_str().expect("expr");
        let expected = identity["expected"].as_str().expect("expected");
        // s10 writes products and Hadamard products side by side, left to right.
        let expected = expected.replace(
            "-X'*(y.*exp(-y.*(X*w))./(exp(-y.*(X*w))+1))",
            "-X'*((y.*exp(-y.*(X*w)))./(exp(-y.*(X*w))+1))",
        );
        let text = format!("{declarations}const R : {shape}\nE = {expected}\nminimize {expr}");
        let equations = page(&text);
        // Where the answer is a bare name, that name stays with the value.
        let wanted =
            ["E", expected.as_str()].iter().find_map(|n| equations.graph.find(n)).expect(id);
        let parameters = equations.parameters();
        let objective = equations.objective.expect("objective");
        let gradients = derive(&equations.graph, objective, &parameters).expect(id);
        let gradient = gradients.of(parameters[0]).expect(id);
        for seed in 0..3 {
            let at = sample(&gradients.graph, domain, seed);
            let values = evaluate(&gradients.graph, &[gradient, wanted], &at).expect(id);
            close(&values[&gradient], &values[&wanted], 1e-10, id);
        }
    }
}

#[test]
fn the_two_neuron_example_has_its_published_numbers() {
    let text = "input x : 1×2 \ntarget y : 1×2\nparam V : 2×2 = [0.15 0.25; 0.20 0.30]\nparam W : 2×2 = [0.40 0.50; 0.45 0.55]\nH = sigmoid(x V + 0.35)\nO = sigmoid(H W + 0.60)\nE = half_sse(O, y)\nminimize E";
    let e = page(text);
    let objective = e.objective.expect("objective");
    let wrt = e.parameters();
    let g = derive(&e.graph, objective, &wrt).expect("it derives");
    let (dv, dw) = (g.of(wrt[0]).expect("∂V"), g.of(wrt[1]).expect("∂W"));
    let mut at = Bindings::default();
    let set = |at: &mut Bindings, name: &str, rows, data: &[f64]| {
        let node = e.graph.find(name).expect(name);
        at.values.insert(node, Matrix::new(rows, 2, data.to_vec()));
    };
    set(&mut at, "x", 1, &[0.05, 0.10]);
    set(&mut at, "y", 1, &[0.01, 0.99]);
    set(&mut at, "V", 2, &[0.15, 0.25, 0.20, 0.30]);
    set(&mut at, "W", 2, &[0.40, 0.50, 0.45, 0.55]);
    let mut error = 0.0;
    for step in 0..=10_000 {
        let values = evaluate(&g.graph, &[objective, dv, dw], &at).expect("it evaluates");
        error = values[&objective].data[0];
        if step == 0 {
            assert!((error - 0.298_371_109).abs() < 5e-10, "{error}");
            assert!((values[&dw].data[0] - 0.082_167_041).abs() < 5e-10);
            assert!((values[&dv].data[0] - 0.000_438_568).abs() < 5e-10);
        }
        for (parameter, gradient) in [(wrt[0], dv), (wrt[1], dw)] {
            let weights = at.values.get_mut(&parameter).expect("set above");
            weights.data.iter_mut().zip(&values[&gradient].data).for_each(|(w, g)| *w -= 0.5 * g);
        }
        if step == 0 {
            let w = &at.values[&wrt[1]].data;
            for (w, printed) in
                w.iter().zip([0.358_916_48, 0.511_301_27, 0.408_666_186, 0.561_370_121])
            {
                assert!((w - printed).abs() < 5e-9, "{w} {printed}");
            }
        }
    }
    assert!((error - 3.510_187_782_978_851e-5).abs() < 1e-13, "{error:e}");
}
