//! Times of steps, epochs, loading and starting.
//!
//! `cargo bench -p matgrad` times all; `cargo bench -p matgrad -- WORD` those with the word in their
//! name. `count NAME [STEPS]` runs ten steps, or so many, in [`counted`], for
//! `.ci/instructions` to count.

use std::hint::black_box;
use std::time::Instant;

use matgrad::data::{ReadOptions, read_bytes};
use matgrad::expr::matrix::Matrix;
use matgrad::{
    Around, Batch, FitOptions, Network, Precision, Predictor, Rows, TrainingStep, UpdateRule,
};

/// A network with its loss, the rows of a step, and the update rule.
struct Case {
    name: &'static str,
    widths: &'static [usize],
    activation: &'static str,
    loss: &'static str,
    rows: usize,
    rule: &'static str,
}

const CASES: [Case; 6] = [
    Case {
        name: "2-2-2",
        widths: &[2, 2, 2],
        activation: "sigmoid",
        loss: "half_sse",
        rows: 1,
        rule: "sgd",
    },
    Case {
        name: "34-8-3-6-rprop",
        widths: &[34, 8, 3, 6],
        activation: "sigmoid",
        loss: "cross_entropy",
        rows: 366,
        rule: "rprop",
    },
    Case {
        name: "34-8-3-6-adam",
        widths: &[34, 8, 3, 6],
        activation: "sigmoid",
        loss: "cross_entropy",
        rows: 366,
        rule: "adam",
    },
    Case {
        name: "64-100-10",
        widths: &[64, 100, 10],
        activation: "relu",
        loss: "cross_entropy",
        rows: 200,
        rule: "adam",
    },
    Case {
        name: "784-128-10",
        widths: &[784, 128, 10],
        activation: "relu",
        loss: "cross_entropy",
        rows: 128,
        rule: "momentum",
    },
    Case {
        name: "32-256-256-1",
        widths: &[32, 256, 256, 1],
        activation: "relu",
        loss: "mse",
        rows: 1024,
        rule: "adam",
    },
];

impl Case {
    fn page(&self) -> String {
        let [inputs, hidden @ .., outputs] = self.widths else { return String::new() };
        let layers = Network::layers(*inputs, *outputs).activation(self.activation);
        let layers = hidden.iter().fold(layers, |layers, &units| layers.dense(units));
        layers.loss(self.loss).equations()
    }

    fn network(&self) -> Network {
        Network::parse(self.name, &self.page()).unwrap_or_else(|e| panic!("{e}"))
    }

    fn rule(&self) -> UpdateRule {
        UpdateRule::named(self.rule).unwrap_or_else(|e| panic!("{e}"))
    }

    fn data(&self) -> (Matrix, Matrix) {
        let (inputs, outputs) = (self.widths[0], self.widths[self.widths.len() - 1]);
        let x = Matrix::from_fn(self.rows, inputs, |i, j| ((i * inputs + j) as f64).sin());
        let y = Matrix::from_fn(self.rows, outputs, |i, j| f64::from(u8::from(i % outputs == j)));
        (x, y)
    }

    /// The step with its rows in their place.
    fn step(&self, network: &Network) -> (TrainingStep, Rows<'static>) {
        // Rprop is a rule for all rows at once, which stay.
        let shared = network.row_inputs();
        let fixed = if self.rule == "rprop" { &shared[..] } else { &[] };
        let batch = Batch { symbol: network.batch, rows: self.rows, fixed };
        let mut step = TrainingStep::compile(
            &network.equations,
            network.objective,
            &self.rule(),
            &[],
            batch,
            Precision::F32,
            Around::default(),
        )
        .unwrap_or_else(|e| panic!("{e}"));
        for (node, matrix) in network.initial(1).expect("all are drawn") {
            step.engine.write(node, &matrix.data).expect("of this shape");
        }
        let (x, y) = self.data();
        let (x, y) = (step.engine.rows(&x), step.engine.rows(&y));
        let all: Vec<usize> = (0..self.rows).collect();
        step.engine.gather(network.input, &x, &all).expect("rows of this width");
        step.engine.gather(network.target, &y, &all).expect("rows of this width");
        (step, x)
    }
}

/// What `.ci/instructions` counts the instructions of.
#[inline(never)]
fn counted(step: &mut TrainingStep, steps: u32) {
    for _ in 0..steps {
        black_box(step.run().expect("the objective can be read"));
    }
}

/// Prints the median of five measurements of at least 20 ms each.
fn time(name: &str, per: f64, unit: &str, mut work: impl FnMut()) {
    let word = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    if word.is_some_and(|word| !name.contains(&word)) {
        return;
    }
    work();
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let (start, mut count) = (Instant::now(), 0u32);
            while start.elapsed().as_secs_f64() < 0.02 {
                work();
                count += 1;
            }
            start.elapsed().as_secs_f64() / f64::from(count)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:32} {:10.3} µs  {:8.2} {unit}", times[2] * 1e6, per / times[2] * 1e-9);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, name, steps @ ..] = arguments.as_slice()
        && verb == "count"
    {
        let case = CASES.iter().find(|case| case.name == name).expect("count NAME of a case");
        let network = case.network();
        let (mut step, _) = case.step(&network);
        step.run().expect("the objective can be read");
        return counted(&mut step, steps.first().map_or(10, |n| n.parse().expect("how many")));
    }
    for case in &CASES {
        let network = case.network();
        let (mut step, rows) = case.step(&network);
        let flops: f64 =
            step.engine.profile(1).expect("all its rows").iter().map(|timed| timed.flops).sum();
        time(&format!("step {}", case.name), flops, "GFLOP/s", || {
            black_box(step.run().expect("the objective can be read"));
        });
        let order: Vec<usize> = (0..case.rows).map(|i| i * 7 % case.rows).collect();
        let bytes = (case.rows * case.widths[0] * 4) as f64;
        time(&format!("gather {}", case.name), bytes, "GB/s", || {
            step.engine.gather(network.input, &rows, &order).expect("rows of this width");
        });
        // Whole epochs of one step: what is beyond `step` is what a fit costs.
        let (x, y) = case.data();
        let weights = network.initial(1).expect("all are drawn");
        let options = FitOptions { epochs: usize::MAX, ..FitOptions::new(case.rule()) };
        let mut fit =
            network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
        time(&format!("epoch {}", case.name), flops, "GFLOP/s", || {
            black_box(fit.next().expect("it goes on").expect("it trains"));
        });
        time(&format!("start {}", case.name), 0.0, "", || {
            let network = case.network();
            black_box(case.step(&network));
        });
    }
    serve();
    let line = "0.125,1.5,-2.25,3,4.0625,red\n";
    let text = format!("a,b,c,d,e,f\n{}", line.repeat(20_000));
    time("load a CSV of 580 kB", text.len() as f64, "GB/s", || {
        black_box(read_bytes(text.as_bytes(), "t.csv", &ReadOptions::default()).expect("a table"));
    });
}

fn serve() {
    let case = &CASES[4];
    let network = case.network();
    let weights = network.initial(1).expect("all are drawn");
    for rows in [1, 1024] {
        let predictor = Predictor::<f32>::new(&network, &weights, rows).expect("it is planned");
        let (mut session, (from, to)) = (predictor.session(), predictor.widths());
        let (inputs, mut outputs) = (vec![0.5; rows * from], vec![0.0; rows * to]);
        let flops = (2 * rows * (784 * 128 + 128 * 10)) as f64;
        time(&format!("predict 784-128-10, {rows} rows"), flops, "GFLOP/s", || {
            session.run(&inputs, &mut outputs).expect("rows of this width");
            black_box(&outputs);
        });
    }
}
