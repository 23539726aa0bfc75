//! What is never written down, since it is something shorter.

use super::{Graph, Initial, Kind};
use crate::dim::{Dim, Shape};
use crate::op::Op;
use crate::syntax::{Name, Role};

#[test]
fn what_changes_nothing_is_no_node() {
    let mut graph = Graph::default();
    let name = Name { text: "A".into(), spelling: "A".into(), span: Default::default() };
    let shape = Shape::new(Dim::of(2), Dim::of(3));
    let a = graph.add_variable(name, Kind::Declared(Role::Param), shape, Initial::None);
    for op in [Op::Sign, Op::Abs] {
        let once = graph.node(op, &[a]).unwrap();
        assert!(once != a, "{op:?}");
        assert_eq!(graph.node(op, &[once]).unwrap(), once, "{op:?}");
    }
    for op in [Op::Neg, Op::Transpose] {
        let once = graph.node(op, &[a]).unwrap();
        assert_eq!(graph.node(op, &[once]).unwrap(), a, "{op:?}");
    }
}
