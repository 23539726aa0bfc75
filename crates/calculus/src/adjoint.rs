//! What a value hands back to its operands: the adjoint texts of the op table and of functions,
//! built at a node.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::Op;
use matgrad_expr::syntax::{self, Expr, parse_expr};
use matgrad_library::standard;

/// The gradient of a node, handed on.
#[derive(Clone, Debug, Default)]
pub struct Contributions {
    /// (of, its part of the gradient).
    pub parts: Vec<(NodeId, NodeId)>,
    /// The function, if the parts are those of a declared surrogate.
    pub surrogate: Option<String>,
    /// The declared equation, where the node is a call of a function with adjoints of its own.
    pub declared: Vec<String>,
}

/// The adjoint texts of the op table, each as the number of its operand and its right side.
///
/// # Panics
/// Never: every law is derived through in the tests.
fn laws() -> &'static HashMap<&'static str, (usize, Expr)> {
    static LAWS: LazyLock<HashMap<&'static str, (usize, Expr)>> = LazyLock::new(|| {
        let texts = Op::all().into_iter().flat_map(|op| op.def().adjoint);
        let law = |&text: &&'static str| {
            let (left, right) = text.split_once('=').expect("an adjoint has a left side");
            let right = parse_expr(right, &standard().dialect())
                .unwrap_or_else(|d| panic!("{text}: {}", d[0].title));
            (text, (usize::from(left.trim() == "∂B"), right))
        };
        texts.map(law).collect()
    });
    &LAWS
}

/// What a node with this gradient hands to those of its operands that are active; a call without
/// an adjoint of its own hands all to its body.
///
/// # Errors
/// An adjoint text that does not fit, with its function.
pub fn backward(
    graph: &mut Graph,
    id: NodeId,
    gradient: NodeId,
    active: &HashSet<NodeId>,
) -> Result<Contributions, String> {
    let node = *graph.get(id);
    if let Op::Call(function) = node.op {
        return call(graph, id, function, gradient, active);
    }
    let mut found = Contributions::default();
    let definition = node.op.def();
    for text in definition.adjoint {
        let (operand, equation) = &laws()[text];
        let target = node.operands[*operand];
        if !active.contains(&target) {
            continue;
        }
        let shapes: Vec<_> = node.operands.iter().map(|&o| graph.shape(o)).collect();
        let linear = Some((node.op, *operand, shapes));
        // A function of the page is none of the law's, whatever its name.
        let mut scope = Scope { linear, functions: Some(0), ..Scope::default() };
        for (letter, &value) in ["A", "B"].iter().zip(node.operands.iter()) {
            scope.values.insert(letter.to_string(), Some(value));
        }
        scope.values.insert("C".into(), Some(id));
        scope.values.insert("∂C".into(), Some(gradient));
        let place = format!("the adjoint of {}", definition.name);
        found.parts.push((target, build(graph, &scope, equation, target, &place)?));
    }
    Ok(found)
}

fn call(
    graph: &mut Graph,
    id: NodeId,
    index: u32,
    gradient: NodeId,
    active: &HashSet<NodeId>,
) -> Result<Contributions, String> {
    let node = *graph.get(id);
    let mut found = Contributions::default();
    let function = graph.functions[index as usize].clone();
    let wanted: Vec<usize> =
        (0..node.operands.len()).filter(|&i| active.contains(&node.operands[i])).collect();
    let matrices: Vec<&syntax::Parameter> = function.parameters.iter().collect();
    let declared = |i: usize| function.backward.iter().find(|b| b.of == matrices[i].name);
    let surrogate = function.backward.iter().any(|b| b.surrogate);
    if !surrogate && wanted.iter().any(|&i| declared(i).is_none()) {
        let body = graph.body(id).expect("a call is made with its body");
        found.parts.push((body, gradient));
        return Ok(found);
    }
    found.surrogate = surrogate.then(|| function.name.text.clone());
    for i in wanted {
        let Some(backward) = declared(i) else { continue };
        let mut scope = Scope { functions: Some(index + 1), ..Scope::default() };
        for (parameter, &operand) in matrices.iter().zip(node.operands.iter()) {
            scope.values.insert(parameter.name.text.clone(), Some(operand));
        }
        scope.values.insert(backward.output.text.clone(), Some(id));
        scope.values.insert(format!("∂{}", backward.output.text), Some(gradient));
        let word = if surrogate { "surrogate" } else { "adjoint" };
        let place = format!("the {word} of {}", function.name.text);
        let part = build(graph, &scope, &backward.value, node.operands[i], &place)?;
        found.parts.push((node.operands[i], part));
        let value = syntax::print_expr(&backward.value, false);
        found.declared.push(format!("∂{} = {value}", backward.of.text));
    }
    Ok(found)
}

/// The right side of an adjoint, in the shape of what it is the gradient of.
fn build(
    graph: &mut Graph,
    scope: &Scope,
    equation: &Expr,
    target: NodeId,
    place: &str,
) -> Result<NodeId, String> {
    let shape = graph.shape(target);
    let part = Builder::new(graph, "")
        .expected(scope, equation, shape)
        .map_err(|d| format!("{place}: {}", d.title))?;
    graph.spread(part, shape).map_err(|_| {
        let found = graph.symbols.shape(graph.shape(part));
        let wanted = graph.symbols.shape(shape);
        format!(
            "{place} is {found}, but a gradient of {wanted} is wanted there; transpose it, or \
             sum what was spread"
        )
    })
}
