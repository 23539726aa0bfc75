//! One example through forward, backward and update, with every number.

use matgrad_expr::graph::NodeId;
use matgrad_expr::latex::{latex, latex_name};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::print::unicode;

use crate::forms::index::Why;
use crate::{Error, Network, UpdateRule};

mod contribution;
mod render;
mod walkthrough;

pub use contribution::{Contributions, contributions};
pub use render::{Summary, corners};
pub use walkthrough::{Equation, Memory, Walkthrough};

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `forward`, `backward` or `update`.
    pub part: &'static str,
    /// The name on the left.
    pub name: String,
    /// The equation.
    pub equation: String,
    /// The values, f64.
    pub value: Matrix,
    /// Where the equation comes from.
    pub rule: String,
    /// The equation in LaTeX, with its left side.
    pub latex: String,
}

/// All that is said of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// Forward, backward and update, equation by equation.
    pub lines: Vec<Line>,
    /// The sums behind the entries that were asked for.
    pub whys: Vec<Why>,
    /// Names of the input columns.
    pub inputs: Vec<String>,
    /// What the inputs contribute to each decision, with its name.
    pub decisions: Vec<(String, Contributions)>,
}

/// Explains one batch: forward, backward, and a step of gradient descent at this rate; and the
/// sums behind `entries`, such as `d_W1[3,2]`, with their numbers of so many significant digits.
///
/// # Errors
/// What cannot be derived or evaluated, or an entry that is not there.
pub fn explain(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    inputs: &Matrix,
    targets: &Matrix,
    rate: f64,
    entries: &[String],
    digits: usize,
) -> Result<Explanation, Error> {
    if inputs.rows == 0 {
        return Err(Error::Input("there are no rows to explain; give at least one".into()));
    }
    let method = UpdateRule::named("sgd")?.into();
    let walk = Walkthrough::new(network, &method, &[("lr".into(), rate)])?;
    let at = walk.bind(network, weights, (inputs, targets), &walk.start())?;
    let values = walk.evaluate(&at)?;
    let whys = entries.iter().map(|entry| walk.why(entry, &at, digits));
    let whys = whys.collect::<Result<_, _>>()?;
    let lines = walk.equations.iter().map(|e| {
        let arrow = e.name.strip_suffix(" ←");
        let sign = if arrow.is_some() { r" \leftarrow " } else { " = " };
        let left = latex_name(arrow.unwrap_or(&e.name));
        let page = e.part == "forward";
        let graph = if page { &network.equations.graph } else { &walk.graph };
        let equation = unicode(graph, e.node);
        let latex = match equation == e.name {
            true => left,
            false => format!("{left}{sign}{}", latex(graph, e.node)),
        };
        let value = values[&e.node].clone();
        Line { part: e.part, name: e.name.clone(), equation, value, rule: e.rule.clone(), latex }
    });
    Ok(Explanation { lines: lines.collect(), whys, ..Explanation::default() })
}
