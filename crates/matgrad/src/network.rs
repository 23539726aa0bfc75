//! A network: a page of equations that has inputs, targets and an objective.

use matgrad_data::Random;
use matgrad_expr::diagnostic::{Diagnostic, Errors};
use matgrad_expr::dim::{Dim, Symbol};
use matgrad_expr::elaborate::{Equations, read};
use matgrad_expr::graph::{Initial, Kind, NodeId, Variable};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::Bindings;
use matgrad_expr::syntax::Role;
use matgrad_library::standard;

use crate::{Error, Layers, output, room};

/// A page of equations, ready to be derived, trained and explained.
#[derive(Clone, Debug)]
pub struct Network {
    /// The text.
    pub source: String,
    /// The graph.
    pub equations: Equations,
    /// The one input matrix.
    pub input: NodeId,
    /// The input that only the objective uses: a weight for each row (B×1) or target (as the
    /// targets).
    pub row_weights: Option<NodeId>,
    /// The one target matrix.
    pub target: NodeId,
    /// The objective, 1×1.
    pub objective: NodeId,
    /// What metrics call the loss: the value named `L`, else the objective.
    pub loss: NodeId,
    /// What the loss compares with the target.
    pub output: NodeId,
    /// What makes a prediction of the output: `softmax`, `sigmoid`, `exp` or nothing.
    pub link: Link,
    /// The symbol of the number of rows.
    pub batch: Symbol,
}

/// From the output to the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The output is the prediction.
    Identity,
    /// Probabilities that sum to 1.
    Softmax,
    /// A probability for each column.
    Sigmoid,
    /// Poisson rates.
    Exp,
}

impl Link {
    /// Applies it to each row.
    pub fn apply(self, output: &mut Matrix) {
        match self {
            Link::Identity => {}
            Link::Sigmoid => output.data.iter_mut().for_each(|z| *z = 1.0 / (1.0 + (-*z).exp())),
            Link::Exp => output.data.iter_mut().for_each(|z| *z = z.exp()),
            Link::Softmax => {
                for row in output.data.chunks_mut(output.cols.max(1)) {
                    let top = row.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                    row.iter_mut().for_each(|z| *z = (*z - top).exp());
                    let sum: f64 = row.iter().sum();
                    row.iter_mut().for_each(|z| *z /= sum);
                }
            }
        }
    }
}

impl Network {
    /// Reads a page and finds its input, target, objective and output.
    ///
    /// # Errors
    /// What is wrong with the page, or what it lacks to be trained.
    pub fn parse(file: &str, source: &str) -> Result<Network, Error> {
        let equations = read(file, source, standard())?;
        let wrong = |diagnostic| {
            let (file, source) = (file.into(), source.into());
            Error::Equations(Errors { file, source, diagnostics: vec![diagnostic] })
        };
        let lacks = |what: &str, help: &str| wrong(Diagnostic::new(what).help(help));
        let all = |role: Role| -> Vec<NodeId> {
            let variables = equations.graph.variables.iter();
            let supplied =
                |v: &&Variable| v.kind == Kind::Declared(role) && v.initial == Initial::None;
            variables.filter(supplied).map(|v| v.node).collect()
        };
        let one = |found: &[NodeId], word: &str| match found {
            [node] => Ok(*node),
            _ => Err(lacks(
                &format!("a network for a table has one {word}, this page has {}", found.len()),
                &format!("declare it as `{word} NAME : B×columns`"),
            )),
        };
        let target = one(&all(Role::Target), "target")?;
        let objective = equations
            .objective
            .ok_or_else(|| lacks("this page has no objective", "end it with `minimize L`"))?;
        let graph = &equations.graph;
        let (output, link) = output::find(&equations, objective, target).map_err(wrong)?;
        let reached = graph.reachable(&[output], true);
        let used = graph.reachable(&[objective, output], true);
        let (inputs, others): (Vec<NodeId>, Vec<NodeId>) = all(Role::Input)
            .into_iter()
            .filter(|i| used.contains(i))
            .partition(|i| reached.contains(i));
        let input = one(&inputs, "input")?;
        let row_weights = match others[..] {
            [] => None,
            _ => Some(one(&others, "input that only the objective uses (the rows' weights)")?),
        };
        let batch = graph.shape(input).rows.as_symbol().ok_or_else(|| {
            lacks("the input has a fixed number of rows", "write `input X : B×columns`")
        })?;
        let named = graph.find("L").filter(|&l| graph.shape(l).is_scalar());
        let loss = named.unwrap_or(objective);
        Ok(Network {
            source: source.into(),
            input,
            row_weights,
            target,
            objective,
            loss,
            output,
            link,
            batch,
            equations,
        })
    }

    /// Binds the weights of this many rows, if the page has any, to 1.
    pub(crate) fn set_row_weights(&self, at: &mut Bindings, rows: usize) -> Result<(), Error> {
        let Some(node) = self.row_weights else { return Ok(()) };
        let ones = Matrix::filled(rows, self.columns(node), 1.0);
        at.set(&self.equations.graph, node, ones).map_err(Error::Input)
    }

    /// What the rows of a batch are written into: inputs, targets, and weights of rows.
    pub fn row_inputs(&self) -> Vec<NodeId> {
        [self.input, self.target].into_iter().chain(self.row_weights).collect()
    }

    /// The number of columns of a node, where it is known.
    pub fn columns(&self, node: NodeId) -> usize {
        self.equations.graph.shape(node).cols.number().unwrap_or(1) as usize
    }

    /// Starts a network by layers for tables of this many columns.
    pub fn layers(inputs: usize, outputs: usize) -> Layers {
        Layers::new(inputs, outputs)
    }

    /// Initial values of all parameters and constants with numbers, drawn by seed.
    ///
    /// # Errors
    /// A parameter without a value or with a shape that has symbols.
    pub fn initial(&self, seed: u64) -> Result<Vec<(NodeId, Matrix)>, Error> {
        let mut random = Random::seed(seed);
        let graph = &self.equations.graph;
        let trained = [Role::Param, Role::Const, Role::State].map(Kind::Declared);
        graph
            .variables
            .iter()
            .filter(|v| trained.contains(&v.kind))
            .map(|v| {
                let name = graph.name(v.node).map_or("?", |n| n.text.as_str());
                let number = |d: Dim| {
                    d.number().map(|n| n as usize).ok_or_else(|| {
                        Error::Input(format!(
                            "{name} is {}: a parameter needs whole numbers; write them in \
                             place of the symbols",
                            graph.symbols.shape(v.shape)
                        ))
                    })
                };
                let (rows, cols) = (number(v.shape.rows)?, number(v.shape.cols)?);
                room::ask(name, rows.checked_mul(cols), 8)?;
                let value = match &v.initial {
                    Initial::Value(m) if m.data.len() == 1 => Matrix::filled(rows, cols, m.data[0]),
                    Initial::Value(m) => m.clone(),
                    Initial::Draw(how, numbers) => draw(how, numbers, rows, cols, &mut random),
                    Initial::None if v.kind == trained[0] => {
                        draw("glorot", &[], rows, cols, &mut random)
                    }
                    Initial::None => {
                        return Err(Error::Input(format!(
                            "{name} has no value; write `const {name} : … = …`"
                        )));
                    }
                };
                Ok((v.node, value))
            })
            .collect()
    }
}

/// The noise that a network wants in a step of training: of so many rows, by seed and step.
pub(crate) fn noise(
    equations: &Equations,
    rows: usize,
    seed: u64,
    step: usize,
) -> Vec<(NodeId, Matrix)> {
    let mut random = Random::seed(seed ^ 0x6e_01_5e ^ ((step as u64) << 24));
    let each = equations.noise().map(|variable| {
        let size = |d: Dim| d.evaluate(&|_| Some(rows)).unwrap_or(0);
        let (rows, cols) = (size(variable.shape.rows), size(variable.shape.cols));
        let value = match &variable.initial {
            Initial::Draw(how, numbers) => draw(how, numbers, rows, cols, &mut random),
            Initial::None | Initial::Value(_) => Matrix::filled(rows, cols, 0.0),
        };
        (variable.node, value)
    });
    each.collect()
}

/// Draws weights; the variance is that of the named scheme for `rows` inputs and `cols` outputs.
fn draw(how: &str, numbers: &[f64], rows: usize, cols: usize, random: &mut Random) -> Matrix {
    let (fan_in, both) = (rows as f64, (rows + cols) as f64);
    let mut uniform = |limit: f64| (random.uniform() * 2.0 - 1.0) * limit;
    let n = rows * cols;
    let data: Vec<f64> = match how {
        "glorot" => (0..n).map(|_| uniform((6.0 / both).sqrt())).collect(),
        "he" => (0..n).map(|_| uniform((6.0 / fan_in).sqrt())).collect(),
        "lecun" => (0..n).map(|_| uniform((3.0 / fan_in).sqrt())).collect(),
        "uniform" => {
            (0..n).map(|_| numbers[0] + (numbers[1] - numbers[0]) * random.uniform()).collect()
        }
        "glorot_normal" => (0..n).map(|_| random.normal() * (2.0 / both).sqrt()).collect(),
        "he_normal" => (0..n).map(|_| random.normal() * (2.0 / fan_in).sqrt()).collect(),
        "lecun_normal" => (0..n).map(|_| random.normal() * (1.0 / fan_in).sqrt()).collect(),
        "normal" => (0..n).map(|_| numbers[0] + numbers[1] * random.normal()).collect(),
        _ => return orthogonal(rows, cols, random),
    };
    Matrix::new(rows, cols, data)
}

/// Orthonormal rows or columns, whichever are fewer, by Gram–Schmidt on normal numbers.
fn orthogonal(rows: usize, cols: usize, random: &mut Random) -> Matrix {
    let (count, length) = (rows.min(cols), rows.max(cols));
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    while vectors.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| random.normal()).collect();
        for known in &vectors {
            let along: f64 = v.iter().zip(known).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(known).for_each(|(a, b)| *a -= along * b);
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            v.iter_mut().for_each(|x| *x /= norm);
            vectors.push(v);
        }
    }
    Matrix::from_fn(rows, cols, |i, j| if rows <= cols { vectors[i][j] } else { vectors[j][i] })
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn an_input_that_nothing_uses_weighs_no_rows() {
        let page = |more: &str, loss: &str| {
            let page = format!(
                "input X : B×2\n{more}target Y : B×1\nparam W : 2×1\nZ = X W\nminimize {loss}\n"
            );
            Network::parse("page.eq", &page).unwrap_or_else(|e| panic!("{e}"))
        };
        let weights = page("input S : B×1\n", "sum(S ⊙ (Z - Y) .^ 2)").row_weights;
        assert!(weights.is_some());
        for more in ["input S : B×1\n", "input S : B×1\ninput T : 3×4\n"] {
            assert_eq!(page(more, "mse(Z, Y)").row_weights, None, "{more}");
        }
    }
}
