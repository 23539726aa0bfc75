//! A differential proof as text and as a document.

use std::collections::HashMap;
use std::fmt;

use matgrad_expr::graph::NodeId;
use matgrad_expr::print::equation;
use matgrad_expr::syntax::{Argument, Expr, ExprKind, Name, print_expr};

use super::{Block, Line, MARK, Proof};
use crate::forms::typeset::{Document, Part};

impl Proof {
    /// The sides of each inner product of a line; no left side where it is 1. A gradient stands by
    /// its name in the first line of a block, and is written out in those that find it.
    pub fn terms(&self, line: &Line) -> Vec<(Option<Expr>, Expr)> {
        let term = |&(gradient, differential): &(NodeId, NodeId)| {
            let name = self.graph.name(gradient).filter(|_| line.law.is_empty());
            let left = match (self.graph.number_at(gradient), name) {
                (Some(1.0), _) if self.graph.shape(gradient).is_scalar() => None,
                (_, Some(name)) => Some(name_of(name.text.clone())),
                (_, None) => Some(self.left(gradient, differential)),
            };
            (left, self.written(differential))
        };
        line.terms.iter().map(term).collect()
    }

    /// A gradient by its name, but where it is the one that the line finds.
    fn left(&self, gradient: NodeId, differential: NodeId) -> Expr {
        let found = |of: &NodeId| self.differentials.get(of) == Some(&differential);
        let own =
            self.differentials.keys().find(|of| found(of)).and_then(|of| self.graph.name(*of));
        match self.graph.name(gradient) {
            Some(name) if own.is_none_or(|own| name.text != format!("∂{}", own.text)) => {
                name_of(name.text.clone())
            }
            _ => equation(&self.graph, gradient),
        }
    }

    fn written(&self, id: NodeId) -> Expr {
        let named: HashMap<String, NodeId> = self
            .differentials
            .iter()
            .filter_map(|(&of, &d)| Some((self.graph.name(d)?.text.clone(), of)))
            .collect();
        equation(&self.graph, id).map(&mut |kind| match &kind {
            ExprKind::Name(name) => match named.get(&name.text) {
                Some(&of) => self.differential_of(of),
                None => kind,
            },
            // `𝟏 db` needs no sizes.
            ExprKind::Call(name, arguments) if name.text == "ones" => match arguments.get(1) {
                Some(Argument::Value(e)) if e.kind == ExprKind::Number(1.0) => ExprKind::Ones,
                _ => kind,
            },
            _ => kind,
        })
    }

    fn differential_of(&self, of: NodeId) -> ExprKind {
        match self.graph.name(of) {
            Some(name) => name_of(format!("{MARK}{}", name.text)).kind,
            None => {
                let mark = MARK.to_string();
                let name = Name { spelling: "d".into(), text: mark, span: Default::default() };
                ExprKind::Call(name, vec![Argument::Value(self.written(of))])
            }
        }
    }

    /// The value that a block starts from: its name and its equation.
    pub fn value(&self, block: &Block) -> (String, Expr) {
        let name = self.graph.name(block.of).map_or("objective", |n| n.text.as_str());
        (name.into(), equation(&self.page, block.of))
    }

    pub(super) fn line(&self, line: &Line) -> String {
        let text = |e: &Expr| print_expr(e, false);
        let term = |(left, right): (Option<Expr>, Expr)| match left {
            Some(left) => format!("⟨{}, {}⟩", text(&left), text(&right)),
            None => text(&right),
        };
        match line.terms.is_empty() {
            true => "0".into(),
            false => self.terms(line).into_iter().map(term).collect::<Vec<_>>().join(" + "),
        }
    }
}

fn name_of(text: String) -> Expr {
    let name = Name { spelling: text.clone(), text, span: Default::default() };
    Expr { kind: ExprKind::Name(name), span: Default::default() }
}

impl Proof {
    /// A block a value: its equation, then the chain, a law a line.
    pub fn document(&self) -> Document {
        let mut all = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            let (name, value) = self.value(block);
            if i > 0 {
                all.push(Part::Text(String::new()));
            }
            let value = format!("{name} = {}", print_expr(&value, false));
            all.push(Part::Formula(value, String::new()));
            for line in &block.lines {
                let sign = if line.law.is_empty() { "" } else { "= " };
                all.push(Part::Formula(format!("{sign}{}", self.line(line)), line.law.clone()));
            }
        }
        Document(all)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.document().fmt(f)
    }
}
