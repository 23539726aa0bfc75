//! Tables and models for the tests.

use matgrad::data::{
    Column, Encoder, EncoderOptions, Missing, Random, Scaling, Table, TargetKind, Values,
};
use matgrad::expr::matrix::Matrix;
use matgrad::{Costs, Evaluator, Model, Network, Precision};

pub const ROWS: usize = 1000;

/// Numbers, words and missing values in 1,000 random rows; the last two columns are targets.
pub fn table() -> Table {
    let mut random = Random::seed(7);
    let mut numbers = |scale: f64, missing: f64| {
        let one = |_| {
            let x = random.normal() * scale + 3.0 * scale;
            if random.uniform() < missing { f64::NAN } else { x }
        };
        Values::Numbers((0..ROWS).map(one).collect())
    };
    let (height, weight, year, cost) =
        (numbers(1.0, 0.0), numbers(20.0, 0.1), numbers(700.0, 0.05), numbers(9.0, 0.0));
    let mut words = |levels: &[&str], missing: f64| {
        let one = |_| {
            let level = random.below(levels.len());
            (random.uniform() >= missing).then_some(level)
        };
        Values::Categories {
            codes: (0..ROWS).map(one).collect(),
            levels: levels.iter().map(|s| s.to_string()).collect(),
        }
    };
    let (colour, sick) = (words(&["blue", "green", "red"], 0.1), words(&["no", "yes"], 0.05));
    let kind = words(&["ant", "bee", "cat"], 0.0);
    let columns = [
        ("height", height),
        ("colour", colour),
        ("weight", weight),
        ("sick", sick),
        ("year", year),
        ("kind", kind),
        ("cost", cost),
    ];
    let columns = columns.map(|(name, values)| Column { name: name.into(), values });
    Table { file: "t".into(), columns: columns.into(), rows: ROWS, named: true, lines: None }
}

/// An encoder for the table, fitted on half of its rows.
pub fn encoder(table: &Table, kind: TargetKind, words: bool) -> Encoder {
    let classes = kind == TargetKind::Classes;
    let options = EncoderOptions {
        targets: vec![if classes { 5 } else { 6 }],
        target_kind: kind,
        inputs: Some(if words { vec![0, 1, 2, 3, 4] } else { vec![0, 2, 4] }),
        scaling: Scaling::Standardize,
        target_scaling: Scaling::Standardize,
        missing: if words { Missing::ImputeAndIndicate } else { Missing::Impute },
        allow_missing_targets: false,
    };
    Encoder::fit(table, &(0..ROWS / 2).collect::<Vec<_>>(), &options).unwrap()
}

/// A page with drawn weights. They are 32-bit numbers, as those of models trained in 32 bits.
pub fn model(page: &str, encoder: Encoder) -> Model {
    let network = Network::parse("page.eq", page).unwrap_or_else(|e| panic!("{e}"));
    let mut weights = network.initial(3).unwrap();
    let mut random = Random::seed(5);
    for (_, m) in &mut weights {
        // No bias stays 0.
        m.data.iter_mut().for_each(|x| *x = f64::from((*x + 0.1 * random.normal()) as f32));
    }
    let precision = Precision::F32;
    let costs = Costs::default();
    Model { network, weights, encoder, costs, seed: 3, precision, training: None }
}

/// What matgrad predicts for all rows of the table.
pub fn predict(model: &Model, table: &Table) -> Matrix {
    let rows: Vec<usize> = (0..table.rows).collect();
    let x = model.encoder.inputs(table, &rows).unwrap();
    let x = Matrix::new(x.rows, x.cols, x.data);
    let mut evaluator = Evaluator::new(&model.network, x.rows, Precision::F64).unwrap();
    evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).unwrap();
    let z = evaluator.run(&x, None).unwrap().0;
    let mut z = matgrad::data::Matrix::new(z.rows, z.cols, z.data).unwrap();
    model.encoder.unscale_targets(&mut z);
    Matrix::new(z.rows, z.cols, z.data)
}
