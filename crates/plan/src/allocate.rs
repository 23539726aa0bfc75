//! A place in the arena for each region: first fit, by the time from its first to its last use.

use std::ops::Range;

use crate::emit::Draft;
use crate::extent::Slot;
use crate::instruction::Access;
use crate::values::Values;

/// Places are multiples of this many numbers: a cache line of f32.
pub(crate) const ALIGNMENT: usize = 16;

/// Where the regions are.
pub(crate) struct Arena {
    offsets: Vec<Option<usize>>,
    pub len: usize,
}

impl Arena {
    pub fn holds(&self, region: usize) -> bool {
        self.offsets[region].is_some()
    }

    /// The slot whose offset is the number of its region, with the offset in the arena.
    pub fn place(&self, slot: Slot) -> Slot {
        Slot { offset: self.offsets[slot.offset].unwrap_or(0), ..slot }
    }
}

/// Finds the places and puts them into the instructions.
pub(crate) fn allocate(values: &Values, draft: &mut Draft, bands: &[Range<usize>]) -> Arena {
    let regions = draft.regions.len();
    let mut first = vec![usize::MAX; regions];
    let mut last = vec![0; regions];
    for (time, instruction) in draft.instructions.iter_mut().enumerate() {
        // What a band uses it uses from its beginning to its end.
        let band = bands.iter().find(|band| band.contains(&time));
        let (time, end) = band.map_or((time, time), |band| (band.start, band.end - 1));
        instruction.offsets(&mut |region, access| {
            let (r, write) = (*region, access == Access::Write);
            debug_assert!(
                write || first[r] <= time || draft.regions[r].permanent,
                "region {r} is read before it is written"
            );
            first[r] = first[r].min(time);
            last[r] = last[r].max(end);
        });
    }
    let size = |r: usize| draft.regions[r].slot(r).len(values.capacity).max(1);
    let mut arena = Arena { offsets: vec![None; regions], len: 0 };
    let mut wanted: Vec<usize> = values.variables.iter().map(|(_, slot)| slot.offset).collect();
    wanted.extend(values.outputs.iter().map(|(_, slot)| slot.offset));
    let used = (0..regions).filter(|&r| draft.regions[r].permanent && first[r] != usize::MAX);
    wanted.extend(used);
    for r in wanted {
        if arena.offsets[r].is_none() {
            arena.offsets[r] = Some(arena.len);
            arena.len += size(r).next_multiple_of(ALIGNMENT);
        }
    }

    let mut holes = Holes { free: Vec::new(), end: arena.len };
    let mut starting: Vec<Vec<usize>> = vec![Vec::new(); draft.instructions.len()];
    let mut ending = starting.clone();
    for r in (0..regions).filter(|&r| first[r] != usize::MAX && arena.offsets[r].is_none()) {
        starting[first[r]].push(r);
        ending[last[r]].push(r);
    }
    for time in 0..draft.instructions.len() {
        for &r in &starting[time] {
            arena.offsets[r] = Some(holes.take(size(r).next_multiple_of(ALIGNMENT)));
        }
        for &r in &ending[time] {
            if let Some(offset) = arena.offsets[r] {
                holes.give(offset, size(r).next_multiple_of(ALIGNMENT));
            }
        }
    }
    arena.len = holes.end;
    for instruction in &mut draft.instructions {
        instruction.offsets(&mut |offset, _| *offset = arena.offsets[*offset].unwrap_or(0));
    }
    arena
}

/// Free stretches between the regions, ascending, never touching each other.
struct Holes {
    free: Vec<(usize, usize)>,
    end: usize,
}

impl Holes {
    fn take(&mut self, size: usize) -> usize {
        if let Some(i) = self.free.iter().position(|&(_, length)| length >= size) {
            let (offset, length) = self.free[i];
            if length == size {
                self.free.remove(i);
            } else {
                self.free[i] = (offset + size, length - size);
            }
            return offset;
        }
        let offset = self.end;
        self.end += size;
        offset
    }

    fn give(&mut self, offset: usize, size: usize) {
        let i = self.free.partition_point(|&(o, _)| o < offset);
        self.free.insert(i, (offset, size));
        if i + 1 < self.free.len() && offset + size == self.free[i + 1].0 {
            self.free[i].1 += self.free[i + 1].1;
            self.free.remove(i + 1);
        }
        if i > 0 && self.free[i - 1].0 + self.free[i - 1].1 == offset {
            self.free[i - 1].1 += self.free[i].1;
            self.free.remove(i);
        }
    }
}
