//! Which rows train and which are held back.
//!
//! ```
//! let (train, test) = matgrad_data::split(&[0, 1, 2, 3], Some(&[0, 0, 1, 1]), 0.5, 1);
//! assert_eq!((train.len(), test.len()), (2, 2));
//! ```

use crate::Random;
use std::collections::BTreeMap;

/// Divides `rows` into (kept, held back), each in ascending order; the same seed gives the same
/// division. `fraction` of the rows are held back: round(n × fraction), with `fraction` taken
/// into 0 … 1.
///
/// With `strata` (the class of each row of the table, indexed by the row numbers in `rows`) each
/// class gives its share: whole rows by the largest remainder, ties to the class that comes
/// first. A class never gives all its rows unless `fraction` is 1, so every class stays among the
/// kept rows, and the number held back may then be less than the rounded one.
pub fn split(
    rows: &[usize],
    strata: Option<&[usize]>,
    fraction: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        let class = strata.and_then(|strata| strata.get(row)).copied().unwrap_or(0);
        classes.entry(class).or_default().push(row);
    }
    let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
    let held = held_back(&classes, rows.len(), fraction, strata.is_some());

    let mut random = Random::seed(seed);
    let (mut kept_rows, mut held_rows) = (Vec::new(), Vec::new());
    for (class, held) in classes.iter_mut().zip(held) {
        random.shuffle(class);
        held_rows.extend_from_slice(&class[..held]);
        kept_rows.extend_from_slice(&class[held..]);
    }
    kept_rows.sort_unstable();
    held_rows.sort_unstable();
    (kept_rows, held_rows)
}

/// How many rows of each class are held back.
fn held_back(classes: &[Vec<usize>], rows: usize, fraction: f64, stratified: bool) -> Vec<usize> {
    let total = (rows as f64 * fraction).round() as usize;
    let most =
        |size: usize| if stratified && fraction < 1.0 { size.saturating_sub(1) } else { size };
    let quota: Vec<f64> = classes.iter().map(|class| class.len() as f64 * fraction).collect();
    let mut held: Vec<usize> = classes
        .iter()
        .zip(&quota)
        .map(|(class, quota)| (quota.floor() as usize).min(most(class.len())))
        .collect();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by(|&a, &b| quota[b].fract().total_cmp(&quota[a].fract()));
    for class in order {
        if held.iter().sum::<usize>() < total && held[class] < most(classes[class].len()) {
            held[class] += 1;
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_shares() {
        // 50, 30 and 21 rows, 0.3 of each: 15, 9, 6.3; of 101 rows 30 are held back.
        let strata: Vec<usize> =
            (0..101).map(|i| usize::from(i >= 50) + usize::from(i >= 80)).collect();
        let rows: Vec<usize> = (0..101).collect();
        let (train, test) = split(&rows, Some(&strata), 0.3, 4);
        let count = |class| test.iter().filter(|&&row| strata[row] == class).count();
        assert_eq!((train.len(), count(0), count(1), count(2)), (71, 15, 9, 6));
        assert_eq!(split(&rows, Some(&strata), 0.3, 4).1, test);
        assert_ne!(split(&rows, Some(&strata), 0.3, 5).1, test);
    }

    #[test]
    fn largest_remainder() {
        // Quotas 1.5, 1.25, 0.25: 3 rows are held back, the third is of class 0.
        let strata = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2];
        let rows: Vec<usize> = (0..12).collect();
        let (_, test) = split(&rows, Some(&strata), 0.25, 1);
        let count = |class| test.iter().filter(|&&row| strata[row] == class).count();
        assert_eq!((count(0), count(1), count(2)), (2, 1, 0));
    }

    proptest! {
        #[test]
        fn is_a_partition(
            strata in proptest::collection::vec(0usize..5, 0..60),
            fraction in -0.5f64..1.5,
            seed: u64,
            stratified: bool,
        ) {
            let rows: Vec<usize> = (0..strata.len()).collect();
            let (train, test) = split(&rows, stratified.then_some(&strata[..]), fraction, seed);
            let mut all = [&train[..], &test[..]].concat();
            all.sort_unstable();
            prop_assert_eq!(all, rows);
            for class in strata.iter().filter(|_| stratified && fraction < 1.0) {
                prop_assert!(train.iter().any(|&row| strata[row] == *class));
            }
        }
    }
}
