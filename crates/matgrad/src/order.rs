//! The order in which an epoch takes its rows.
//!
//! A table of up to [`WINDOW`] numbers is shuffled whole. A larger one, which may be in a file, is
//! cut into blocks of rows; the blocks are shuffled, and then, window by window of some hundred
//! blocks, the rows within: what is read at a time fits into memory, and has rows of all parts of
//! the table in it. Where the table is does not matter, so that the bits are the same.

use std::borrow::Cow;
use std::ops::Range;

use matgrad_data::Random;

/// Numbers of a window: 256 MB in 32 bits.
const WINDOW: usize = 1 << 26;

/// Rows of a block, where a window has room for 256 of them.
const BLOCK: usize = 1024;

/// Which rows there are, and how they are cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    /// How many.
    pub count: usize,
    /// Which; `None` for all from 0 on.
    rows: Option<Vec<usize>>,
    /// Rows of a block.
    block: usize,
    /// Blocks of a window.
    window: usize,
}

impl Order {
    /// Of so many rows, or of these among them, of so many numbers each.
    pub fn new(count: usize, rows: Option<Vec<usize>>, width: usize) -> Order {
        Order::cut(count, rows, WINDOW / width.max(1))
    }

    fn cut(count: usize, rows: Option<Vec<usize>>, window: usize) -> Order {
        let count = rows.as_ref().map_or(count, Vec::len);
        let block = if count <= window { 1 } else { (window / 256).clamp(1, BLOCK) };
        Order { count, rows, block, window: (window / block).max(1) }
    }

    /// Whether all rows are in one window.
    pub fn is_whole(&self) -> bool {
        self.block == 1
    }

    /// The blocks in their order; where a block is one row, those rows.
    pub fn blocks(&self) -> Vec<usize> {
        match &self.rows {
            Some(rows) if self.block == 1 => rows.clone(),
            Some(_) | None => (0..self.count.div_ceil(self.block)).collect(),
        }
    }

    /// An epoch in batches of so many rows, over shuffled blocks.
    pub fn deal<'a>(&'a self, blocks: &'a [usize], random: Random, size: usize) -> Deal<'a> {
        let (rows, blocks) =
            if self.block == 1 { (Cow::from(blocks), &[][..]) } else { (Cow::default(), blocks) };
        Deal { order: self, blocks, rows, from: 0, random, size: size.max(1) }
    }
}

/// The batches of an epoch.
pub(crate) struct Deal<'a> {
    order: &'a Order,
    /// Those to come.
    blocks: &'a [usize],
    /// The window.
    rows: Cow<'a, [usize]>,
    /// Rows of it that are dealt.
    from: usize,
    /// What comes next.
    pub random: Random,
    size: usize,
}

impl Deal<'_> {
    /// The rows of the next batch; of each block of a new window it says what rows it is of.
    pub fn next(&mut self, new: impl Fn(Range<usize>)) -> Option<&[usize]> {
        if self.rows.len() - self.from < self.size && !self.blocks.is_empty() {
            self.refill(new);
        }
        let from = self.from;
        self.from = (from + self.size).min(self.rows.len());
        (from < self.from).then(|| &self.rows[from..self.from])
    }

    /// What is left of the window, and so many more blocks.
    fn refill(&mut self, new: impl Fn(Range<usize>)) {
        let Order { count, rows: all, block, window } = self.order;
        let rows = self.rows.to_mut();
        rows.drain(..self.from);
        self.from = 0;
        while rows.len() < self.size.max(window * block)
            && let Some((first, rest)) = self.blocks.split_first()
        {
            let part = first * block..((first + 1) * block).min(*count);
            let before = rows.len();
            match all {
                Some(all) => rows.extend(&all[part]),
                None => rows.extend(part),
            }
            // They ascend.
            new(rows[before]..rows[rows.len() - 1] + 1);
            self.blocks = rest;
        }
        self.random.shuffle(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(order: &Order, blocks: &[usize], seed: u64, size: usize) -> Vec<Vec<usize>> {
        let mut deal = order.deal(blocks, Random::seed(seed), size);
        let mut batches = Vec::new();
        while let Some(rows) = deal.next(|_| {}) {
            batches.push(rows.to_vec());
        }
        batches
    }

    #[test]
    fn each_row_is_dealt_once_and_from_everywhere() {
        let some: Vec<usize> = (0..20_000).filter(|row| row % 3 != 0).collect();
        for (count, rows) in [(10_001, None), (20_000, Some(some))] {
            let order = Order::cut(count, rows.clone(), 1024);
            assert_eq!((order.block, order.window), (4, 256));
            let mut blocks = order.blocks();
            Random::seed(1).shuffle(&mut blocks);
            let batches = epoch(&order, &blocks, 2, 100);
            assert!(batches.iter().rev().skip(1).all(|rows| rows.len() == 100));
            assert_eq!(batches, epoch(&order, &blocks, 2, 100));
            assert_ne!(batches, epoch(&order, &blocks, 3, 100));
            // The mean row of a batch of 100 is that of the table, give or take 6 deviations.
            for rows in batches.iter().filter(|rows| rows.len() == 100) {
                let mean = rows.iter().sum::<usize>() as f64 / 100.0 / count as f64;
                assert!((mean - 0.5).abs() < 6.0 * 0.289 / 10.0, "{mean}");
            }
            let mut all: Vec<usize> = batches.into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, rows.unwrap_or_else(|| (0..count).collect()));
        }
    }

    #[test]
    fn a_table_that_fits_a_window_is_dealt_as_it_is_shuffled() {
        let order = Order::cut(10, Some(vec![1, 3, 5, 7, 9]), 5);
        assert_eq!(order.blocks(), [1, 3, 5, 7, 9]);
        let batches = epoch(&order, &[9, 1, 5, 3, 7], 0, 2);
        assert_eq!(batches, [vec![9, 1], vec![5, 3], vec![7]]);
        assert!(epoch(&Order::cut(0, None, 5), &[], 0, 2).is_empty());
    }

    #[test]
    fn a_row_wider_than_a_window_has_a_block_of_its_own() {
        let order = Order::new(3, None, 2 * WINDOW);
        assert_eq!(epoch(&order, &[2, 0, 1], 0, 1).concat(), [2, 0, 1]);
    }
}
