//! Where each node lives: a view of a region, made by a unit of work.
//!
//! Transposes, spreads, slices and reshapes are views and cost nothing; element-wise nodes are put
//! together by `group`. Until `allocate`, the `offset` of a slot or view is the number of its
//! region.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most ops are alike here: they compute a matrix of their own"
)]

use std::collections::HashMap;

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::{Axis, Bits, Op};

use crate::convolution::Convolution;
use crate::extent::{Extent, Slot, View};
use crate::plan::{PlanError, Request, label};
use crate::program::Inside;

/// Columns of a matrix that lies column by column at most: half a vector.
const NARROW: usize = 16;

/// A matrix in the arena.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub rows: Extent,
    pub cols: Extent,
    /// Numbers to fill it with before the first step.
    pub numbers: Option<Vec<f64>>,
    /// Whether it is a variable's.
    pub variable: bool,
    /// Whether it keeps its place through the whole program and after it.
    pub permanent: bool,
    /// Whether many steps share its entries.
    pub fixed: bool,
}

impl Region {
    pub fn new(rows: Extent, cols: Extent) -> Region {
        Region { rows, cols, numbers: None, variable: false, permanent: false, fixed: false }
    }

    pub fn slot(&self, number: usize) -> Slot {
        Slot { offset: number, rows: self.rows, cols: self.cols }
    }
}

/// What a unit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Element-wise nodes of one shape.
    Tile,
    /// One node.
    Single,
    /// Brings the entries of a view to another place.
    Copy { view: View, to: View },
}

/// Work that is done in one go.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub work: Work,
    /// Its nodes, each after its operands.
    pub nodes: Vec<NodeId>,
    /// Units that come before.
    pub needs: Vec<usize>,
    /// Whether it need not be done in each step.
    pub fixed: bool,
}

/// A variable and where its new value is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    pub variable: Slot,
    /// The node of the new value.
    pub value: NodeId,
    pub from: Slot,
    /// What makes it; `None` for a constant.
    pub unit: Option<usize>,
}

/// A number known without looking into the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Immediate {
    Number(f64),
    Size(Extent),
}

pub(crate) struct Values<'a> {
    pub request: &'a Request<'a>,
    /// All that is needed, each node after its operands.
    pub order: Vec<NodeId>,
    pub capacity: usize,
    pub regions: Vec<Region>,
    pub units: Vec<Unit>,
    /// Of each unit, what it does as a convolution.
    pub convolutions: Vec<Option<Convolution>>,
    /// Whether a convolution does the work of a unit.
    pub taken: Vec<bool>,
    pub ranges: Vec<Inside>,
    pub variables: Vec<(NodeId, Slot)>,
    pub outputs: Vec<(NodeId, Slot)>,
    pub updates: Vec<Update>,
    /// Units that make outputs.
    pub output_units: Vec<usize>,
    /// Of each node, by number.
    views: Vec<Option<View>>,
    /// The unit that makes what the view shows.
    pub makers: Vec<Option<usize>>,
    /// The element-wise unit that the node belongs to.
    pub tiles: Vec<Option<usize>>,
    /// Operands that stand for those of a node.
    pub instead: HashMap<NodeId, Vec<NodeId>>,
    /// Whether a node is computed by each unit that reads it.
    pub again: Vec<bool>,
    /// Whether an element-wise node is an output, or needed outside its unit.
    pub needed: Vec<bool>,
    /// Whether it is needed or a new value of a variable.
    pub stored: Vec<bool>,
}

impl<'a> Values<'a> {
    pub fn of(request: &'a Request<'a>) -> Result<Values<'a>, PlanError> {
        let graph = request.graph;
        let nodes = graph.len();
        let updates = request.updates.iter();
        let mut roots = request.outputs.to_vec();
        roots.extend(updates.flat_map(|&(variable, value)| [value, variable]));
        let order = graph.reachable(&roots, true);
        let mut values = Values {
            request,
            order: order.clone(),
            capacity: request.rows.map_or(1, |(_, capacity)| capacity),
            regions: Vec::new(),
            units: Vec::new(),
            convolutions: Vec::new(),
            taken: Vec::new(),
            ranges: Vec::new(),
            variables: Vec::new(),
            outputs: Vec::new(),
            updates: Vec::new(),
            output_units: Vec::new(),
            views: vec![None; nodes],
            makers: vec![None; nodes],
            tiles: vec![None; nodes],
            instead: HashMap::new(),
            again: vec![false; nodes],
            needed: vec![false; nodes],
            stored: vec![false; nodes],
        };
        values.find_largest(&order);
        values.find_again(&order);
        for &id in &order {
            values.visit(id)?;
        }
        values.find_stored(&order);
        values.place_outputs();
        values.place_updates();
        values.convolutions = vec![None; values.units.len()];
        values.taken = vec![false; values.units.len()];
        values.find_convolutions();
        // What no convolution lays out has no place anyway.
        values.regions.iter_mut().for_each(|region| region.permanent |= region.fixed);
        values.variables.sort_by_key(|&(id, _)| id);
        Ok(values)
    }

    /// The node itself, or the body of a call.
    pub fn resolve(&self, mut id: NodeId) -> NodeId {
        while let (Op::Call(_), Some(body)) =
            (self.request.graph.get(id).op, self.request.graph.body(id))
        {
            id = body;
        }
        id
    }

    /// The operands of a node, calls resolved.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let own = &self.request.graph.get(id).operands;
        let operands = self.instead.get(&id).map_or(&own[..], |instead| instead);
        operands.iter().map(|&o| self.resolve(o)).collect()
    }

    pub fn view(&self, id: NodeId) -> View {
        self.views[id.0 as usize].expect("each node is visited after its operands")
    }

    /// Shows the value of a node elsewhere, when its unit writes it there.
    pub fn set_view(&mut self, id: NodeId, view: View) {
        self.views[id.0 as usize] = Some(view);
    }

    pub fn tile(&self, id: NodeId) -> Option<usize> {
        self.tiles[id.0 as usize]
    }

    pub fn is_needed(&self, id: NodeId) -> bool {
        self.needed[id.0 as usize]
    }

    pub fn is_stored(&self, id: NodeId) -> bool {
        self.stored[id.0 as usize]
    }

    /// A number, or a size, also when it is spread.
    pub fn immediate(&self, id: NodeId) -> Option<Immediate> {
        let id = self.resolve(id);
        match self.request.graph.get(id).op {
            Op::Number(Bits(bits)) => Some(Immediate::Number(f64::from_bits(bits))),
            Op::Size(dim) => self.extent(dim, id).ok().map(Immediate::Size),
            Op::Spread(_) => self.immediate(self.request.graph.get(id).operands[0]),
            _ => None,
        }
    }

    /// What a unit reads from the arena: views of regions that it does not make.
    pub fn reads(&self, unit: usize) -> Vec<View> {
        let unit_number = unit;
        match &self.convolutions[unit] {
            Some(convolution) => return vec![convolution.a, convolution.b],
            None if self.taken[unit] => return Vec::new(),
            None => {}
        }
        let unit = &self.units[unit];
        match unit.work {
            Work::Copy { view, .. } => vec![view],
            Work::Single => {
                let operands = unit.nodes.iter().flat_map(|&id| self.operands(id));
                operands.map(|o| self.view(o)).collect()
            }
            Work::Tile => {
                let operands = unit.nodes.iter().flat_map(|&id| self.sources(id));
                let outside = operands
                    .filter(|&o| self.tile(o) != Some(unit_number) && self.immediate(o).is_none());
                outside.map(|o| self.view(o)).collect()
            }
        }
    }

    /// The node of a unit that has one only, and is no element-wise work.
    pub fn single(&self, unit: usize) -> Option<NodeId> {
        let unit = &self.units[unit];
        if unit.work == Work::Single { unit.nodes.first().copied() } else { None }
    }

    /// Whether an element-wise unit writes new values over this variable.
    pub fn overwrites(&self, unit: usize, region: usize) -> bool {
        self.units[unit].work == Work::Tile
            && self.regions[region].variable
            && self.units[unit].nodes.iter().any(|&id| self.view(id).offset == region)
    }

    pub fn extent(&self, dim: Dim, id: NodeId) -> Result<Extent, PlanError> {
        let graph = self.request.graph;
        let mut extent = Some(Extent::of(usize::try_from(dim.coefficient()).unwrap_or(usize::MAX)));
        for symbol in dim.symbols() {
            let factor = match self.request.rows {
                Some((rows, _)) if rows == symbol => Extent { coefficient: 1, power: 1 },
                _ => match self.request.dims.get(&symbol) {
                    Some(&value) => Extent::of(value),
                    None => {
                        return Err(PlanError::UnknownDimension {
                            symbol: graph.symbols.name(symbol).to_string(),
                            node: label(graph, id),
                        });
                    }
                },
            };
            extent = extent.and_then(|e| e.times(factor));
        }
        extent.ok_or_else(|| self.too_large(id))
    }

    pub fn shape(&self, shape: Shape, id: NodeId) -> Result<(Extent, Extent), PlanError> {
        let (rows, cols) = (self.extent(shape.rows, id)?, self.extent(shape.cols, id)?);
        let size = rows.times(cols).and_then(|size| size.checked_at(self.capacity));
        match size {
            // A quarter of the address space leaves room for the largest number type.
            Some(size) if size <= usize::MAX / 64 => Ok((rows, cols)),
            _ => Err(self.too_large(id)),
        }
    }

    fn too_large(&self, id: NodeId) -> PlanError {
        let graph = self.request.graph;
        PlanError::TooLarge { node: label(graph, id), shape: graph.symbols.shape(graph.shape(id)) }
    }

    pub fn add_region(&mut self, rows: Extent, cols: Extent) -> Slot {
        self.regions.push(Region::new(rows, cols));
        Slot { offset: self.regions.len() - 1, rows, cols }
    }

    /// A place for what a product or an element-wise unit makes. A few columns with an entry for
    /// each row of the batch lie one after the other, so that vectors run along the batch. (Where
    /// a row of the batch has more than one entry it is a picture, whose channels stay together.)
    pub fn add_result(&mut self, rows: Extent, cols: Extent) -> View {
        if self.is_narrow(rows, cols) {
            self.add_region(cols, rows).view().transposed()
        } else {
            self.add_region(rows, cols).view()
        }
    }

    pub fn is_narrow(&self, rows: Extent, cols: Extent) -> bool {
        rows == Extent { coefficient: 1, power: 1 }
            && cols.power == 0
            && (2..=NARROW).contains(&cols.coefficient)
            && rows.at(self.capacity) > cols.coefficient
    }

    fn add_constant(&mut self, id: NodeId, matrix: Matrix) {
        let slot = self.add_region(Extent::of(matrix.rows), Extent::of(matrix.cols));
        self.regions[slot.offset].numbers = Some(matrix.data);
        self.regions[slot.offset].permanent = true;
        self.regions[slot.offset].fixed = true;
        self.set_view(id, slot.view());
    }

    pub fn add_unit(&mut self, work: Work, nodes: Vec<NodeId>, needs: Vec<usize>) -> usize {
        let fixed = match work {
            Work::Copy { view, to } => {
                let fixed = self.regions[view.offset].fixed;
                self.regions[to.offset].fixed = fixed;
                fixed
            }
            Work::Single | Work::Tile => nodes.iter().all(|&id| self.is_fixed(id)),
        };
        self.units.push(Unit { work, nodes, needs, fixed });
        self.units.len() - 1
    }

    pub fn needs(&self, operands: &[NodeId]) -> Vec<usize> {
        let mut needs: Vec<usize> =
            operands.iter().filter_map(|o| self.makers[o.0 as usize]).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    fn visit(&mut self, id: NodeId) -> Result<(), PlanError> {
        let (request, graph) = (self.request, self.request.graph);
        let node = *graph.get(id);
        if let Op::Call(_) = node.op {
            let body = self.resolve(id);
            if body == id {
                return Err(PlanError::NoBody { node: label(graph, id) });
            }
            self.views[id.0 as usize] = self.views[body.0 as usize];
            self.makers[id.0 as usize] = self.makers[body.0 as usize];
            return Ok(());
        }
        let (rows, cols) = self.shape(node.shape, id)?;
        if let Op::Slice(_, start, length) = node.op {
            let whole = graph.shape(node.operands[0]);
            self.check_range(id, start, length, whole)?;
        }
        if let Op::Place(axis, start, _) = node.op {
            let part = graph.shape(node.operands[0]);
            let length = if axis == Axis::Rows { part.rows } else { part.cols };
            self.check_range(id, start, length, node.shape)?;
        }
        match node.op {
            Op::Variable(_) => {
                let slot = self.add_region(rows, cols);
                self.regions[slot.offset].variable = true;
                self.regions[slot.offset].permanent = true;
                self.variables.push((id, slot));
                self.set_view(id, slot.view());
                let updated = request.updates.iter().any(|&(variable, _)| variable == id);
                let fixed = !updated && request.fixed.contains(&id);
                self.regions[slot.offset].fixed = fixed;
                let to = if fixed && self.feeds_narrow(id) {
                    self.add_region(cols, rows).view().transposed()
                } else {
                    self.add_result(rows, cols)
                };
                if to.is_by_columns() && !updated {
                    let work = Work::Copy { view: slot.view(), to };
                    self.set_view(id, to);
                    self.makers[id.0 as usize] = Some(self.add_unit(work, Vec::new(), Vec::new()));
                }
            }
            Op::Number(Bits(bits)) => {
                self.add_constant(id, Matrix::scalar(f64::from_bits(bits)));
            }
            Op::Literal(i) => self.add_constant(id, graph.literals[i as usize].clone()),
            Op::Size(dim) if self.extent(dim, id)?.power == 0 => {
                let size = self.extent(dim, id)?.coefficient;
                self.add_constant(id, Matrix::scalar(size as f64));
            }
            Op::Eye(_) if rows.power == 0 => {
                let n = rows.coefficient;
                self.add_constant(id, Matrix::from_fn(n, n, |i, j| f64::from(i == j)));
            }
            Op::Transpose | Op::Spread(_) | Op::Slice(..) | Op::Reshape(_) => {
                self.look(id, rows, cols)?;
            }
            op if op.is_elementwise() && self.is_again(id) => {}
            op if op.is_elementwise() => self.join_tile(id, rows, cols),
            op => {
                let needs = self.needs(&self.operands(id));
                let view = match op {
                    Op::MatMul => self.add_result(rows, cols),
                    _ => self.add_region(rows, cols).view(),
                };
                self.set_view(id, view);
                let unit = self.add_unit(Work::Single, vec![id], needs);
                self.regions[view.offset].fixed = self.units[unit].fixed;
                self.makers[id.0 as usize] = Some(unit);
            }
        }
        Ok(())
    }

    /// A view of the operand, or a copy where there is none.
    fn look(&mut self, id: NodeId, rows: Extent, cols: Extent) -> Result<(), PlanError> {
        let operand = self.operands(id)[0];
        let of = self.view(operand);
        let view = match self.request.graph.get(id).op {
            Op::Transpose => Some(of.transposed()),
            Op::Spread(_) => Some(of.spread(rows, cols)),
            Op::Slice(Axis::Rows, start, _) => of.part_rows(self.extent(start, id)?, rows),
            Op::Slice(_, start, _) => of.part_cols(self.extent(start, id)?, cols),
            _ => of.reshaped(rows, cols),
        };
        let mut maker = self.makers[operand.0 as usize];
        let view = match view {
            Some(view) => view,
            None => {
                let slot = self.add_region(of.rows, of.cols);
                let work = Work::Copy { view: of, to: slot.view() };
                maker = Some(self.add_unit(work, Vec::new(), maker.into_iter().collect()));
                let copy = slot.view();
                let again = match self.request.graph.get(id).op {
                    Op::Slice(Axis::Rows, start, _) => {
                        copy.part_rows(self.extent(start, id)?, rows)
                    }
                    Op::Slice(_, start, _) => copy.part_cols(self.extent(start, id)?, cols),
                    _ => copy.reshaped(rows, cols),
                };
                again.ok_or_else(|| self.too_large(id))?
            }
        };
        self.set_view(id, view);
        self.makers[id.0 as usize] = maker;
        Ok(())
    }

    fn check_range(
        &mut self,
        id: NodeId,
        start: Dim,
        length: Dim,
        whole: Shape,
    ) -> Result<(), PlanError> {
        let by_rows = matches!(
            self.request.graph.get(id).op,
            Op::Slice(Axis::Rows, ..) | Op::Place(Axis::Rows, ..)
        );
        let total = if by_rows { whole.rows } else { whole.cols };
        let range = Inside {
            start: self.extent(start, id)?,
            length: self.extent(length, id)?,
            total: self.extent(total, id)?,
        };
        if !range.holds(self.capacity) {
            let start = range.start.at(self.capacity);
            return Err(PlanError::OutOfRange {
                node: label(self.request.graph, id),
                start,
                end: start.saturating_add(range.length.at(self.capacity)),
                total: range.total.at(self.capacity),
            });
        }
        if [range.start, range.length, range.total].iter().any(|e| e.power > 0) {
            self.ranges.push(range);
        }
        Ok(())
    }
}
