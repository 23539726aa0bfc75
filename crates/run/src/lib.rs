//! Runs the programs of matgrad-plan.
//!
//! The stage after the plan. A [`machine::Machine`] owns one arena of numbers; a step runs the
//! instructions one after the other, allocates nothing, and gives the same bits each time. A
//! machine knows programs, not networks.
//!
//! This is the crate of the house with `unsafe` (beside it only matgrad-data, which has files mapped,
//! and where other languages call): operands are read through pointers into the
//! arena, at places which the plan vouches for, and the inner loops of products use the vector
//! instructions that the processor has, chosen at run time.
//!
//! ```
//! use std::{collections::HashMap, sync::Arc};
//! use matgrad_expr::{dim::{Dim, Shape}, graph::{Graph, Initial, Kind}, op::Op};
//! use matgrad_expr::syntax::{Name, Role};
//! use matgrad_plan::plan::{Request, plan};
//! use matgrad_run::machine::Machine;
//!
//! // Y = X Xᵀ
//! let mut graph = Graph::default();
//! let batch = graph.symbols.intern("B");
//! let name = Name { text: "X".into(), spelling: "X".into(), span: Default::default() };
//! let shape = Shape::new(Dim::symbol(batch), Dim::of(2));
//! let x = graph.add_variable(name, Kind::Declared(Role::Input), shape, Initial::None);
//! let transposed = graph.node(Op::Transpose, &[x]).unwrap();
//! let y = graph.node(Op::MatMul, &[x, transposed]).unwrap();
//!
//! let dims = HashMap::new();
//! let rows = Some((batch, 100));
//! let request = Request { graph: &graph, outputs: &[y], updates: &[], fixed: &[], dims: &dims, rows };
//! let mut machine = Machine::<f32>::new(Arc::new(plan(&request)?));
//! machine.set_rows(2)?;
//! machine.write(x, &[1.0, 2.0, 3.0, 4.0])?;
//! machine.step();
//! assert_eq!(machine.read(y)?, [5.0, 11.0, 11.0, 25.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(unsafe_code, reason = "operands of a step share one arena, and products use SIMD")]

mod band;
mod convolution;
mod denormal;
mod execute;
mod fold;
mod function;
mod fuse;
mod link;
pub mod machine;
mod matrix;
pub mod peak;
mod picture;
mod pool;
mod product;
pub mod real;
mod reduce;
pub mod simd;
mod square;
mod tile;
mod trial;
