//! Rows for a page: of a table, or drawn.

use std::path::Path;

use matgrad::data::{self, Encoder, EncoderOptions, Random, Scaling, Table, TargetKind};
use matgrad::expr::matrix::Matrix;
use matgrad::{Link, Network};

use crate::Settings;

/// Rows as a network eats them.
pub struct Examples {
    /// B × the columns of the input.
    pub inputs: Matrix,
    /// B × the columns of the target.
    pub targets: Matrix,
    /// The true class of each row, where the targets are classes.
    pub classes: Option<Vec<usize>>,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// Names of the input columns.
    pub names: Vec<String>,
    /// What is said of them.
    pub note: String,
}

fn matrix(m: data::Matrix) -> Matrix {
    Matrix::new(m.rows, m.cols, m.data)
}

/// Learns from a table with this target, or with its last columns.
///
/// # Errors
/// Why they cannot be targets.
pub fn encoder(table: &Table, settings: &Settings, last: usize) -> Result<Encoder, data::Error> {
    let columns = table.columns.len();
    let targets = match &settings.target {
        Some(name) => vec![table.column(name)?],
        None => (columns.saturating_sub(last)..columns).collect(),
    };
    let rows: Vec<usize> = (0..table.rows).collect();
    // One row has no deviation to divide by.
    let standardize = settings.standardize && table.rows > 1;
    let scaling = if standardize { Scaling::Standardize } else { Scaling::None };
    let target_kind = if targets.len() > 1 { TargetKind::Numbers } else { TargetKind::Auto };
    // Targets of several columns are taken as they are: as on the page.
    let target_scaling = if targets.len() > 1 { Scaling::None } else { scaling };
    let options =
        EncoderOptions { targets, target_kind, scaling, target_scaling, ..Default::default() };
    Encoder::fit(table, &rows, &options)
}

impl Examples {
    /// The rows of a table: its last column, or as many as the page has targets, is the target,
    /// whichever fits the page.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn of(table: &Table, network: &Network, settings: &Settings) -> Result<Examples, String> {
        let wanted = (network.columns(network.input), network.columns(network.target));
        let mut found = Vec::new();
        for last in [1, wanted.1] {
            let encoder = match encoder(table, settings, last) {
                Ok(encoder) => encoder,
                Err(error) => {
                    found.push(error.to_string());
                    continue;
                }
            };
            let widths = (encoder.input_width(), encoder.target_width());
            if widths == wanted {
                return Examples::encoded(table, &encoder).map_err(|e| e.to_string());
            }
            found.push(format!(
                "{} gives {} inputs and {} targets, the page takes {} and {}; change the shapes of \
                 the page, or let a page be written for this table",
                table.file, widths.0, widths.1, wanted.0, wanted.1
            ));
        }
        Err(found.swap_remove(0))
    }

    fn encoded(table: &Table, encoder: &Encoder) -> Result<Examples, data::Error> {
        let rows: Vec<usize> = (0..table.rows).collect();
        let classes = match encoder.target_kind() {
            TargetKind::Classes => {
                let codes = encoder.class_codes(table, &rows)?;
                Some(codes.into_iter().flatten().collect())
            }
            TargetKind::Numbers | TargetKind::Auto => None,
        };
        Ok(Examples {
            inputs: matrix(encoder.inputs(table, &rows)?),
            targets: matrix(encoder.targets(table, &rows)?),
            classes,
            labels: encoder.labels().to_vec(),
            names: encoder.input_names(),
            note: format!(
                "{}: {} {}, target {}",
                Path::new(&table.file).file_name().unwrap_or_default().to_string_lossy(),
                table.rows,
                if table.rows == 1 { "row" } else { "rows" },
                encoder.target_names().join(", ")
            ),
        })
    }

    /// Rows for a page without a table.
    pub fn drawn(network: &Network, seed: u64) -> Examples {
        const ROWS: usize = 4;
        let mut random = Random::seed(seed);
        let width = network.columns(network.input);
        let inputs = Matrix::new(ROWS, width, (0..ROWS * width).map(|_| random.normal()).collect());
        let outputs = network.columns(network.target);
        let targets = match network.link {
            Link::Softmax => {
                let chosen: Vec<usize> = (0..ROWS).map(|_| random.below(outputs.max(1))).collect();
                Matrix::from_fn(ROWS, outputs, |i, j| f64::from(chosen[i] == j))
            }
            Link::Identity | Link::Sigmoid | Link::Exp => {
                let numbers = (0..ROWS * outputs).map(|_| random.uniform());
                Matrix::new(ROWS, outputs, numbers.collect())
            }
        };
        Examples {
            inputs,
            targets,
            classes: None,
            labels: Vec::new(),
            names: (1..=width).map(|k| format!("input {k}")).collect(),
            note: format!("no table: {ROWS} rows drawn by the seed"),
        }
    }
}
