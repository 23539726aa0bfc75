//! Update rules: of the library, or of a page.

use std::sync::Arc;

use matgrad_expr::diagnostic::{Errors, nearest};
use matgrad_expr::elaborate::hyperparameters;
use matgrad_expr::syntax::{Optimizer, Statement, canonical, parse_page};
use matgrad_library::{OPTIMIZERS, standard};

use crate::method::set;
use crate::{Error, Solver};

/// An update rule with its text.
#[derive(Clone, Debug)]
pub struct UpdateRule {
    /// The rule.
    pub rule: Arc<Optimizer>,
    /// The file that it was read from, as messages name it.
    pub file: String,
    /// The text that it was read from.
    pub source: String,
}

impl UpdateRule {
    /// A rule of the library.
    ///
    /// # Errors
    /// No rule of this name; suggests the nearest.
    pub fn named(name: &str) -> Result<UpdateRule, Error> {
        let rule = standard().optimizer(&canonical(name)).ok_or_else(|| {
            let rules = standard().optimizers.iter().map(|o| o.name.text.as_str());
            let all: Vec<&str> = rules.chain(Solver::ALL.map(Solver::name)).collect();
            let near = nearest(name, all.iter().copied())
                .map_or(String::new(), |n| format!("; did you mean {n}?"));
            Error::Input(format!(
                "there is no update rule {name}{near}\n  known are {}",
                all.join(", ")
            ))
        })?;
        let file = format!("{}.eq", rule.name.text);
        Ok(UpdateRule { rule, file, source: OPTIMIZERS.into() })
    }

    /// The first rule of a page.
    ///
    /// # Errors
    /// What is wrong with the page.
    pub fn parse(file: &str, source: &str) -> Result<UpdateRule, Error> {
        let errors = |diagnostics| {
            Error::Equations(Errors { file: file.into(), source: source.into(), diagnostics })
        };
        let page = parse_page(source, &standard().dialect()).map_err(errors)?;
        let rule = page.items.into_iter().find_map(|item| match item.statement {
            Statement::Optimizer(o) => Some(Arc::new(o)),
            _ => None,
        });
        let rule = rule.ok_or_else(|| {
            Error::Input(format!(
                "{file} has no update rule; write one, such as\n  optimizer mine(η = 0.1)\n    \
                     W ← W - η G"
            ))
        })?;
        Ok(UpdateRule { rule, file: file.into(), source: source.into() })
    }

    /// Its text alone, without the rest of its page.
    pub fn text(&self) -> &str {
        let head = format!("optimizer {}(", self.rule.name.spelling);
        let text = self.source.find(&head).map_or(self.source.as_str(), |at| &self.source[at..]);
        text[..text.find("\n\n").unwrap_or(text.len())].trim_end()
    }

    /// Its hyperparameters with these settings; `lr` and `learning_rate` are the step size.
    ///
    /// # Errors
    /// A setting it does not have; suggests the nearest.
    pub fn settings(&self, settings: &[(String, f64)]) -> Result<Vec<(String, f64)>, Error> {
        set(&self.rule.name.text, hyperparameters(&self.rule), settings)
    }
}
