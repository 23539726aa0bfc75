//! The page of a model: its card, equations, metrics and charts.

use std::fmt::{self, Display, Formatter};

use matgrad::calculus::derive;
use matgrad::curves;
use matgrad::expr::graph::NodeId;
use matgrad::expr::mathml::{mathml, mathml_name};
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::{ClassMetrics, Metrics};
use matgrad::{Epoch, Model};

use crate::chart::{Series, bars, lines};
use crate::escape;

/// Metrics of some rows, or of a baseline on them.
pub struct Part {
    /// Such as `test`.
    pub name: String,
    /// What was measured.
    pub metrics: Metrics,
    /// Probabilities and true classes, for the curves.
    pub curves: Option<(Matrix, Vec<usize>)>,
}

/// All that a page shows.
pub struct Report<'a> {
    /// The heading.
    pub title: String,
    /// Lines of the model card: what, and its value.
    pub card: Vec<(String, String)>,
    /// The model.
    pub model: &'a Model,
    /// The course of training, where it is known.
    pub epochs: &'a [Epoch],
    /// What was measured; curves are drawn of the last that has any.
    pub parts: Vec<Part>,
}

/// The curve of one class: from probabilities, true classes and its number.
type Curve = fn(&Matrix, &[usize], usize) -> Vec<(f64, f64)>;

const STYLE: &str = include_str!("page.css");

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let title = escape(&self.title);
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
        )?;
        let row = |(what, value): &(String, String)| {
            format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(what), escape(value))
        };
        section(f, "Model card", &table("card", &self.card.iter().map(row).collect::<String>()))?;
        section(f, "Metrics", &self.metrics())?;
        if let Some((part, m)) = self.classes() {
            section(f, &format!("Confusion ({})", part.name), &confusion(m))?;
            section(f, &format!("Classes ({})", part.name), &classes(m))?;
        }
        section(f, "Charts", &format!("<div class=\"charts\">{}</div>", self.charts()))?;
        section(f, "Equations", &self.equations())?;
        writeln!(f, "</main></body></html>")
    }
}

fn section(f: &mut Formatter, title: &str, inside: &str) -> fmt::Result {
    if inside.is_empty() {
        return Ok(());
    }
    write!(f, "<section><h2>{}</h2>\n{inside}</section>\n", escape(title))
}

/// A table that scrolls by itself where it is wider than the page.
fn table(class: &str, rows: &str) -> String {
    format!("<div class=\"wide\"><table class=\"{class}\">{rows}</table></div>\n")
}

fn cells(tag: &str, cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| format!("<{tag}>{cell}</{tag}>")).collect()
}

fn line(name: &str, values: impl Iterator<Item = String>) -> String {
    format!("<tr><th>{}</th>{}</tr>\n", escape(name), cells("td", values))
}

fn head(names: &[&str]) -> String {
    format!("<tr><th></th>{}</tr>\n", cells("th", names.iter().map(|n| escape(n))))
}

fn short(value: f64) -> String {
    if value.is_nan() { "—".into() } else { format!("{value:.4}") }
}

impl Report<'_> {
    fn classes(&self) -> Option<(&Part, &ClassMetrics)> {
        self.parts.iter().rev().filter(|p| p.curves.is_some()).find_map(|part| {
            match &part.metrics {
                Metrics::Classes(m) => Some((part, m)),
                Metrics::Numbers(_) => None,
            }
        })
    }

    /// Model and baselines in one table.
    fn metrics(&self) -> String {
        let mut rows = String::new();
        for (k, part) in self.parts.iter().enumerate() {
            match &part.metrics {
                Metrics::Classes(m) => {
                    if k == 0 {
                        rows += &head(&[
                            "rows",
                            "loss",
                            "accuracy",
                            "AUC",
                            "95 % interval",
                            "precision",
                            "recall",
                            "F1",
                            "ECE",
                            "expected cost",
                        ]);
                    }
                    let (precision, recall, f1) = m.macro_average();
                    let (low, high) = m.auc_interval;
                    let values = [
                        m.n.to_string(),
                        short(m.loss),
                        short(m.accuracy),
                        short(m.auc),
                        format!("{}–{}", short(low), short(high)),
                        short(precision),
                        short(recall),
                        short(f1),
                        short(m.calibration_error),
                        m.expected_cost.map_or("—".into(), short),
                    ];
                    rows += &line(&part.name, values.into_iter());
                }
                Metrics::Numbers(m) => {
                    if k == 0 {
                        rows += &head(&["rows", "loss", "RMSE", "MAE", "R²"]);
                    }
                    let values = [m.loss, m.rmse, m.mae, m.r2].map(short).into_iter();
                    rows += &line(&part.name, std::iter::once(m.n.to_string()).chain(values));
                }
            }
        }
        table("numbers", &rows)
    }

    fn charts(&self) -> String {
        let mut charts = String::new();
        if !self.epochs.is_empty() {
            let curve = |name: &str, value: fn(&Epoch) -> Option<f64>| Series {
                name: name.into(),
                points: self
                    .epochs
                    .iter()
                    .filter_map(|e| Some((e.number as f64, value(e)?)))
                    .collect(),
                marked: false,
            };
            let mut series = vec![curve("train", |e| Some(e.train_loss))];
            if self.epochs.iter().any(|e| e.validation_loss.is_some()) {
                series.push(curve("validation", |e| e.validation_loss));
            }
            charts += &lines("Learning curves", "epoch", "loss", &series, false);
        }
        if let Some((part, m)) = self.classes()
            && let Some((probability, truth)) = &part.curves
        {
            // Two classes mirror each other; of more than six the first six are drawn.
            let shown = if m.labels.len() == 2 { 1..2 } else { 0..m.labels.len().min(6) };
            let all = |curve: Curve| -> Vec<Series> {
                let one = |c: usize| Series {
                    name: m.labels[c].clone(),
                    points: curve(probability, truth, c),
                    marked: false,
                };
                shown.clone().map(one).collect()
            };
            let (roc, pr) = (all(curves::roc), all(curves::precision_recall));
            charts += &lines("ROC", "false positive rate", "true positive rate", &roc, true);
            charts += &lines("Precision and recall", "recall", "precision", &pr, true);
            let bins = curves::reliability(probability, truth, 10);
            let reliability = Series {
                name: "model".into(),
                points: bins.iter().map(|b| (b.confidence, b.accuracy)).collect(),
                marked: true,
            };
            charts += &lines("Reliability", "probability", "share right", &[reliability], true);
        }
        let parameters = self.model.network.equations.parameters();
        for (node, matrix) in &self.model.weights {
            if matrix.data.len() > 1 && parameters.contains(node) {
                let name = self.name(*node);
                charts += &bars(&format!("Weights {name}"), "value", &matrix.data, 24);
            }
        }
        charts
    }

    fn name(&self, node: NodeId) -> String {
        self.model.network.equations.graph.name(node).map_or("?".into(), |n| n.text.clone())
    }

    /// The page's equations, and those derived from it.
    fn equations(&self) -> String {
        let network = &self.model.network;
        let graph = &network.equations.graph;
        let row = |name: &str, equation: &str, shape: &str| {
            format!(
                "<tr><td>{}</td><td>=</td><td>{equation}</td><td>{}</td></tr>\n",
                mathml_name(name),
                escape(shape)
            )
        };
        let mut forward = String::new();
        for &id in &network.equations.definitions {
            let shape = graph.symbols.shape(graph.shape(id));
            forward += &row(&self.name(id), &mathml(graph, id), &shape);
        }
        let mut text = format!("<h3>Forward</h3>{}", table("equations", &forward));
        let parameters = network.equations.parameters();
        if let Ok(derived) = derive(graph, network.objective, &parameters) {
            let graph = &derived.graph;
            let mut backward = String::new();
            for &(of, gradient) in &derived.gradients {
                let own = format!("∂{}", self.name(of));
                let equation = match graph.name(gradient) {
                    Some(name) if name.text != own => mathml_name(&name.text),
                    Some(_) | None => mathml(graph, gradient),
                };
                backward += &row(&own, &equation, &graph.symbols.shape(graph.shape(of)));
            }
            text += &format!("<h3>Backward</h3>{}", table("equations", &backward));
        }
        text
    }
}

/// Counts, and shares of each true class, as shades.
fn confusion(m: &ClassMetrics) -> String {
    let labels: Vec<&str> = m.labels.iter().map(String::as_str).collect();
    let mut rows = head(&labels).replacen("<th></th>", "<th>true \\ decided</th>", 1);
    for ((label, counts), rates) in m.labels.iter().zip(&m.confusion).zip(m.confusion_rates()) {
        let cell = |(&n, rate): (&usize, f64)| {
            format!(
                "<td style=\"--share:{:.0}%\">{n}<small>{:.0} %</small></td>",
                rate * 60.0,
                rate * 100.0
            )
        };
        let cells: String = counts.iter().zip(rates).map(cell).collect();
        rows += &format!("<tr><th>{}</th>{cells}</tr>\n", escape(label));
    }
    table("confusion", &rows)
}

fn classes(m: &ClassMetrics) -> String {
    let mut rows = head(&["precision", "recall", "F1", "AUC", "average precision"]);
    for (label, c) in m.labels.iter().zip(&m.classes) {
        let missing = f64::NAN;
        let values = [
            c.precision,
            c.recall,
            c.f1,
            c.auc.unwrap_or(missing),
            c.average_precision.unwrap_or(missing),
        ];
        rows += &line(label, values.map(short).into_iter());
    }
    table("numbers", &rows)
}
