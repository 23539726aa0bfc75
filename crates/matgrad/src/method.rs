//! How the loss is lowered: by an update rule, or by a solver that searches.

use matgrad_expr::syntax::{ascii, canonical};

use crate::{Error, Solver, UpdateRule};

/// An update rule or a solver.
#[derive(Clone, Debug)]
pub enum Method {
    /// Steps on batches, by equations.
    Rule(UpdateRule),
    /// Iterations on all rows.
    Search(Solver),
}

impl From<UpdateRule> for Method {
    fn from(rule: UpdateRule) -> Method {
        Method::Rule(rule)
    }
}

impl From<Solver> for Method {
    fn from(solver: Solver) -> Method {
        Method::Search(solver)
    }
}

impl Method {
    /// A solver, or an update rule of the library.
    ///
    /// # Errors
    /// No method of this name; suggests the nearest.
    pub fn named(name: &str) -> Result<Method, Error> {
        match Solver::ALL.into_iter().find(|s| s.name() == name) {
            Some(solver) => Ok(Method::Search(solver)),
            None => UpdateRule::named(name).map(Method::Rule),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Method::Rule(rule) => &rule.rule.name.text,
            Method::Search(solver) => solver.name(),
        }
    }

    /// The rule's text, or the solver's name.
    pub fn text(&self) -> &str {
        match self {
            Method::Rule(rule) => rule.text(),
            Method::Search(solver) => solver.name(),
        }
    }

    /// Its hyperparameters with these settings; `lr` and `learning_rate` are the step size.
    ///
    /// # Errors
    /// A setting it does not have.
    pub fn settings(&self, settings: &[(String, f64)]) -> Result<Vec<(String, f64)>, Error> {
        match self {
            Method::Rule(rule) => rule.settings(settings),
            Method::Search(solver) => solver.settings(settings),
        }
    }
}

/// Defaults with what differs from them.
pub(crate) fn set(
    owner: &str,
    mut values: Vec<(String, f64)>,
    settings: &[(String, f64)],
) -> Result<Vec<(String, f64)>, Error> {
    for (name, value) in settings {
        let mut text = canonical(name);
        if matches!(name.as_str(), "lr" | "learning_rate") {
            let rate = values.iter().find(|(n, _)| n == "η" || n == "Δ₀");
            text = rate.map_or(text, |(n, _)| n.clone());
        }
        match values.iter_mut().find(|(n, _)| *n == text) {
            Some(found) => found.1 = *value,
            None => {
                let typed = |(n, _): &(String, f64)| match n.as_str() {
                    "η" => "lr (η)".to_string(),
                    _ if n.is_ascii() => n.clone(),
                    _ => format!("{} ({n})", ascii(n)),
                };
                let known = values.iter().map(typed).collect::<Vec<_>>().join(", ");
                return Err(Error::Input(format!("{owner} has no {name}; it has {known}")));
            }
        }
    }
    Ok(values)
}
