//! Convolutions: products with unfolded pictures that are never unfolded.
//!
//! A place of a window reads some runs of entries of a picture, so that a product can read them
//! where they are. Three products are of this kind: the forward one, the kernel's gradient and,
//! folded at once, the gradient of the pictures.

#![allow(clippy::wildcard_enum_match_arm, reason = "the other ops are no part of a convolution")]

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::Op;
use matgrad_expr::window::Window;

use crate::extent::{Extent, View};
use crate::instruction::Tile;
use crate::values::Values;

/// A product with unfolded pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Which.
    pub kind: Kind,
    /// The window that moves over the pictures.
    pub window: Window,
    /// The group of channels that it looks at.
    pub group: usize,
    /// The pictures, one after the other; for [`Kind::Pictures`] a row for each place of the
    /// window in each.
    pub a: View,
    /// A row for each entry of the window in the group; for [`Kind::Kernel`] one for each place in
    /// each picture, for [`Kind::Pictures`] one for each column of a.
    pub b: View,
    /// The result, row by row.
    pub to: View,
    /// Work on the result, as for a product.
    pub then: Option<Tile>,
}

/// What a convolution computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// unfold(a) b
    Forward,
    /// unfold(a)ᵀ b
    Kernel,
    /// fold(a b)
    Pictures,
}

impl Convolution {
    /// Columns of the unfolded pictures of the group.
    pub fn columns(&self) -> usize {
        self.window.taps() * self.window.channels() / self.window.groups as usize
    }

    /// Multiplications of the product for so many rows of the batch, half of its operations.
    pub(crate) fn products(&self, rows: usize) -> u64 {
        let size = |view: &View| view.rows.at(rows) * view.cols.at(rows);
        let each = match self.kind {
            Kind::Forward => self.columns() * size(&self.to),
            Kind::Kernel => self.columns() * size(&self.b),
            Kind::Pictures => self.columns() * size(&self.a),
        };
        each as u64
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Forward => "convolution",
            Kind::Kernel => "convolution of the kernel",
            Kind::Pictures => "convolution back",
        }
    }
}

impl Values<'_> {
    /// Finds the convolutions among the units.
    pub fn find_convolutions(&mut self) {
        for unit in 0..self.units.len() {
            let Some(id) = self.single(unit) else { continue };
            let found = match self.request.graph.get(id).op {
                Op::Unfold(window) => self.unfolded(id, window).map(|found| (unit, found)),
                Op::Fold(window) => self.folded(unit, id, window),
                _ => None,
            };
            let Some((taken, found)) = found else { continue };
            self.taken[taken] = true;
            for (unit, convolution) in found {
                self.convolutions[unit] = Some(convolution);
            }
        }
    }

    /// The units that read what a node has in a region of its own, if nothing else needs it.
    fn readers(&self, id: NodeId) -> Option<Vec<usize>> {
        let region = self.view(id).offset;
        let kept = self.regions[region].permanent
            || self.updates.iter().any(|update| update.from.offset == region);
        let read = |&unit: &usize| self.reads(unit).iter().any(|view| view.offset == region);
        (!kept).then(|| (0..self.units.len()).filter(read).collect())
    }

    /// Unfolded pictures that only products read, each of them all rows and a group of columns.
    fn unfolded(&self, id: NodeId, window: Window) -> Option<Vec<(usize, Convolution)>> {
        let (pictures, whole) = (self.view(self.operands(id)[0]), self.view(id));
        if !pictures.is_contiguous() || !is_dense(&window) {
            return None;
        }
        let product = |&reader: &usize| {
            let operands = self.operands(self.single(reader)?);
            let (a, b) = (self.view(*operands.first()?), self.view(*operands.get(1)?));
            let forward = |view: View| group(&window, whole, view);
            let (kind, group) = match (forward(a), forward(a.transposed())) {
                (Some(group), _) => (Kind::Forward, group),
                (None, Some(group)) => (Kind::Kernel, group),
                (None, None) => return None,
            };
            let to = self.product(reader).filter(View::is_contiguous)?;
            let along = kind == Kind::Forward || b.col_stride == Extent::ONE;
            let a = pictures;
            let convolution = Convolution { kind, window, group, a, b, to, then: None };
            (along && b.offset != whole.offset).then_some((reader, convolution))
        };
        self.readers(id)?.iter().map(product).collect()
    }

    /// What a unit makes that is a product.
    fn product(&self, unit: usize) -> Option<View> {
        let id = self.single(unit)?;
        (self.request.graph.get(id).op == Op::MatMul).then(|| self.view(id))
    }

    /// A product that is folded, and nothing else is done with it.
    fn folded(
        &self,
        unit: usize,
        id: NodeId,
        window: Window,
    ) -> Option<(usize, Vec<(usize, Convolution)>)> {
        let product = self.operands(id)[0];
        let maker = self.makers[product.0 as usize]?;
        let view = self.product(maker)?;
        let alone = self.convolutions[maker].is_none() && self.readers(product)? == [unit];
        let operands = self.operands(self.single(maker)?);
        let (a, b) = (self.view(operands[0]), self.view(operands[1]));
        let along = a.col_stride == Extent::ONE && view == self.view(product);
        let (kind, to) = (Kind::Pictures, self.view(id));
        let convolution = Convolution { kind, window, group: 0, a, b, to, then: None };
        (alone && along && window.groups == 1).then(|| (maker, vec![(unit, convolution)]))
    }
}

/// Whether a padded picture, which is laid out one at a time, is not much larger than what its
/// window sees or than the picture.
fn is_dense(window: &Window) -> bool {
    let Window { picture, pad, .. } = window;
    let side = |axis: usize| [picture[axis], pad[axis], pad[axis + 2]].map(|n| n as usize);
    let [high, wide] = [0, 1].map(|axis| side(axis).iter().sum::<usize>());
    let seen = window.places() * window.taps() * window.channels();
    high * wide * window.channels() <= 4 * seen.max(window.columns())
}

/// Which group of columns of the unfolded pictures a view shows.
fn group(window: &Window, whole: View, view: View) -> Option<usize> {
    let groups = window.groups as usize;
    let columns = whole.cols.coefficient / groups;
    let number = view.start.coefficient / columns.max(1);
    let start = Extent::of(number * columns);
    let part = whole.part_cols(start, Extent::of(columns))?;
    (part == view && number < groups).then_some(number)
}
