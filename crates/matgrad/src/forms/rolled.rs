//! Equal layers rolled up: one recurrence with a layer index, and its proof by induction.
//!
//! Layers are equal when their equations are, up to the number in the names: `Z₂ = A₁ W₂ + b₂` and
//! `Z₃ = A₂ W₃ + b₃` are `Zₗ = Aₗ₋₁ Wₗ + bₗ`. What has another name where a number is wanted gets
//! that too: the input is `A₀`. Of each kind of equation the longest run of layers is rolled up;
//! the rest stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use matgrad_calculus::Gradients;
use matgrad_expr::print::equation;
use matgrad_expr::syntax::{Expr, ExprKind, Name, print_expr};

use super::differential::{self, Proof};
use super::typeset::{DIFFERENTIAL, Document, Part};

/// A derivation whose equal layers are one.
#[derive(Clone, Debug)]
pub struct Rolled {
    /// (numbered name, the name on the page), such as (A₀, X).
    pub names: Vec<(String, String)>,
    /// The forward equations.
    pub forward: Vec<Rule>,
    /// The gradients.
    pub backward: Vec<Rule>,
    /// The proof of the last layer.
    pub base: Vec<Part>,
    /// The proof of one layer, from the one after it.
    pub step: Vec<Part>,
    /// The proof of what is before all layers.
    pub end: Vec<Part>,
    /// The layers that the step of the induction holds for.
    pub layers: (i64, i64),
}

/// An equation, of one layer or of many.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// In Unicode; with the index ₗ if it is of many layers.
    pub text: String,
    /// First and last layer.
    pub layers: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
struct Line {
    stem: String,
    number: Option<i64>,
    /// What stands on it; the left side of an equation is the first.
    parts: Vec<Expr>,
    text: String,
}

/// Rolls the layers of a derivation up.
///
/// # Errors
/// No two layers with the same equations, or an op without a differential.
pub fn rolled(gradients: &Gradients) -> Result<Rolled, String> {
    let graph = &gradients.graph;
    let page = gradients.page();
    let mut forward = Vec::new();
    for id in page.reachable(&[gradients.objective], false) {
        if let (Some(name), None) = (page.name(id), page.variable(id)) {
            forward.push(line(&name.text, equation(&page, id)));
        }
    }
    let backward = gradients.gradients.iter().map(|&(of, gradient)| {
        let name = format!("∂{}", graph.name(of).map_or("?", |n| n.text.as_str()));
        let other = graph.name(gradient).filter(|n| n.text != name);
        line(&name, other.map_or_else(|| equation(graph, gradient), |n| name_of(&n.text)))
    });
    let mut backward: Vec<Line> = backward.collect();
    let mut blocks = blocks(&differential::proof(gradients)?);
    let mut names = BTreeMap::new();
    let known: BTreeSet<String> =
        graph.names().iter().map(|(n, _)| n.text.trim_start_matches('∂').to_string()).collect();
    // A new name may show that a further equation is that of a layer.
    loop {
        let all: Vec<&Line> = forward.iter().chain(&backward).collect();
        let Some((plain, numbered)) = other_name(&all, &known, &names) else { break };
        for line in forward.iter_mut().chain(&mut backward).chain(&mut blocks) {
            line.rename(&plain, &numbered);
        }
        names.insert(numbered, plain);
    }
    let (forward_rules, backward_rules) = (rules(&forward), rules(&backward));
    let many = |r: &Rule| r.layers.is_some();
    if !forward_rules.iter().any(many) || !backward_rules.iter().any(many) {
        return Err(
            "no two layers have the same equations up to their numbers; layers are told by \
                    the numbers of their names, as in Z1 = X W1 + b1, Z2 = A1 W2 + b2"
                .into(),
        );
    }
    let (base, step, end, layers) = induction(&blocks);
    Ok(Rolled {
        names: names.into_iter().collect(),
        forward: forward_rules,
        backward: backward_rules,
        base,
        step,
        end,
        layers,
    })
}

fn name_of(text: &str) -> Expr {
    let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
    Expr { kind: ExprKind::Name(name), span: Default::default() }
}

/// A name without its number, and the number.
fn split(name: &str) -> (&str, Option<i64>) {
    let digit = |c: char| ('₀'..='₉').contains(&c);
    let stem = name.trim_end_matches(digit);
    let digits = name[stem.len()..].chars().map(|c| c as u32 - '₀' as u32);
    let number = digits.fold(None, |n: Option<i64>, d| Some(n.unwrap_or(0) * 10 + i64::from(d)));
    if stem.is_empty() { (name, None) } else { (stem, number) }
}

fn numbered(stem: &str, number: i64) -> String {
    let small = |c: char| char::from_u32('₀' as u32 + c as u32 - '0' as u32).unwrap_or(c);
    format!("{stem}{}", number.to_string().chars().map(small).collect::<String>())
}

/// `Aₗ₋₁` for offset -1.
fn indexed(stem: &str, offset: i64) -> String {
    let sign = if offset < 0 { "₋" } else { "₊" };
    let by = if offset == 0 { String::new() } else { numbered(sign, offset.abs()) };
    format!("{stem}ₗ{by}")
}

fn line(name: &str, right: Expr) -> Line {
    let (stem, number) = split(name);
    Line { stem: stem.into(), number, parts: vec![name_of(name), right], text: "%0 = %1".into() }
}

/// Each block of the proof: its value and all its lines, with places for the expressions.
fn blocks(proof: &Proof) -> Vec<Line> {
    let block = |block| {
        let (name, value) = proof.value(block);
        let mut all = line(&name, value);
        for step in &block.lines {
            let mut terms = Vec::new();
            for (left, right) in proof.terms(step) {
                let mut place = |e: Expr| {
                    all.parts.push(e);
                    format!("%{}", all.parts.len() - 1)
                };
                terms.push(match left {
                    Some(left) => format!("⟨{}, {}⟩", place(left), place(right)),
                    None => place(right),
                });
            }
            let sign = if step.law.is_empty() { "" } else { "= " };
            all.text += &format!("\n{sign}{}\t{}", terms.join(" + "), step.law);
        }
        all
    };
    proof.blocks.iter().map(block).collect()
}

impl Line {
    fn rename(&mut self, from: &str, to: &str) {
        let change = |text: &str| -> Option<String> {
            let letters = text.trim_start_matches(['∂', DIFFERENTIAL]);
            (letters == from).then(|| text.replace(letters, to))
        };
        if let Some(name) = change(&self.name()) {
            let (stem, number) = split(&name);
            (self.stem, self.number) = (stem.into(), number);
        }
        for part in &mut self.parts {
            *part = names_mapped(part, &mut |name| change(name).unwrap_or(name.into()));
        }
    }

    fn name(&self) -> String {
        self.number.map_or(self.stem.clone(), |n| numbered(&self.stem, n))
    }

    /// With the index of a layer that is `shift` further on than its number says; without, as it
    /// is.
    fn parts_with(&self, shift: Option<i64>) -> Vec<Expr> {
        let Some((number, shift)) = self.number.zip(shift) else { return self.parts.clone() };
        let index = |name: &str| match split(name) {
            (stem, Some(n)) => indexed(stem, n - number + shift),
            (_, None) => name.into(),
        };
        self.parts.iter().map(|e| names_mapped(e, &mut |name| index(name))).collect()
    }

    fn written(&self, shift: Option<i64>) -> String {
        let mut text = self.text.clone();
        for (i, part) in self.parts_with(shift).iter().enumerate().rev() {
            text = text.replace(&format!("%{i}"), &print_expr(part, false));
        }
        text
    }

    /// All names, in order.
    fn names(&self) -> Vec<String> {
        let mut all = Vec::new();
        for part in &self.parts {
            names_mapped(part, &mut |name| {
                all.push(name.to_string());
                name.into()
            });
        }
        all
    }

    /// What is left of it without names.
    fn frame(&self) -> (String, Vec<Expr>) {
        let empty = |e: &Expr| names_mapped(e, &mut |_| "_".into());
        (self.text.clone(), self.parts.iter().map(empty).collect())
    }

    fn same_layer(&self, other: &Line) -> bool {
        self.text == other.text && self.parts_with(Some(0)) == other.parts_with(Some(0))
    }
}

fn names_mapped(e: &Expr, change: &mut impl FnMut(&str) -> String) -> Expr {
    e.clone().map(&mut |kind| match kind {
        ExprKind::Name(name) => name_of(&change(&name.text)).kind,
        kind => kind,
    })
}

/// A name that, were it numbered, would make an equation the same as that of its neighbour.
fn other_name(
    lines: &[&Line],
    known: &BTreeSet<String>,
    names: &BTreeMap<String, String>,
) -> Option<(String, String)> {
    for a in lines {
        for b in lines.iter().filter(|b| b.stem == a.stem) {
            let (Some(i), Some(j)) = (a.number, b.number) else { continue };
            if (i - j).abs() != 1 || a.frame() != b.frame() {
                continue;
            }
            let mut wanted = Vec::new();
            let fits = a.names().into_iter().zip(b.names()).all(|(x, y)| {
                let ((stem, n), (other, m)) = (split(&x), split(&y));
                match (n, m) {
                    (Some(n), Some(m)) => stem == other && n - i == m - j,
                    (None, Some(m)) => {
                        let plain = x.trim_start_matches('∂').to_string();
                        let name = numbered(other.trim_start_matches('∂'), m - j + i);
                        let free = !known.contains(&name) && !names.contains_key(&name);
                        wanted.push((plain, name));
                        free && x.starts_with('∂') == y.starts_with('∂')
                    }
                    (None, None) => x == y,
                    (Some(_), None) => false,
                }
            });
            wanted.sort();
            wanted.dedup();
            if fits && wanted.len() == 1 {
                return wanted.pop();
            }
        }
    }
    None
}

/// The longest run of layers of each kind of equation as one rule, where the first of them stood.
fn rules(lines: &[Line]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut done = BTreeSet::new();
    for line in lines {
        let run = longest_run(lines, &line.stem);
        let inside = line.number.zip(run).is_some_and(|(n, (a, b))| (a..=b).contains(&n) && a < b);
        if !inside {
            rules.push(Rule { text: line.written(None), layers: None });
        } else if done.insert(line.stem.clone()) {
            rules.push(Rule { text: line.written(Some(0)), layers: run });
        }
    }
    rules
}

fn longest_run(lines: &[Line], stem: &str) -> Option<(i64, i64)> {
    let mut of: Vec<&Line> =
        lines.iter().filter(|l| l.stem == stem && l.number.is_some()).collect();
    of.sort_by_key(|l| l.number);
    let mut best: Option<(i64, i64)> = None;
    let mut start = 0;
    for (i, line) in of.iter().enumerate() {
        if i > 0 && (line.number != of[i - 1].number.map(|n| n + 1) || !line.same_layer(of[i - 1]))
        {
            start = i;
        }
        let run = of[start].number.zip(line.number)?;
        if best.is_none_or(|(a, b)| run.1 - run.0 >= b - a) {
            best = Some(run);
        }
    }
    best
}

type Induction = (Vec<Part>, Vec<Part>, Vec<Part>, (i64, i64));

/// The blocks of the proof before, in and after the step from layer l + 1 to layer l.
fn induction(blocks: &[Line]) -> Induction {
    // A block is of the layer whose gradients it finds.
    let shift = |block: &Line| -> i64 {
        let values: BTreeSet<&str> = blocks.iter().map(|b| b.stem.as_str()).collect();
        let last = block.text.lines().next_back().unwrap_or_default();
        let own = block.number.unwrap_or(0);
        let found = block.parts.iter().enumerate().filter_map(|(i, part)| {
            let ExprKind::Name(name) = &part.kind else { return None };
            let (stem, number) = split(name.text.strip_prefix(DIFFERENTIAL)?);
            let here = last.contains(&format!("%{i}⟩")) && values.contains(stem);
            number.filter(|_| here).map(|n| own - n)
        });
        found.max().unwrap_or(0).max(0)
    };
    let mut kinds: Vec<(&Line, i64, (i64, i64))> = Vec::new();
    for block in blocks.iter().filter(|b| b.number.is_some()) {
        if kinds.iter().any(|(known, ..)| known.stem == block.stem) {
            continue;
        }
        let Some((a, b)) = longest_run(blocks, &block.stem) else { continue };
        let inside = |other: &&Line| other.stem == block.stem && other.number == Some(b);
        let Some(first) = blocks.iter().find(inside) else { continue };
        let by = shift(first);
        kinds.push((first, by, (a - by, b - by)));
    }
    kinds.sort_by_key(|(_, _, (a, b))| a - b);
    let mut range = (i64::MIN, i64::MAX);
    kinds.retain(|(_, _, (a, b))| {
        let both = (range.0.max(*a), range.1.min(*b));
        let holds = both.0 <= both.1;
        if holds {
            range = both;
        }
        holds
    });
    kinds.sort_by_key(|(_, by, _)| -by);
    let of_step = |block: &Line| {
        kinds.iter().any(|(kind, by, _)| {
            let layer = block.number.map(|n| n - by);
            kind.stem == block.stem && layer.is_some_and(|l| (range.0..=range.1).contains(&l))
        })
    };
    let (mut base, mut step, mut end) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = true;
    for block in blocks {
        if of_step(block) {
            before = false;
        } else {
            let list = if before { &mut base } else { &mut end };
            list.extend(parts(&block.written(None)));
        }
    }
    for (kind, by, _) in &kinds {
        step.extend(parts(&kind.written(Some(*by))));
    }
    (base, step, end, range)
}

/// The lines of a written block.
fn parts(text: &str) -> Vec<Part> {
    text.lines()
        .map(|line| {
            let (formula, law) = line.split_once('\t').unwrap_or((line, ""));
            Part::Formula(formula.into(), law.into())
        })
        .collect()
}

fn range(from: i64, to: i64) -> String {
    if from == to { format!("`l = {from}`") } else { format!("`l = {from}…{to}`") }
}

impl Rolled {
    /// The recurrence and its proof.
    pub fn document(&self) -> Document {
        let mut all = Vec::new();
        let gap = || Part::Text(String::new());
        for (name, of) in &self.names {
            all.push(Part::Formula(format!("{name} = {of}"), String::new()));
        }
        if !self.names.is_empty() {
            all.push(gap());
        }
        let rule = |r: &Rule, back: bool| {
            let range = r.layers.map_or(String::new(), |(a, b)| match back {
                true => range(b, a),
                false => range(a, b),
            });
            Part::Formula(r.text.clone(), range)
        };
        all.extend(self.forward.iter().map(|r| rule(r, false)));
        all.push(gap());
        all.extend(self.backward.iter().map(|r| rule(r, true)));
        let (first, last) = self.layers;
        let mut section = |title: String, parts: &[Part]| {
            all.extend([gap(), Part::Text(title), gap()]);
            all.extend_from_slice(parts);
        };
        let title = "By induction over the layers, from the last to the first, what stands before the \
                     differential of a value is its gradient. Base:";
        section(title.into(), &self.base);
        section(
            format!("Step, from `l+1` to `l`, for {}: the proof of one layer.", range(last, first)),
            &self.step,
        );
        if !self.end.is_empty() {
            section("End, where no layer is before:".into(), &self.end);
        }
        Document(all)
    }
}
