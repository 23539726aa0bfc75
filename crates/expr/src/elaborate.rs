//! The tree becomes a graph: names are resolved, definitions expanded, operands spread, shapes
//! proved.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Errors, nearest};
use crate::dim::{Dim, Shape};
use crate::expression::{Builder, Scope, TRAINING};
use crate::graph::{Graph, Initial, Kind, NodeId, Variable};
use crate::library::Library;
use crate::matrix::Matrix;
use crate::meaning::{Bindings, evaluate};
use crate::syntax::{
    self, Declaration, Definition, Expr, Function, Name, Optimizer, Page, Role, Span, Statement,
};

/// A page as a graph.
#[derive(Clone, Debug)]
pub struct Equations {
    /// The graph; its names are those of the page.
    pub graph: Graph,
    /// What is minimised.
    pub objective: Option<NodeId>,
    /// Named values, in the order of the text.
    pub definitions: Vec<NodeId>,
    /// Second names of values, such as `A` after `Z = X W` and `A = Z`.
    pub aliases: Vec<(Name, NodeId)>,
    /// Update rules that the page defines.
    pub optimizers: Vec<Arc<Optimizer>>,
    /// From a value in training to what it is when the network is used, where they differ.
    inference: HashMap<NodeId, NodeId>,
}

impl Equations {
    /// The trained variables, in the order of the text.
    pub fn parameters(&self) -> Vec<NodeId> {
        self.declared(&[Role::Param])
    }

    /// All variables that training changes: the trained ones and the states of layers.
    pub fn learnt(&self) -> Vec<NodeId> {
        self.declared(&[Role::Param, Role::State])
    }

    fn declared(&self, roles: &[Role]) -> Vec<NodeId> {
        let kinds: Vec<Kind> = roles.iter().map(|&role| Kind::Declared(role)).collect();
        self.graph.variables.iter().filter(|v| kinds.contains(&v.kind)).map(|v| v.node).collect()
    }

    /// Inputs that nobody supplies: noise, drawn anew for each batch.
    pub fn noise(&self) -> impl Iterator<Item = &Variable> {
        let drawn = |v: &&Variable| {
            v.kind == Kind::Declared(Role::Input) && matches!(v.initial, Initial::Draw(..))
        };
        self.graph.variables.iter().filter(drawn)
    }

    /// What a value of the page is when the network is used: no dropout, running statistics.
    pub fn inference(&self, node: NodeId) -> NodeId {
        self.inference.get(&node).copied().unwrap_or(node)
    }

    /// Values as they are in training take the place of those that ask whether it is training, and
    /// keep their names; what they are otherwise is kept beside them.
    fn separate(&mut self) {
        let Some(asked) = self.graph.find(TRAINING).filter(|&n| self.graph.variable(n).is_some())
        else {
            return;
        };
        let graph = &mut self.graph;
        let mut roots = self.definitions.clone();
        roots.extend(self.objective);
        roots.extend(graph.updates.iter().map(|&(_, value)| value));
        let [used, trained] = [0.0, 1.0].map(|number| {
            let mut map = HashMap::from([(asked, graph.number(number))]);
            for &root in &roots {
                graph.replace(root, &mut map);
            }
            map
        });
        let names: Vec<(Name, NodeId)> =
            graph.names().into_iter().map(|(name, id)| (name.clone(), id)).collect();
        graph.retain_names(|id| trained.get(&id).is_none_or(|&new| new == id));
        let now = |id: &mut NodeId| *id = trained.get(id).copied().unwrap_or(*id);
        self.aliases.iter_mut().for_each(|(_, id)| now(id));
        let names = names.into_iter().filter(|&(_, id)| id != asked);
        for (name, mut id) in names.chain(self.aliases.iter().cloned()) {
            now(&mut id);
            graph.set_name(id, name);
        }
        // Users come after what they use, and what a user is in use counts.
        let mut all: Vec<NodeId> = trained.keys().copied().collect();
        all.sort_unstable();
        for id in all.into_iter().filter(|id| trained[id] != used[id]) {
            self.inference.insert(trained[&id], used[&id]);
        }
        graph.updates.iter_mut().for_each(|(_, value)| now(value));
        self.definitions.iter_mut().for_each(now);
        self.objective.iter_mut().for_each(now);
    }
}

/// Reads a page and builds its graph.
///
/// # Errors
/// All that is wrong with it, pointing at the text.
pub fn read(file: &str, source: &str, library: &Library) -> Result<Equations, Errors> {
    syntax::parse_page(source, &library.dialect())
        .and_then(|parsed| page(&parsed, source, library))
        .map_err(|diagnostics| Errors { file: file.into(), source: source.into(), diagnostics })
}

/// Builds the graph of a page. `source` is the text that its spans point into.
///
/// # Errors
/// One diagnostic for each statement that is wrong.
pub fn page(page: &Page, source: &str, library: &Library) -> Result<Equations, Vec<Diagnostic>> {
    let mut graph = Graph::new(&library.functions);
    let names = page.items.iter().filter_map(|item| match &item.statement {
        Statement::Declaration(d) => Some(d.name.text.clone()),
        Statement::Definition(d) => Some(d.name.text.clone()),
        Statement::Function(_) | Statement::Optimizer(_) | Statement::Minimize(_) => None,
    });
    let mut builder = Builder::new(&mut graph, source);
    builder.taken = names.collect();
    let mut reading = Reading {
        builder,
        scope: Scope::default(),
        objective: None,
        definitions: Vec::new(),
        aliases: Vec::new(),
    };
    let mut optimizers = Vec::new();
    let mut errors = Vec::new();
    for item in &page.items {
        let read = match &item.statement {
            Statement::Declaration(d) => reading.declaration(d),
            Statement::Definition(d) => reading.definition(d),
            Statement::Function(f) => reading.function(f),
            Statement::Minimize(e) => reading.minimize(e),
            Statement::Optimizer(o) => {
                optimizers.push(Arc::new(o.clone()));
                all_once(optimizers.iter().map(|o| &o.name)).and_then(|()| {
                    let states = o.states.iter().map(|state| &state.name);
                    all_once(o.parameters.iter().map(|p| &p.name).chain(states))
                })
            }
        };
        errors.extend(read.err().filter(|error| error.title != POISONED));
    }
    let Reading { objective, definitions, aliases, .. } = reading;
    if errors.is_empty() {
        errors = unused_targets(&graph, objective);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let inference = HashMap::new();
    let mut equations = Equations { graph, objective, definitions, aliases, optimizers, inference };
    equations.separate();
    Ok(equations)
}

/// A page, as far as it is read.
struct Reading<'a> {
    builder: Builder<'a>,
    scope: Scope,
    objective: Option<NodeId>,
    definitions: Vec<NodeId>,
    aliases: Vec<(Name, NodeId)>,
}

impl Reading<'_> {
    fn declaration(&mut self, d: &Declaration) -> Result<(), Diagnostic> {
        let declared = self
            .once(&d.name)
            .and_then(|()| declare(&mut self.builder, &self.scope, d, Kind::Declared(d.role)));
        self.keep(&d.name, declared).map(drop)
    }

    fn definition(&mut self, d: &Definition) -> Result<(), Diagnostic> {
        let value = self
            .once(&d.name)
            .and_then(|()| all_once(d.parts.iter().map(|part| &part.name)))
            .and_then(|()| self.builder.definition(&self.scope, &d.value, &d.parts));
        let node = self.keep(&d.name, value)?;
        if self.builder.graph.set_name(node, d.name.clone()) {
            self.definitions.push(node);
        } else {
            self.aliases.push((d.name.clone(), node));
        }
        Ok(())
    }

    fn function(&mut self, f: &Function) -> Result<(), Diagnostic> {
        self.once(&f.name)?;
        self.scope.places.insert(f.name.text.clone(), f.name.span);
        let functions = &mut self.builder.graph.functions;
        functions.push(Arc::new(f.clone()));
        let index = functions.len() as u32 - 1;
        self.builder.closures.insert(index, self.scope.values.clone());
        let owned = f.owned.iter().map(|declaration| &declaration.name);
        let inside = owned.chain(f.parts.iter().map(|part| &part.name));
        all_once(f.parameters.iter().map(|p| &p.name).chain(inside))?;
        all_once(f.backward.iter().map(|equation| &equation.of))
    }

    fn minimize(&mut self, e: &Expr) -> Result<(), Diagnostic> {
        let node = self.builder.definition(&self.scope, e, &[])?;
        let graph = &self.builder.graph;
        let shape = graph.shape(node);
        if !shape.is_scalar() {
            return Err(Diagnostic::new("the objective is not a number")
                .label(e.span, format!("this is {}", graph.symbols.shape(shape)))
                .help(
                    "minimise a 1×1 value, such as `sum(…)` or a loss of it; other values have a \
                       Jacobian: `--jacobian OUT:IN`, of an expression `--jacobian f:x`",
                ));
        }
        if self.objective.replace(node).is_some() {
            return Err(Diagnostic::new("there are two objectives")
                .label(e.span, "this is the second")
                .help("add them: `minimize L₁ + L₂`"));
        }
        Ok(())
    }

    /// Every name is defined once.
    fn once(&self, name: &Name) -> Result<(), Diagnostic> {
        match self.scope.places.get(&name.text) {
            Some(&first) => Err(twice(name, first)),
            None => Ok(()),
        }
    }

    /// Makes a name known to those below, even if what it stands for is wrong.
    fn keep(
        &mut self,
        name: &Name,
        value: Result<NodeId, Diagnostic>,
    ) -> Result<NodeId, Diagnostic> {
        let known = value.as_ref().ok().copied();
        self.scope.values.entry(name.text.clone()).or_insert(known);
        self.scope.places.entry(name.text.clone()).or_insert(name.span);
        value
    }
}

/// A name that has been given before.
fn twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(format!("{} is defined twice", name.text))
        .label(name.span, "here again")
        .label(first, "first here")
        .help("every name is defined once; give one of them another name")
}

/// What stands inside of a statement is named once, too.
fn all_once<'n>(names: impl Iterator<Item = &'n Name>) -> Result<(), Diagnostic> {
    let mut known: HashMap<&str, Span> = HashMap::new();
    for name in names {
        if let Some(first) = known.insert(&name.text, name.span) {
            return Err(twice(name, first));
        }
    }
    Ok(())
}

/// Title of the error that says only that something above is wrong already; never shown.
pub(crate) const POISONED: &str = "a name above is wrong";

/// Targets that say nothing, since the objective does not compare anything with them.
fn unused_targets(graph: &Graph, objective: Option<NodeId>) -> Vec<Diagnostic> {
    let Some(objective) = objective else { return Vec::new() };
    let used: HashSet<NodeId> = graph.reachable(&[objective], false).into_iter().collect();
    let target = |v: &&Variable| v.kind == Kind::Declared(Role::Target) && !used.contains(&v.node);
    let unused = graph.variables.iter().filter(target).filter_map(|v| graph.name(v.node));
    let wrong = |name: &Name| {
        Diagnostic::new(format!("the objective does not use the target {}", name.text))
            .label(name.span, "declared here")
            .help(format!(
                "compare with it what is predicted, such as `minimize mse(Z, {0})`, or declare it \
                 as `input {0}`",
                name.spelling
            ))
    };
    unused.map(wrong).collect()
}

/// Adds the variable of a declaration.
pub(crate) fn declare(
    builder: &mut Builder,
    scope: &Scope,
    declaration: &Declaration,
    kind: Kind,
) -> Result<NodeId, Diagnostic> {
    let name = &declaration.name;
    let initial = match &declaration.initial {
        None => Initial::None,
        Some(syntax::Initial::Value(e)) => Initial::Value(constant(builder, scope, e)?),
        Some(syntax::Initial::Draw { name, arguments }) => {
            let numbers: Result<Vec<f64>, Diagnostic> =
                arguments.iter().map(|a| Ok(constant(builder, scope, a)?.data[0])).collect();
            draw(name, numbers?)?
        }
    };
    let shape = match (&declaration.shape, &initial) {
        (Some(shape), _) => builder.shape(scope, shape)?,
        (None, Initial::Value(m)) => Shape::new(Dim::of(m.rows as u64), Dim::of(m.cols as u64)),
        (None, Initial::None | Initial::Draw(..)) => {
            return Err(Diagnostic::new(format!("{} has no shape", name.text))
                .label(name.span, "declared here")
                .help(format!("write `{} : rows×columns`", name.text)));
        }
    };
    if let Initial::Value(m) = &initial
        && (m.rows, m.cols) != (1, 1)
        && Shape::new(Dim::of(m.rows as u64), Dim::of(m.cols as u64)) != shape
    {
        let declared = builder.graph.symbols.shape(shape);
        return Err(Diagnostic::new(format!("the numbers of {} do not fit its shape", name.text))
            .label(
                name.span,
                format!("declared {declared}, but the numbers are {}×{}", m.rows, m.cols),
            )
            .help("change the shape or the numbers; rows are separated by `;`"));
    }
    Ok(builder.graph.add_variable(name.clone(), kind, shape, initial))
}

/// Distributions with the number of their arguments.
const DISTRIBUTIONS: [(&str, usize); 9] = [
    ("glorot", 0),
    ("glorot_normal", 0),
    ("he", 0),
    ("he_normal", 0),
    ("lecun", 0),
    ("lecun_normal", 0),
    ("orthogonal", 0),
    ("uniform", 2),
    ("normal", 2),
];

fn draw(name: &Name, numbers: Vec<f64>) -> Result<Initial, Diagnostic> {
    match DISTRIBUTIONS.iter().find(|(known, _)| *known == name.text) {
        Some((_, count)) if *count == numbers.len() => {
            Ok(Initial::Draw(name.text.clone(), numbers))
        }
        Some((_, count)) => Err(Diagnostic::new(format!("{} takes {count} numbers", name.text))
            .label(name.span, format!("{} given", numbers.len()))),
        None => {
            let known = DISTRIBUTIONS.map(|(n, _)| n);
            let near = nearest(&name.text, known);
            Err(Diagnostic::new(format!("there is no distribution {}", name.text))
                .label(name.span, near.map_or("not known".into(), |n| format!("did you mean {n}?")))
                .help(format!("known are {}", known.join(", "))))
        }
    }
}

fn constant(builder: &mut Builder, scope: &Scope, e: &syntax::Expr) -> Result<Matrix, Diagnostic> {
    let node = builder.definition(scope, e, &[])?;
    let mut values = evaluate(builder.graph, &[node], &Bindings::default())
        .map_err(|why| Diagnostic::new("an initial value must be numbers").label(e.span, why))?;
    let value = values.remove(&node).expect("evaluate returns its roots");
    match value.data.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(Diagnostic::new("an initial value must be finite numbers")
            .label(e.span, format!("this is {x}"))
            .help("a number that is divided by 0 is none")),
        None => Ok(value),
    }
}

/// What an update rule does to one parameter.
#[derive(Clone, Debug)]
pub struct Update {
    /// The new weights.
    pub weights: NodeId,
    /// Each state variable with its new value.
    pub states: Vec<(NodeId, NodeId)>,
}

/// The hyperparameters of a rule with their defaults.
pub fn hyperparameters(rule: &Optimizer) -> Vec<(String, f64)> {
    let mut graph = Graph::default();
    let mut builder = Builder::new(&mut graph, "");
    let mut scope = Scope::default();
    let mut found = Vec::new();
    for parameter in &rule.parameters {
        let value = parameter
            .default
            .as_ref()
            .and_then(|e| constant(&mut builder, &scope, e).ok())
            .map_or(f64::NAN, |m| m.data[0]);
        let node = builder.graph.number(value);
        scope.values.insert(parameter.name.text.clone(), Some(node));
        found.push((parameter.name.text.clone(), value));
    }
    found
}

/// What a rule is given besides the weights: the gradient, the step from 1 and the loss, all nodes
/// of the graph, and each hyperparameter as a node and as the number with which states begin.
#[derive(Clone, Debug)]
pub struct Given {
    /// `W`.
    pub weights: NodeId,
    /// `G`.
    pub gradient: NodeId,
    /// `t`, 1×1, from 1.
    pub step: NodeId,
    /// `L`, 1×1: the loss before the update.
    pub loss: NodeId,
    /// Hyperparameters by canonical name.
    pub hyperparameters: BTreeMap<String, (NodeId, f64)>,
}

/// Applies a rule to one parameter. State variables are added to the graph; they are called after
/// the parameter, such as `M_W₁`.
///
/// # Errors
/// What is wrong in the rule, pointing into its text.
pub fn update_rule(
    graph: &mut Graph,
    rule: &Optimizer,
    source: &str,
    given: &Given,
) -> Result<Update, Vec<Diagnostic>> {
    let shape = graph.shape(given.weights);
    let owner = graph.name(given.weights).map_or(String::new(), |n| n.text.clone());
    let mut scope = Scope::default();
    let mut start = Scope::default();
    for (name, (node, value)) in &given.hyperparameters {
        scope.values.insert(name.clone(), Some(*node));
        let number = graph.number(*value);
        start.values.insert(name.clone(), Some(number));
    }
    for (name, node) in
        [("W", given.weights), ("G", given.gradient), ("t", given.step), ("L", given.loss)]
    {
        scope.values.insert(name.into(), Some(node));
    }
    let mut builder = Builder::new(graph, source);
    let mut states: Vec<(String, NodeId)> = Vec::new();
    let mut errors = Vec::new();
    for state in &rule.states {
        match constant(&mut builder, &start, &state.value) {
            Ok(value) => {
                let text = format!("{}_{owner}", state.name.text);
                let name = Name { spelling: syntax::ascii(&text), text, span: state.name.span };
                let node =
                    builder.graph.add_variable(name, Kind::State, shape, Initial::Value(value));
                scope.values.insert(state.name.text.clone(), Some(node));
                states.push((state.name.text.clone(), node));
            }
            Err(error) => {
                scope.values.insert(state.name.text.clone(), None);
                errors.push(error);
            }
        }
    }
    for line in &rule.updates {
        let kept = line.name.text == "W" || states.iter().any(|(n, _)| *n == line.name.text);
        let value = builder.expected(&scope, &line.value, shape).and_then(|node| {
            if !kept {
                return Ok(node);
            }
            builder.graph.spread(node, shape).map_err(|_| {
                Diagnostic::new(format!("{} must keep the shape of W", line.name.text))
                    .label(line.value.span, "this has another shape")
                    .help("weights and states keep their shape; combine entry by entry: `G ⊙ M`")
            })
        });
        match value {
            Ok(node) => drop(scope.values.insert(line.name.text.clone(), Some(node))),
            Err(error) => {
                scope.values.insert(line.name.text.clone(), None);
                errors.extend(error.title.ne(POISONED).then_some(error));
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let now = |name: &str| scope.values[name].expect("no error, so no name is wrong");
    Ok(Update {
        weights: now("W"),
        states: states.iter().map(|(name, variable)| (*variable, now(name))).collect(),
    })
}

/// A name that no text has.
pub(crate) fn made_up(text: String) -> Name {
    Name { spelling: syntax::ascii(&text), text, span: Span::default() }
}

/// Values of a scope without the wrong ones.
pub(crate) type Values = HashMap<String, Option<NodeId>>;
