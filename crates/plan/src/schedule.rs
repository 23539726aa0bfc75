//! The order of the units, and which new values overwrite their variables at once.
//!
//! Units come in the order in which the outputs and updates ask for them. Only a unit whose values
//! are nothing but new values of variables moves: behind the last unit that reads these variables,
//! so that it can write them in place and needs no memory of its own.

use matgrad_expr::op::Op;

use crate::extent::{Extent, View};
use crate::picture::PictureWork;
use crate::values::{Update, Values, Work};

/// Units in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub order: Vec<usize>,
    /// Updates that are copied at the end; the others are written in place.
    pub copies: Vec<Update>,
    /// For each unit the product that it takes up at once: it alone reads it.
    pub products: Vec<Option<usize>>,
}

pub(crate) fn schedule(values: &mut Values) -> Schedule {
    let updates = values.updates.clone();
    let last: Vec<bool> = (0..values.units.len())
        .map(|unit| {
            values.units[unit].work == Work::Tile
                && !values.units[unit].fixed
                && updates.iter().any(|u| u.unit == Some(unit))
                && values.units[unit].nodes.iter().all(|&id| !values.is_needed(id))
        })
        .collect();
    let mut asked = values.output_units.clone();
    for unit in updates.iter().filter_map(|u| u.unit) {
        if last[unit] {
            let mut needs = values.units[unit].needs.clone();
            needs.sort_unstable();
            asked.extend(needs);
        } else {
            asked.push(unit);
        }
    }
    let base = in_order(values, &asked);
    let mut order = with_last(values, &updates, base, &last);
    // What is done once comes first; it needs nothing else.
    order.sort_by_key(|&unit| !values.units[unit].fixed);

    // Which regions each unit reads, by its place in the order.
    let reads: Vec<Vec<usize>> =
        order.iter().map(|&u| values.reads(u).iter().map(|v| v.offset).collect()).collect();
    let mut copies = Vec::new();
    for update in updates {
        if is_in_place(values, &update, &order, &reads) {
            let view = update.variable.view();
            values.set_view(update.value, view);
        } else {
            copies.push(update);
        }
    }
    let products = products(values, &order, &reads);
    Schedule { order, copies, products }
}

impl Values<'_> {
    /// What a unit makes that can be worked on while it is at hand: a product, a convolution, a
    /// reduction, or what becomes of pictures.
    pub fn result(&self, unit: usize) -> Option<View> {
        let id = self.single(unit)?;
        let op = self.request.graph.get(id).op;
        let is = op == Op::MatMul || self.is_reduction(unit) || PictureWork::of(op).is_some();
        (is && !self.taken[unit]).then(|| self.view(id))
    }

    fn is_reduction(&self, unit: usize) -> bool {
        let op = self.single(unit).map(|id| self.request.graph.get(id).op);
        matches!(op, Some(Op::Sum(_) | Op::RowMax))
    }
}

/// Finds element-wise units that can begin with a product (or its like), which then moves to their
/// place; with a reduction only where there is no other.
fn products(values: &Values, order: &[usize], reads: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut found = vec![None; values.units.len()];
    for (place, &unit) in order.iter().enumerate() {
        if values.units[unit].work != Work::Tile {
            continue;
        }
        let result = values.view(values.units[unit].nodes[0]);
        let read = values.reads(unit);
        let fits = |before: usize| {
            let product = values.result(order[before])?;
            let region = product.offset;
            let uses: Vec<&View> = read.iter().filter(|view| view.offset == region).collect();
            // Asked first, for it is so of few: what follows goes through all units.
            if uses.is_empty() {
                return None;
            }
            let lies = |view: View| (view.rows, view.cols, view.is_by_columns());
            // Entry by entry, whatever the shape.
            let all = |view: View| {
                let size = |view: View| view.rows.times(view.cols);
                view.is_contiguous() && view.start == Extent::ZERO && size(view) == size(product)
            };
            let others = (0..order.len()).any(|i| i != place && reads[i].contains(&region));
            let alone = !others
                && !values.regions[region].permanent
                && values.updates.iter().all(|update| update.from.offset != region);
            // What the product reads must not be overwritten before it, nor by the unit.
            let late = order[before + 1..=place].iter();
            let kept =
                late.clone().all(|&u| reads[before].iter().all(|&r| !values.overwrites(u, r)));
            let same = uses.iter().all(|&&view| view == product) && lies(product) == lies(result);
            let in_turn = all(product) && all(result) && uses.iter().all(|&&view| all(view));
            (alone && kept && (same || in_turn)).then_some(order[before])
        };
        let fitting: Vec<usize> = (0..place).rev().filter_map(fits).collect();
        let other = fitting.iter().find(|&&before| !values.is_reduction(before));
        found[unit] = other.or(fitting.first()).copied();
    }
    found
}

/// Each unit behind all that it needs.
fn in_order(values: &Values, asked: &[usize]) -> Vec<usize> {
    let mut seen = vec![false; values.units.len()];
    let mut order = Vec::new();
    let mut stack: Vec<(usize, bool)> = asked.iter().rev().map(|&u| (u, false)).collect();
    while let Some((unit, done)) = stack.pop() {
        if done {
            order.push(unit);
        } else if !std::mem::replace(&mut seen[unit], true) {
            stack.push((unit, true));
            let mut needs = values.units[unit].needs.clone();
            needs.sort_unstable();
            needs.dedup();
            stack.extend(needs.iter().rev().map(|&n| (n, false)));
        }
    }
    order
}

/// Puts the units that do nothing but update in their places.
fn with_last(values: &Values, updates: &[Update], base: Vec<usize>, last: &[bool]) -> Vec<usize> {
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); base.len() + 1];
    let mut done = vec![false; last.len()];
    let readers: Vec<Vec<usize>> =
        base.iter().map(|&u| values.reads(u).iter().map(|v| v.offset).collect()).collect();
    for unit in updates.iter().filter_map(|u| u.unit).filter(|&u| last[u]) {
        if std::mem::replace(&mut done[unit], true) {
            continue;
        }
        let written: Vec<usize> =
            updates.iter().filter(|u| u.unit == Some(unit)).map(|u| u.variable.offset).collect();
        let needs = &values.units[unit].needs;
        let place = (0..base.len())
            .rev()
            .find(|&i| needs.contains(&base[i]) || readers[i].iter().any(|r| written.contains(r)));
        behind[place.map_or(0, |i| i + 1)].push(unit);
    }
    let mut order = std::mem::take(&mut behind[0]);
    for (i, unit) in base.into_iter().enumerate() {
        order.push(unit);
        order.append(&mut behind[i + 1]);
    }
    order
}

/// Whether the unit that makes a new value may write it over the old one: nothing behind it reads
/// the old one, and it itself reads each entry only where it writes it.
fn is_in_place(values: &Values, update: &Update, order: &[usize], reads: &[Vec<usize>]) -> bool {
    let Some(unit) = update.unit else { return false };
    let from_tile =
        values.units[unit].work == Work::Tile && values.tile(update.value) == Some(unit);
    let twice = values.updates.iter().filter(|u| u.value == update.value).count() > 1;
    let by_columns = !values.view(update.value).is_contiguous();
    let fixed = values.units[unit].fixed;
    if fixed || !from_tile || twice || by_columns || values.is_needed(update.value) {
        return false;
    }
    let region = update.variable.offset;
    let whole: View = update.variable.view();
    let place = order.iter().position(|&u| u == unit);
    let Some(place) = place else { return false };
    reads[place + 1..].iter().all(|regions| !regions.contains(&region))
        && values.reads(unit).iter().all(|view| view.offset != region || *view == whole)
}
