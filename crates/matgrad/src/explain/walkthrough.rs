//! The equations of a network, forward, backward and update, ready for any weights and rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use matgrad_calculus::{Gradients, derive};
use matgrad_expr::elaborate::{Given, update_rule};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::syntax::canonical;

use crate::forms::index::{self, Why};
use crate::network::noise;
use crate::step::given;
use crate::{Error, Method, Network};

/// One equation of a walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// `forward`, `backward` or `update`.
    pub part: &'static str,
    /// The name on the left; of an update with its arrow, `W₁ ←`.
    pub name: String,
    /// What is on the right, or what is given.
    pub node: NodeId,
    /// Where it comes from.
    pub rule: String,
}

/// What an update rule keeps between two steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Steps done.
    pub steps: usize,
    /// State variables, in the order of the parameters.
    pub states: Vec<Vec<f64>>,
}

/// A network that was derived once and is evaluated often, plainly in f64.
pub struct Walkthrough {
    /// The derivation, without the update.
    pub derived: Gradients,
    /// The graph of all equations.
    pub graph: Graph,
    /// Forward, backward and update; a solver that searches has no update.
    pub equations: Vec<Equation>,
    parameters: Vec<NodeId>,
    step: NodeId,
    given: Vec<(NodeId, f64)>,
    /// Before and after a step, in the order of the parameters.
    weights: Vec<(NodeId, NodeId)>,
    states: Vec<(NodeId, NodeId)>,
}

impl Walkthrough {
    /// Derives a network, and its update by a method with these settings.
    ///
    /// # Errors
    /// What cannot be derived, or a setting that the method does not have.
    pub fn new(
        network: &Network,
        method: &Method,
        settings: &[(String, f64)],
    ) -> Result<Walkthrough, Error> {
        let parameters = network.equations.parameters();
        let derived =
            derive(&network.equations.graph, network.objective, &parameters).map_err(Error::Run)?;
        let mut graph = derived.graph.clone();
        let step = given(&mut graph, "step");
        let mut equations = forward(network);
        let users = users(&graph, network.objective);
        for &(of, gradient) in &derived.gradients {
            let users = users.get(&of).into_iter().flatten();
            let mut ops: Vec<String> =
                users.map(|&user| graph.called(graph.get(user).op)).collect();
            ops.dedup();
            let (name, rule) = (named(&graph, of), format!("adjoint of {}", ops.join(", ")));
            equations.push(Equation {
                part: "backward",
                name: format!("∂{name}"),
                node: gradient,
                rule,
            });
        }
        let mut walk = Walkthrough {
            derived,
            graph,
            equations,
            parameters,
            step,
            given: Vec::new(),
            weights: Vec::new(),
            states: Vec::new(),
        };
        walk.update(method, settings)?;
        Ok(walk)
    }

    fn update(&mut self, method: &Method, settings: &[(String, f64)]) -> Result<(), Error> {
        let Method::Rule(rule) = method else { return Ok(()) };
        let mut hyperparameters = BTreeMap::new();
        for (name, value) in rule.settings(settings)? {
            // A setting keeps its letter, unless the page has it; one that is 0 goes.
            let stands = value == 0.0 || self.graph.find(&name).is_some();
            let node = match stands {
                true => self.graph.number(value),
                false => given(&mut self.graph, &name),
            };
            self.given.push((node, value));
            hyperparameters.insert(name, (node, value));
        }
        for &parameter in &self.parameters {
            let gradient = self.derived.of(parameter);
            let gradient = gradient.ok_or_else(|| Error::Run("a gradient is missing".into()))?;
            let given = Given {
                weights: parameter,
                gradient,
                step: self.step,
                loss: self.derived.objective,
                hyperparameters: hyperparameters.clone(),
            };
            let update = update_rule(&mut self.graph, &rule.rule, &rule.source, &given)
                .map_err(|d| Error::Run(d[0].title.clone()))?;
            let changed = update.states.iter().copied().chain([(parameter, update.weights)]);
            for (before, after) in changed {
                let name = format!("{} ←", named(&self.graph, before));
                let rule = rule.rule.name.text.clone();
                self.equations.push(Equation { part: "update", name, node: after, rule });
            }
            self.weights.push((parameter, update.weights));
            self.states.extend(update.states);
        }
        Ok(())
    }

    /// The settings of the update rule that have a letter in its equations.
    pub fn settings(&self) -> impl Iterator<Item = (&str, f64)> {
        let named = |&(node, value): &(NodeId, f64)| {
            self.graph.name(node).map(|name| (name.text.as_str(), value))
        };
        self.given.iter().filter_map(named)
    }

    /// What the rule remembers before the first step.
    pub fn start(&self) -> Memory {
        let state = |&(node, _): &(NodeId, NodeId)| {
            let size = self.graph.shape(node).size().and_then(|d| d.number()).unwrap_or(0);
            let first = self.graph.variable(node).map(|v| &v.initial);
            let value = match first {
                Some(Initial::Value(m)) => m.data[0],
                Some(Initial::None | Initial::Draw(..)) | None => 0.0,
            };
            vec![value; size as usize]
        };
        Memory { steps: 0, states: self.states.iter().map(state).collect() }
    }

    /// Puts rows, weights and the rule's memory in their places.
    ///
    /// # Errors
    /// What does not fit.
    pub fn bind(
        &self,
        network: &Network,
        weights: &[(NodeId, Matrix)],
        (inputs, targets): (&Matrix, &Matrix),
        memory: &Memory,
    ) -> Result<Bindings, Error> {
        let mut at = Bindings::default();
        for (node, value) in [(network.input, inputs), (network.target, targets)] {
            at.set(&self.graph, node, value.clone()).map_err(Error::Input)?;
        }
        network.set_row_weights(&mut at, inputs.rows)?;
        let noise = noise(&network.equations, inputs.rows, 0, memory.steps + 1);
        for (node, value) in weights.iter().chain(&noise) {
            at.set(&self.graph, *node, value.clone()).map_err(Error::Input)?;
        }
        at.values.insert(self.step, Matrix::scalar((memory.steps + 1) as f64));
        at.values.extend(self.given.iter().map(|&(node, value)| (node, Matrix::scalar(value))));
        for ((node, _), state) in self.states.iter().zip(&memory.states) {
            let size = |d: matgrad_expr::dim::Dim| d.number().unwrap_or(0) as usize;
            let shape = self.graph.shape(*node);
            let value = Matrix::new(size(shape.rows), size(shape.cols), state.clone());
            at.set(&self.graph, *node, value).map_err(Error::Input)?;
        }
        Ok(at)
    }

    /// The values of all equations.
    ///
    /// # Errors
    /// A value that is missing.
    pub fn evaluate(&self, at: &Bindings) -> Result<HashMap<NodeId, Matrix>, Error> {
        let roots: Vec<NodeId> = self.equations.iter().map(|e| e.node).collect();
        evaluate(&self.graph, &roots, at).map_err(Error::Input)
    }

    /// Takes the step whose values these are.
    pub fn step(
        &self,
        values: &HashMap<NodeId, Matrix>,
        weights: &mut [(NodeId, Matrix)],
        memory: &mut Memory,
    ) {
        for (before, after) in &self.weights {
            let found = weights.iter_mut().find(|(node, _)| node == before);
            if let (Some((_, weight)), Some(value)) = (found, values.get(after)) {
                weight.clone_from(value);
            }
        }
        for (state, (_, after)) in memory.states.iter_mut().zip(&self.states) {
            if let Some(value) = values.get(after) {
                state.clone_from(&value.data);
            }
        }
        memory.steps += 1;
    }

    /// The sum behind an entry such as `d_W1[3,2]`, its numbers with so many significant digits.
    ///
    /// # Errors
    /// An entry that is not there.
    pub fn why(&self, text: &str, at: &Bindings, digits: usize) -> Result<Why, Error> {
        let (name, row, col) = entry(text)?;
        let form = index::form(&self.derived);
        form.why(&canonical(name), (row, col), at, digits).map_err(Error::Input)
    }
}

fn named(graph: &Graph, node: NodeId) -> String {
    graph.name(node).map_or("?".to_string(), |n| n.text.clone())
}

/// What is given, and what the page defines.
fn forward(network: &Network) -> Vec<Equation> {
    let graph = &network.equations.graph;
    let given = graph.variables.iter().filter_map(|variable| match variable.kind {
        Kind::Declared(role) => Some((variable.node, format!("{role:?}").to_lowercase())),
        Kind::State | Kind::Given => None,
    });
    let defined = network.equations.definitions.iter();
    let defined = defined.map(|&node| (node, "defined by the page".to_string()));
    let equation =
        |(node, rule)| Equation { part: "forward", name: named(graph, node), node, rule };
    given.chain(defined).map(equation).collect()
}

/// The nodes that use each node, of those that the objective needs.
fn users(graph: &Graph, objective: NodeId) -> HashMap<NodeId, Vec<NodeId>> {
    let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for user in graph.reachable(&[objective], false) {
        let once: HashSet<NodeId> = graph.get(user).operands.iter().copied().collect();
        for operand in once {
            users.entry(operand).or_default().push(user);
        }
    }
    users
}

/// `d_W1[3,2]` taken apart.
fn entry(text: &str) -> Result<(&str, usize, usize), Error> {
    let wrong = || Error::Input(format!("{text} is no entry; write NAME[ROW,COLUMN] from 1"));
    let (name, rest) = text.split_once('[').ok_or_else(wrong)?;
    let inside = rest.strip_suffix(']').ok_or_else(wrong)?;
    let (row, col) = inside.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    Ok((name.trim(), number(row)?, number(col)?))
}
