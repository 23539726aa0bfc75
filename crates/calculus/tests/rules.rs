//! Update rules against PyTorch, Keras and transcriptions with conditionals, in f64.

use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::evaluate;

use crate::optimizers::{Step, close, json, numbers, training};

const ROSENBROCK: &str = "param a = -1.5\nparam b = 2\nminimize (1 - a)^2 + 100 (b - a^2)^2";

/// Parameters after some steps; later, rounding alone moves the path.
fn follows(training: &mut Step, sequence: &[(usize, [f64; 2])], what: &str) {
    let mut t = 0;
    for (until, wanted) in sequence {
        while t < *until {
            t += 1;
            training.go(t);
        }
        let bound = if t <= 50 { 1e-12 } else { 1e-8 };
        close(&training.parameters(&["a", "b"]), wanted, bound, &format!("{what} after {t}"));
    }
}

/// PyTorch 1.13 in float64 on Rosenbrock's function from (-1.5, 2), each with weight decay 0.01.
#[test]
fn rules_follow_pytorch() {
    let adadelta = [
        (1, [-1.4984188611702447, 2.0015811388269196]),
        (2, [-1.4968166294215768, 2.003183519465045]),
        (5, [-1.4920461620194045, 2.007955183032318]),
        (50, [-1.4466787711240472, 2.052405730657759]),
        (200, [-1.3865542783759166, 1.930684096547927]),
    ];
    let adamax = [
        (1, [-1.4500000000032256, 2.049999999989996]),
        (2, [-1.42028249336922, 2.0792311750967674]),
        (5, [-1.4020918406235263, 2.09156429861791]),
        (50, [-1.4093749950800514, 1.9977009424427756]),
        (200, [-1.3337705437012586, 1.7850230847208322]),
    ];
    for (rule, rate, sequence) in [("adadelta", 0.5, adadelta), ("adamax", 0.05, adamax)] {
        let mut training = training(ROSENBROCK, rule, &[("η", rate), ("λ", 0.01)]);
        follows(&mut training, &sequence, rule);
    }
}

/// Keras' own tests: ten weights that are 1, gradients 0.01, then four times 0.1 … 1.
#[test]
fn rules_follow_keras() {
    let Some(file) = json("optimizers/keras-golden.json") else { return };
    let page = "param x : 1×10 = 1\nconst g : 1×10\nminimize sum(g ⊙ x)";
    for (golden, rule, settings) in [
        (
            "Nadam(lr=0.5,beta1=0.5,beta2=0.67,eps=1e-5)",
            "nadam",
            vec![("η", 0.5), ("β₁", 0.5), ("β₂", 0.67), ("ε", 1e-5), ("ψ", 1.0)],
        ),
        (
            "Adamax(lr=0.2,beta1=0.85,beta2=0.95,eps=1e-6)",
            "adamax",
            vec![("η", 0.2), ("β₁", 0.85), ("β₂", 0.95), ("ε", 1e-6)],
        ),
        (
            "Adadelta(lr=1.0,rho=0.8,eps=1e-6)",
            "adadelta",
            vec![("η", 1.0), ("ρ", 0.8), ("ε", 1e-6)],
        ),
    ] {
        let mut training = training(page, rule, &settings);
        let gradient = training.graph.find("g").expect("declared");
        for (i, wanted) in file["sequences"][golden].as_array().expect(golden).iter().enumerate() {
            let entry = |j: usize| if i == 0 { 0.01 } else { 0.1 * (j + 1) as f64 };
            let value = Matrix::from_fn(1, 10, |_, j| entry(j));
            training.at.values.insert(gradient, value);
            training.go(i + 1);
            close(&training.parameters(&["x"]), &numbers(wanted), 5e-4, golden);
        }
    }
}

const WAVES: &str = "param a = -1.5\nparam b = 2\nminimize (a - 1)^2 + b^2 + sin(2 a) + sin(3 b)";

/// Steps of a rule that is given weight and gradient, on [`WAVES`].
fn sequence(mut rule: impl FnMut(usize, f64, f64) -> f64) -> Vec<(usize, [f64; 2])> {
    let (mut a, mut b): (f64, f64) = (-1.5, 2.0);
    (1..=100)
        .map(|t| {
            let (da, db) =
                (2.0 * (a - 1.0) + 2.0 * (2.0 * a).cos(), 2.0 * b + 3.0 * (3.0 * b).cos());
            (a, b) = (rule(0, a, da), rule(1, b, db));
            (t, [a, b])
        })
        .collect()
}

/// `torch.optim.NAdam` of PyTorch 2 (PyTorch 1 multiplies one momentum twice into the product).
#[test]
fn nadam_is_that_of_pytorch() {
    let (mut m, mut v, mut product) = ([0.0f64; 2], [0.0f64; 2], [1.0f64; 2]);
    let mut steps = [0; 2];
    let wanted = sequence(|i, w, g| {
        steps[i] += 1;
        let t = f64::from(steps[i]);
        let g = g + 0.01 * w;
        let momentum = |t: f64| 0.9 * (1.0 - 0.5 * 0.96f64.powf(t * 4e-3));
        let (mu, next) = (momentum(t), momentum(t + 1.0));
        product[i] *= mu;
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        let size = (v[i] / (1.0 - 0.999f64.powf(t))).sqrt() + 1e-8;
        let by_gradient = 0.05 * (1.0 - mu) / (1.0 - product[i]) * g / size;
        w - by_gradient - 0.05 * next / (1.0 - product[i] * next) * m[i] / size
    });
    let mut training = training(WAVES, "nadam", &[("η", 0.05), ("λ", 0.01)]);
    follows(&mut training, &wanted, "nadam");
}

/// Chen et al. 2023, algorithm 2.
#[test]
fn lion_is_its_algorithm() {
    let (mut m, rate, decay) = ([0.0f64; 2], 0.01, 0.1);
    let wanted = sequence(|i, w, g| {
        let c = 0.9 * m[i] + 0.1 * g;
        m[i] = 0.99 * m[i] + 0.01 * g;
        let sign = if c > 0.0 { 1.0 } else { -1.0 };
        w - rate * (sign + decay * w)
    });
    let mut training = training(WAVES, "lion", &[("η", rate), ("λ", decay)]);
    follows(&mut training, &wanted, "lion");
}

/// `fann_update_weights_quickprop` of FANN 2.2, branch by branch.
#[test]
fn quickprop_is_that_of_fann() {
    let (rate, mu, decay) = (0.01, 1.75, -1e-4);
    let shrink = mu / (1.0 + mu);
    let (mut steps, mut slopes) = ([0.0f64; 2], [0.0f64; 2]);
    let mut branches = [0; 4];
    let wanted = sequence(|i, w, g| {
        let (last, before) = (steps[i], slopes[i]);
        let slope = -g + decay * w;
        let mut step = 0.0;
        if last > 0.001 {
            if slope > 0.0 {
                step += rate * slope;
            }
            if slope > shrink * before {
                step += mu * last;
                branches[0] += 1;
            } else {
                step += last * slope / (before - slope);
                branches[1] += 1;
            }
        } else if last < -0.001 {
            if slope < 0.0 {
                step += rate * slope;
            }
            if slope < shrink * before {
                step += mu * last;
                branches[2] += 1;
            } else {
                step += last * slope / (before - slope);
                branches[3] += 1;
            }
        } else {
            step += rate * slope;
        }
        (steps[i], slopes[i]) = (step, slope);
        w + step
    });
    assert!(branches.iter().all(|&taken| taken > 1), "every branch is taken: {branches:?}");
    let mut training = training(WAVES, "quickprop", &[("η", rate)]);
    follows(&mut training, &wanted, "quickprop");
}

/// What Rprop does with a clamp is what the helpers do one after the other: the larger steps are
/// cut where the sign stayed, the smaller ones where it changed.
#[test]
fn helpers_of_rprop_are_its_clamp() {
    let page = "const U : 4×5\nconst D : 4×5\nconst G : 4×5
H = separate_by_sign(D)
P = H[:, 1:5]
N = H[:, 6:10]
V = U ⊙ (1 + 0.2 P - 0.5 N)
A = clamp(V, 0.2, 0.9)
B = max_where_nonzero(min_where_nonzero(V, 0.9, P), 0.2, N)
C = zero_where_negative(G, D)
E = G ⊙ (1 - N)
F = P - N";
    let equations = matgrad_expr::elaborate::read("page", page, matgrad_library::standard())
        .unwrap_or_else(|e| panic!("{e}"));
    let node = |name: &str| equations.graph.find(name).expect(name);
    let wave = |i: usize, j: usize| ((i * 5 + j) as f64 * 1.3).sin();
    let mut at = matgrad_expr::meaning::Bindings::default();
    at.values.insert(node("U"), Matrix::from_fn(4, 5, |i, j| 0.55 + 0.35 * wave(i, j)));
    at.values.insert(node("D"), Matrix::from_fn(4, 5, |i, j| ((i + j) % 3) as f64 - 1.0));
    at.values.insert(node("G"), Matrix::from_fn(4, 5, |i, j| wave(j, i)));
    let names = ["A", "B", "C", "E", "D", "F", "V"].map(node);
    let values = evaluate(&equations.graph, &names, &at).expect("all is given");
    let [a, b, c, e, d, f, v] = names.map(|n| values[&n].data.as_slice());
    assert!(a.iter().zip(v).any(|(a, v)| a < v) && a.iter().zip(v).any(|(a, v)| a > v));
    close(a, b, 0.0, "the update matrix");
    close(c, e, 0.0, "the meta-gradient matrix");
    close(d, f, 0.0, "the decision matrix");
}
