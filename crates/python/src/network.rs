//! A page of equations: derive, evaluate, check, print.

use std::collections::HashMap;

use matgrad::Engine;
use matgrad::calculus::{self, Gradients};
use matgrad::expr::elaborate::{Equations, read};
use matgrad::expr::graph::{Initial, NodeId};
use matgrad::expr::latex;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::Bindings;
use matgrad::expr::program::{self, julia::JULIA, numpy::NUMPY};
use matgrad::expr::syntax::canonical;
use matgrad::library::standard;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Array, array};
use crate::error;
use crate::model::precision;

/// A page of matrix equations.
#[pyclass(frozen, module = "matgrad._matgrad")]
pub struct Network {
    equations: Equations,
    source: String,
}

/// The arrays that a page's variables are given.
type Arrays<'py> = Vec<(NodeId, Array<'py>)>;

/// Reads a page.
pub fn page(file: &str, source: &str) -> PyResult<Equations> {
    read(file, source, standard()).map_err(error)
}

/// The variable of this name.
pub fn variable(equations: &Equations, name: &str) -> PyResult<NodeId> {
    let graph = &equations.graph;
    graph.find(&canonical(name)).filter(|&node| graph.variable(node).is_some()).ok_or_else(|| {
        let names = graph.variables.iter().filter_map(|v| graph.name(v.node));
        let known: Vec<&str> = names.map(|name| name.spelling.as_str()).collect();
        error(format!("the page declares no {name}; it declares {}", known.join(", ")))
    })
}

/// The name of a node as it was typed.
pub fn spelling(equations: &Equations, node: NodeId) -> String {
    equations.graph.name(node).map_or("?".into(), |name| name.spelling.clone())
}

impl Network {
    fn objective(&self) -> PyResult<NodeId> {
        self.equations
            .objective
            .ok_or_else(|| error("this page has no objective; end it with `minimize L`"))
    }

    fn gradients(&self, wrt: &[String]) -> PyResult<Gradients> {
        let equations = &self.equations;
        let nodes: Vec<NodeId> = match wrt {
            [] => equations.parameters(),
            names => names.iter().map(|name| variable(equations, name)).collect::<PyResult<_>>()?,
        };
        calculus::derive(&equations.graph, self.objective()?, &nodes).map_err(error)
    }

    fn arrays<'py>(&self, values: &Bound<'py, PyDict>) -> PyResult<(Bindings, Arrays<'py>)> {
        let (mut at, mut arrays) = (Bindings::default(), Vec::new());
        for (name, value) in values {
            let name: String = name.extract()?;
            let node = variable(&self.equations, &name)?;
            let value: Array = value.extract().map_err(|_| {
                error(format!("{name}: a two-dimensional float32 or float64 array is wanted"))
            })?;
            let (rows, cols) = value.shape();
            if rows == 0 || cols == 0 {
                return Err(error(format!("{name} is {rows}×{cols}: give a row at least")));
            }
            at.fits(&self.equations.graph, node, (rows, cols)).map_err(error)?;
            arrays.push((node, value));
        }
        let graph = &self.equations.graph;
        let open =
            |node: &NodeId| graph.variable(*node).is_some_and(|v| v.initial == Initial::None);
        let used = graph.reachable(self.equations.objective.as_slice(), false);
        let needed = self.equations.parameters().into_iter().chain(used.into_iter().filter(open));
        for node in needed {
            if !arrays.iter().any(|(given, _)| *given == node) {
                let name = spelling(&self.equations, node);
                return Err(error(format!("{name} has no value; give {name}=array")));
            }
        }
        Ok((at, arrays))
    }
}

#[pymethods]
impl Network {
    #[new]
    #[pyo3(signature = (source, file = "network"))]
    fn new(source: String, file: &str) -> PyResult<Network> {
        Ok(Network { equations: page(file, &source)?, source })
    }

    /// The page as it was given.
    #[getter]
    fn source(&self) -> &str {
        &self.source
    }

    /// Names and shapes of the parameters; a symbol of a shape is text.
    #[getter]
    fn parameters(&self) -> Vec<(String, (String, String))> {
        let graph = &self.equations.graph;
        let shape = |node| {
            let shape = graph.shape(node);
            (graph.symbols.dim(shape.rows), graph.symbols.dim(shape.cols))
        };
        self.equations
            .parameters()
            .into_iter()
            .map(|node| (spelling(&self.equations, node), shape(node)))
            .collect()
    }

    /// The gradients as text: `unicode`, `latex`, `numpy` or `julia`.
    #[pyo3(signature = (format = "unicode", wrt = Vec::new()))]
    fn derive(&self, py: Python<'_>, format: &str, wrt: Vec<String>) -> PyResult<String> {
        py.detach(|| {
            let derived = self.gradients(&wrt)?;
            let graph = &derived.graph;
            match format {
                "unicode" => Ok(derived.to_string()),
                "numpy" => {
                    Ok(program::module(&NUMPY, graph, derived.objective, &derived.gradients))
                }
                "julia" => {
                    Ok(program::module(&JULIA, graph, derived.objective, &derived.gradients))
                }
                "latex" => {
                    let line = |&(of, gradient): &(NodeId, NodeId)| {
                        // A value of the page by its name, not by what it is.
                        let name = graph.name(of).map_or("?", |name| &name.text);
                        let of = latex::latex_name(&format!("∂{name}"));
                        format!("{of} &= {}", latex::latex(graph, gradient))
                    };
                    let lines: Vec<String> = derived.gradients.iter().map(line).collect();
                    Ok(format!("\\begin{{aligned}}\n{}\n\\end{{aligned}}", lines.join(" \\\\\n")))
                }
                other => Err(error(format!(
                    "there is no format {other}; known are unicode, latex, numpy, julia"
                ))),
            }
        })
    }

    /// The objective and its gradients at given arrays: those of the parameters, or of `wrt`.
    #[pyo3(signature = (double = true, wrt = Vec::new(), **values))]
    fn gradients_at<'py>(
        &self,
        py: Python<'py>,
        double: bool,
        wrt: Vec<String>,
        values: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(f64, Bound<'py, PyDict>)> {
        let none = PyDict::new(py);
        let (at, arrays) = self.arrays(values.unwrap_or(&none))?;
        let derived = self.gradients(&wrt)?;
        let wanted: Vec<(NodeId, NodeId)> =
            derived.wrt.iter().filter_map(|&of| Some((of, derived.of(of)?))).collect();
        let roots: Vec<NodeId> = wanted.iter().map(|w| w.1).chain([derived.objective]).collect();
        let mut engine =
            Engine::new(&derived.graph, &roots, &[], &at.dims, None, precision(double))
                .map_err(error)?;
        for (node, array) in &arrays {
            let rows: Vec<usize> = (0..array.shape().0).collect();
            array.view().write(&mut engine, *node, &rows).map_err(error)?;
        }
        py.detach(|| engine.step());
        let gradients = PyDict::new(py);
        for (of, gradient) in wanted {
            let shape = arrays.iter().find(|(node, _)| *node == of).map(|(_, a)| a.shape());
            let name = spelling(&self.equations, of);
            let (rows, cols) =
                shape.ok_or_else(|| error(format!("{name} has no value; give {name}=array")))?;
            let value = Matrix::new(rows, cols, engine.read(gradient).map_err(error)?);
            gradients.set_item(name, array(py, value)?)?;
        }
        Ok((engine.read(derived.objective).map_err(error)?[0], gradients))
    }

    /// Relative differences between the derived gradients and finite differences.
    #[pyo3(signature = (**values))]
    fn check(
        &self,
        py: Python<'_>,
        values: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<HashMap<String, f64>> {
        let none = PyDict::new(py);
        let (mut at, arrays) = self.arrays(values.unwrap_or(&none))?;
        at.values = arrays.iter().map(|(node, array)| (*node, array.matrix())).collect();
        let (graph, objective) = (&self.equations.graph, self.objective()?);
        let parameters = self.equations.parameters();
        let results = py
            .detach(|| calculus::check::check(graph, objective, &parameters, &at))
            .map_err(error)?;
        Ok(results.into_iter().map(|r| (r.name, r.relative_difference)).collect())
    }
}
