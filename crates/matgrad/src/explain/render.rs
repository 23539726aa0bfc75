//! Explanations as text, HTML, LaTeX and JSON.

use matgrad_expr::matrix::Matrix;
use serde_json::{Value, json};

use super::{Explanation, Line};
use crate::forms::index::Why;

/// Rows and columns of which all numbers are shown; of more, the corners and statistics.
const ROWS: usize = 8;
const COLS: usize = 10;
/// Rows and columns of a corner.
const CORNER: usize = 3;
/// Entries of a matrix that JSON holds in full.
const WHOLE: usize = 10_000;
/// Terms of a sum that are shown, the largest of many.
const TERMS: usize = 40;

/// Which rows (or columns) are shown; `None` is a gap.
fn shown(count: usize, most: usize) -> Vec<Option<usize>> {
    if count <= most {
        return (0..count).map(Some).collect();
    }
    let last = (count - CORNER..count).map(Some);
    (0..CORNER).map(Some).chain([None]).chain(last).collect()
}

/// What is said of a matrix too large to be shown whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The least entry.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// Their mean.
    pub mean: f64,
    /// The Frobenius norm.
    pub norm: f64,
}

impl Summary {
    /// Of a matrix.
    pub fn of(m: &Matrix) -> Summary {
        Summary {
            least: m.data.iter().copied().fold(f64::INFINITY, f64::min),
            most: m.data.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: m.data.iter().sum::<f64>() / m.data.len().max(1) as f64,
            norm: m.norm(),
        }
    }
}

fn large(m: &Matrix) -> bool {
    m.rows > ROWS || m.cols > COLS
}

/// Rows and columns of a matrix that are shown, from 0: all of a small one, else its corners.
pub fn corners(m: &Matrix) -> [Vec<usize>; 2] {
    [shown(m.rows, ROWS), shown(m.cols, COLS)].map(|found| found.into_iter().flatten().collect())
}

/// `Z₁ = X W₁ + b₁`, `W₁ ← …`, or the name of what is given.
fn equation(line: &Line) -> String {
    match (line.name.ends_with('←'), line.equation == line.name) {
        (true, _) => format!("{} {}", line.name, line.equation),
        (false, true) => line.name.clone(),
        (false, false) => format!("{} = {}", line.name, line.equation),
    }
}

fn summary(m: &Matrix, digits: usize) -> String {
    let s = Summary::of(m);
    format!(
        "least {:.digits$e}, largest {:.digits$e}, mean {:.digits$e}, norm {:.digits$e}",
        s.least, s.most, s.mean, s.norm
    )
}

/// The largest terms of a sum in their order, and how many others there are with their sum.
fn terms(why: &Why) -> (Vec<&(String, String, f64)>, usize, f64) {
    let mut order: Vec<usize> = (0..why.terms.len()).collect();
    order.sort_by(|&a, &b| why.terms[b].2.abs().total_cmp(&why.terms[a].2.abs()));
    let rest = order.split_off(order.len().min(TERMS));
    order.sort_unstable();
    let others = rest.iter().map(|&i| why.terms[i].2).sum();
    (order.into_iter().map(|i| &why.terms[i]).collect(), rest.len(), others)
}

impl Explanation {
    /// As text: each equation, its shape, its numbers with so many digits after the point.
    pub fn to_text(&self, digits: usize) -> String {
        let mut text = String::new();
        let mut part = "";
        for line in &self.lines {
            if line.part != part {
                part = line.part;
                text += &format!("{}{part}\n", if text.is_empty() { "" } else { "\n" });
            }
            let m = &line.value;
            let (rows, cols) = (m.rows, m.cols);
            text += &format!("  {}    {rows}×{cols}    [{}]\n", equation(line), line.rule);
            let wide = digits + 6;
            for i in shown(rows, ROWS) {
                let Some(i) = i else {
                    text += "      ⋮\n";
                    continue;
                };
                let row = shown(cols, COLS).into_iter().map(|j| match j {
                    Some(j) => format!("{:>wide$.digits$e}", m.at(i, j)),
                    None => "…".into(),
                });
                text += &format!("      {}\n", row.collect::<Vec<_>>().join(" "));
            }
            if large(m) {
                text += &format!("      {}\n", summary(m, digits));
            }
        }
        for why in &self.whys {
            text += &format!("\n{} = {}\n", why.name, why.equation);
            let (terms, others, rest) = terms(why);
            for (term, numbers, value) in terms {
                text +=
                    &format!("    {value:>+w$.digits$e}   {term} = {numbers}\n", w = digits + 7);
            }
            if others > 0 {
                text += &format!("    {rest:>+w$.digits$e}   {others} more\n", w = digits + 7);
            }
            text += &format!("  = {:>+w$.digits$e}\n", why.value, w = digits + 7);
        }
        for (what, c) in &self.decisions {
            text += &format!(
                "\n{what}: score {:.digits$e}, {:.digits$e} with all inputs 0\n",
                c.score, c.baseline
            );
            let wide = self.inputs.iter().map(|n| n.chars().count()).max().unwrap_or(0);
            text += &format!(
                "  {:<wide$}   {:>w$}   integrated gradient\n",
                "input",
                "gradient × input",
                w = digits + 8
            );
            let mut order: Vec<usize> = (0..c.integrated.len()).collect();
            order.sort_by(|&a, &b| c.integrated[b].abs().total_cmp(&c.integrated[a].abs()));
            for i in order {
                text += &format!(
                    "  {:<wide$}   {:>+w$.digits$e}   {:>+w$.digits$e}\n",
                    self.inputs.get(i).map_or("?", |n| n.as_str()),
                    c.gradient_times_input[i],
                    c.integrated[i],
                    w = digits + 8
                );
            }
        }
        text
    }

    /// As JSON: an array of lines with their numbers; of large matrices statistics and corners.
    /// With entries or decisions asked for, an object of `lines`, `entries` and `decisions`.
    pub fn to_json(&self) -> Value {
        let lines = self.lines.iter().map(|l| {
            let m = &l.value;
            let mut line = json!({"part": l.part, "name": l.name, "equation": l.equation,
                "shape": [m.rows, m.cols], "rule": l.rule});
            if m.data.len() <= WHOLE {
                line["value"] = (0..m.rows).map(|i| json!(m.row(i))).collect();
            } else {
                let s = Summary::of(m);
                let corners = shown(m.rows, ROWS).into_iter().flatten().map(|i| {
                    let row = shown(m.cols, COLS).into_iter().flatten().map(|j| m.at(i, j));
                    json!(row.collect::<Vec<f64>>())
                });
                line["summary"] = json!({"least": s.least, "largest": s.most, "mean": s.mean,
                    "norm": s.norm, "corners": corners.collect::<Vec<_>>()});
            }
            line
        });
        let lines: Vec<Value> = lines.collect();
        if self.whys.is_empty() && self.decisions.is_empty() {
            return Value::Array(lines);
        }
        let entries = self.whys.iter().map(|w| {
            let terms = w.terms.iter().map(
                |(term, numbers, value)| json!({"term": term, "numbers": numbers, "value": value}),
            );
            json!({"entry": w.name, "equation": w.equation, "value": w.value,
                "terms": terms.collect::<Vec<_>>()})
        });
        let decisions = self.decisions.iter().map(|(what, c)| {
            json!({"of": what, "score": c.score, "baseline": c.baseline, "inputs": self.inputs,
                "gradient_times_input": c.gradient_times_input,
                "integrated_gradients": c.integrated})
        });
        json!({"lines": lines, "entries": entries.collect::<Vec<_>>(),
            "decisions": decisions.collect::<Vec<_>>()})
    }

    /// As a page of HTML that needs nothing else.
    pub fn to_html(&self, digits: usize) -> String {
        let number = |x: f64| format!("{x:.digits$e}");
        let mut body = String::new();
        let mut part = "";
        for line in &self.lines {
            if line.part != part {
                part = line.part;
                body += &format!("<h2>{part}</h2>\n");
            }
            let m = &line.value;
            body += &format!(
                "<section><p><b>{}</b> <small>{}×{}, {}</small></p>\n<table>\n",
                escape(&equation(line)),
                m.rows,
                m.cols,
                escape(&line.rule)
            );
            for i in shown(m.rows, ROWS) {
                let row = shown(m.cols, COLS).into_iter().map(|j| match (i, j) {
                    (Some(i), Some(j)) => format!("<td>{}</td>", number(m.at(i, j))),
                    (_, _) => "<td>…</td>".to_string(),
                });
                body += &format!("<tr>{}</tr>\n", row.collect::<String>());
            }
            body += "</table>\n";
            if large(m) {
                body += &format!("<p>{}</p>\n", summary(m, digits));
            }
            body += "</section>\n";
        }
        for why in &self.whys {
            body +=
                &format!("<h2>{} = {}</h2>\n<table>\n", escape(&why.name), escape(&why.equation));
            let (terms, others, rest) = terms(why);
            for (term, numbers, value) in terms {
                body += &format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    escape(term),
                    escape(numbers),
                    number(*value)
                );
            }
            if others > 0 {
                body +=
                    &format!("<tr><td>{others} more</td><td></td><td>{}</td></tr>\n", number(rest));
            }
            body += &format!(
                "<tr><td>sum</td><td></td><td><b>{}</b></td></tr>\n</table>\n",
                number(why.value)
            );
        }
        for (what, c) in &self.decisions {
            body += &format!(
                "<h2>{}</h2>\n<p>score {}, {} with all inputs 0</p>\n<table>\n<tr><th>input</th>\
                 <th>gradient × input</th><th>integrated gradient</th></tr>\n",
                escape(what),
                number(c.score),
                number(c.baseline)
            );
            for (i, name) in self.inputs.iter().enumerate() {
                body += &format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    escape(name),
                    number(c.gradient_times_input[i]),
                    number(c.integrated[i])
                );
            }
            body += "</table>\n";
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>matgrad explain\
             </title>\n<style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
        )
    }

    /// As a LaTeX document on amsmath and amssymb.
    pub fn to_latex(&self, digits: usize) -> String {
        let number = |x: f64| {
            let text = format!("{x:.digits$e}");
            match text.split_once('e') {
                Some((mantissa, "0")) => mantissa.to_string(),
                Some((mantissa, power)) => format!(r"{mantissa}\cdot10^{{{power}}}"),
                None => format!(r"\mathrm{{{text}}}"),
            }
        };
        let mut body = String::new();
        let mut part = "";
        for line in &self.lines {
            if line.part != part {
                part = line.part;
                body += &format!("\\section*{{{part}}}\n");
            }
            let m = &line.value;
            let rows = shown(m.rows, ROWS).into_iter().map(|i| {
                let row = shown(m.cols, COLS).into_iter().map(|j| match (i, j) {
                    (Some(i), Some(j)) => number(m.at(i, j)),
                    (None, _) => r"\vdots".into(),
                    (Some(_), None) => r"\cdots".into(),
                });
                row.collect::<Vec<_>>().join(" & ")
            });
            let rows = rows.collect::<Vec<_>>().join(" \\\\\n");
            body += &format!(
                "\\begin{{equation*}}\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{$\n{} =\n\\begin{{bmatrix}}\n{rows}\n\\end{{bmatrix}}\n$}}\\end{{equation*}}\n",
                line.latex
            );
        }
        format!(
            "\\documentclass{{article}}\n\\usepackage{{amsmath,amssymb,graphicx}}\n\
             \\setcounter{{MaxMatrixCols}}{{20}}\n\\begin{{document}}\n{body}\\end{{document}}\n"
        )
    }
}

/// Of the page: plain, light or dark as the reader has it, wide tables scroll.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;\
    padding:0 1em;color-scheme:light dark}section{overflow-x:auto}table{border-collapse:collapse}\
    td,th{padding:.1em .6em;text-align:right;font-variant-numeric:tabular-nums}\
    td:first-child,th:first-child{text-align:left}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
