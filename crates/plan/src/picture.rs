//! Work on pictures.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other ops have nothing to do with pictures"
)]

use matgrad_expr::op::Op;
use matgrad_expr::window::Window;

use crate::extent::{Slot, View};
use crate::instruction::Tile;

/// An op on pictures; operands are contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What is done.
    pub work: PictureWork,
    /// The window that moves over the pictures.
    pub window: Window,
    /// Pictures, what was unfolded or pooled of them, or what is put into them.
    pub a: View,
    /// For [`PictureWork::Unpool`] and [`PictureWork::Pick`]: the pictures whose largest entries
    /// say where.
    pub b: Option<View>,
    /// The result.
    pub to: Slot,
    /// Work on the result, as for a product.
    pub then: Option<Tile>,
}

/// What is done to pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureWork {
    /// A row for each place of the window.
    Unfold,
    /// Each entry of such rows is added to where it came from.
    Fold,
    /// The largest entry at each place, channel by channel.
    MaxPool,
    /// Entries are added to where the largest ones of `b` are.
    Unpool,
    /// Entries are taken from where the largest ones of `b` are.
    Pick,
}

impl PictureWork {
    /// The work of an op, with its window.
    pub(crate) fn of(op: Op) -> Option<(PictureWork, Window)> {
        let work = match op {
            Op::Unfold(_) => PictureWork::Unfold,
            Op::Fold(_) => PictureWork::Fold,
            Op::MaxPool(_) => PictureWork::MaxPool,
            Op::Unpool(_) => PictureWork::Unpool,
            Op::Pick(_) => PictureWork::Pick,
            _ => return None,
        };
        op.window().map(|window| (work, window))
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PictureWork::Unfold => "unfold",
            PictureWork::Fold => "fold",
            PictureWork::MaxPool => "maxpool",
            PictureWork::Unpool => "unpool",
            PictureWork::Pick => "pick",
        }
    }
}
