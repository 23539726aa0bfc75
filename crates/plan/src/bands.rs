//! Bands: instructions that a few pictures at a time go through, one after the other.
//!
//! What one instruction makes of a picture is read by the next one while it is at hand, and threads
//! meet at the end only. That is so where each does with a picture what hangs on no other picture, or
//! adds something up over all of them that nothing reads before the end.

#![allow(clippy::wildcard_enum_match_arm, reason = "the other instructions are in no band")]

use std::collections::BTreeMap;
use std::ops::Range;

use crate::convolution::{Convolution, Kind};
use crate::emit::Draft;
use crate::extent::{Extent, Slot, View};
use crate::instruction::{Access, Instruction, Reduction, Tile};
use crate::picture::Picture;

/// Numbers of a sum at most: there is one for every few pictures.
const SUM: usize = 1 << 14;

/// How an instruction uses a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// For each picture the entries that belong to it.
    Apart { written: bool },
    /// All entries for each picture.
    Whole,
    /// Once, behind the last picture.
    End,
}

impl Use {
    /// That of two instructions, this one and a later one, if pictures may go through both a few at a
    /// time.
    fn and(self, other: Use) -> Option<Use> {
        match (self, other) {
            (Use::Apart { written: a }, Use::Apart { written: b }) => {
                Some(Use::Apart { written: a || b })
            }
            (Use::Whole, Use::Whole)
            | (Use::Apart { written: false }, Use::Whole)
            | (Use::Whole, Use::Apart { written: false }) => Some(Use::Whole),
            // By then all have read what is overwritten.
            (Use::Apart { written: false } | Use::Whole, Use::End) => Some(Use::End),
            (Use::Apart { .. } | Use::Whole | Use::End, _) => None,
        }
    }
}

/// What instructions do with the regions.
#[derive(Clone, Debug, Default)]
struct Uses(BTreeMap<usize, Use>);

impl Uses {
    /// With one more.
    #[must_use]
    fn add(&mut self, region: usize, one: Use) -> Option<()> {
        let all = self.0.get(&region).map_or(Some(one), |before| before.and(one))?;
        self.0.insert(region, all);
        Some(())
    }

    /// With those of another instruction.
    fn and(mut self, other: &Uses) -> Option<Uses> {
        for (&region, &one) in &other.0 {
            self.add(region, one)?;
        }
        Some(self)
    }
}

/// The bands of a program, each of two instructions at least and one on pictures.
pub(crate) fn bands(draft: &Draft) -> Vec<Range<usize>> {
    let mut bands = Vec::new();
    let mut band: Option<(usize, Uses)> = None;
    let end = draft.instructions.len();
    let mut close = |band: Option<(usize, Uses)>, end: usize| {
        let start = band.map_or(end, |(start, _)| start);
        let pictures = draft.instructions[start..end].iter().any(|instruction| {
            matches!(instruction, Instruction::Convolution(_) | Instruction::Picture(_))
        });
        if end - start > 1 && pictures {
            bands.push(start..end);
        }
    };
    for (number, instruction) in draft.instructions.iter().enumerate() {
        let Some(uses) = uses(draft, instruction) else {
            close(band.take(), number);
            continue;
        };
        let joined = band.as_ref().filter(|_| number != draft.once);
        let joined = joined.and_then(|(start, all)| Some((*start, all.clone().and(&uses)?)));
        if joined.is_none() {
            close(band.take(), number);
        }
        band = Some(joined.unwrap_or((number, uses)));
    }
    close(band, end);
    bands
}

/// What an instruction does with the regions, if it goes picture by picture.
fn uses(draft: &Draft, instruction: &Instruction) -> Option<Uses> {
    let apart = |view: &View| is_apart(draft, view).then_some(view.offset);
    let (read, written) = (Use::Apart { written: false }, Use::Apart { written: true });
    let mut uses = Uses::default();
    match instruction {
        Instruction::Convolution(convolution) => {
            let Convolution { kind, a, b, to, then, .. } = convolution;
            uses.add(apart(a)?, read)?;
            if *kind == Kind::Kernel {
                uses.add(apart(b)?, read)?;
                sum(&mut uses, *to, then)?;
            } else {
                uses.add(b.offset, Use::Whole)?;
                uses.add(apart(to)?, written)?;
                then.iter().try_for_each(|tile| after(draft, &mut uses, tile))?;
            }
        }
        Instruction::Picture(Picture { a, b, to, then, .. }) => {
            uses.add(apart(a)?, read)?;
            if let Some(b) = b {
                uses.add(apart(b)?, read)?;
            }
            uses.add(apart(&to.view())?, written)?;
            then.iter().try_for_each(|tile| after(draft, &mut uses, tile))?;
        }
        Instruction::Tile(tile) => after(draft, &mut uses, tile)?,
        Instruction::Reduce { reduction: Reduction::ColSum, a, to, then } => {
            uses.add(apart(a)?, read)?;
            sum(&mut uses, to.view(), then)?;
        }
        _ => return None,
    }
    Some(uses)
}

/// Whether a view is all of a region, row by row, and the same number of entries for each row of the
/// batch.
fn is_apart(draft: &Draft, view: &View) -> bool {
    let Slot { rows, cols, .. } = draft.regions[view.offset].slot(view.offset);
    let entries = view.rows.times(view.cols);
    view.is_contiguous()
        && view.start == Extent::ZERO
        && entries == rows.times(cols)
        && entries.is_some_and(|entries| entries.power == 1)
}

/// A sum over all pictures, and what is done with it.
fn sum(uses: &mut Uses, to: View, then: &Option<Tile>) -> Option<()> {
    let entries = to.rows.times(to.cols)?;
    if entries.power > 0 || entries.coefficient > SUM {
        return None;
    }
    uses.add(to.offset, Use::End)?;
    let views = then.as_ref().map_or(Vec::new(), Tile::views);
    for (view, _) in &views {
        // What it writes nothing else touches, but it may read it as well.
        let writes = (view.offset, Access::Write);
        let own = uses.0.get(&view.offset) == Some(&Use::End)
            || views.iter().any(|(view, access)| (view.offset, *access) == writes);
        if own {
            uses.0.insert(view.offset, Use::End);
        } else {
            uses.add(view.offset, Use::Whole)?;
        }
    }
    Some(())
}

/// Element-wise work, on so many entries for each row of the batch.
fn after(draft: &Draft, uses: &mut Uses, tile: &Tile) -> Option<()> {
    if (tile.rows.power, tile.cols.power) != (1, 0) {
        return None;
    }
    for (view, access) in tile.views() {
        let one = match access {
            Access::Write => Use::Apart { written: true },
            Access::Read if is_apart(draft, &view) => Use::Apart { written: false },
            Access::Read => Use::Whole,
        };
        uses.add(view.offset, one)?;
    }
    Some(())
}
