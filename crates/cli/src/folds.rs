//! Cross-validation: `train --folds K`.

use std::collections::BTreeMap;

use matgrad::FitOptions;
use matgrad::data::Random;
use serde_json::{Value, json};

use crate::args::train::Train;
use crate::prepare::{Prepared, fitted};
use crate::tables::measure;
use crate::{Failure, Talk, say};

/// Rows kept and rows held back for this fold, both ascending. The rows of each class are shuffled
/// by the seed and dealt to the folds in turn, one class going on where the last one ended.
///
/// # Errors
/// More folds than rows.
pub fn hold(
    rows: &[usize],
    strata: Option<&[usize]>,
    (fold, folds): (usize, usize),
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), Failure> {
    if folds > rows.len() {
        let message = format!("--folds {folds}: there are {} rows only", rows.len());
        return Err(Failure { code: 2, message });
    }
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        classes.entry(strata.map_or(0, |strata| strata[row])).or_default().push(row);
    }
    let mut random = Random::seed(seed);
    classes.values_mut().for_each(|class| random.shuffle(class));
    let dealt: Vec<(usize, usize)> = classes.into_values().flatten().enumerate().collect();
    let part = |held: bool| {
        let of_part = dealt.iter().filter(|(turn, _)| (turn % folds == fold) == held);
        let mut part: Vec<usize> = of_part.map(|(_, row)| *row).collect();
        part.sort_unstable();
        part
    };
    Ok((part(false), part(true)))
}

/// Trains and tests once a fold, on all cores; prints each metric's mean and deviation.
///
/// # Errors
/// What is wrong with flags, table, network or training.
pub fn run(args: &Train, options: &FitOptions, folds: usize, talk: &Talk) -> Result<(), Failure> {
    let data = Prepared::table(args)?;
    let one = |fold: usize| -> Result<Value, Failure> {
        let prepared = Prepared::deal(args, data.clone(), Some((fold, folds)))?;
        let model = fitted(args, options, &prepared)?;
        Ok(measure(&model, &prepared.data, &prepared.test)?.to_json())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(folds);
    let share = |core: usize| (core..folds).step_by(cores).map(one).collect::<Vec<_>>();
    let shares: Vec<Vec<Result<Value, Failure>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|core| scope.spawn(move || share(core))).collect();
        let done = workers.into_iter().map(|worker| worker.join());
        done.map(|share| share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut each = vec![Value::Null; folds];
    for (core, share) in shares.into_iter().enumerate() {
        for (k, found) in share.into_iter().enumerate() {
            each[core + k * cores] = found?;
        }
    }
    let names = each[0].as_object().into_iter().flatten();
    let names = names.filter(|(name, value)| value.is_f64() && *name != "n").map(|(name, _)| name);
    let mut metrics = serde_json::Map::new();
    let mut text = format!("{folds} folds, seed {}\n", args.seed);
    for name in names {
        let values: Vec<f64> = each.iter().filter_map(|m| m[name].as_f64()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (squares / (values.len() as f64 - 1.0)).sqrt();
        text += &format!("{name:<16}{mean:>10.4} ± {deviation:.4}\n");
        metrics.insert(name.clone(), json!({"mean": mean, "deviation": deviation}));
    }
    if talk.json {
        let seed = args.seed;
        let report = json!({"folds": folds, "seed": seed, "metrics": metrics, "each": each});
        return say(format!("{report}\n"));
    }
    say(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_tested_once_and_classes_keep_their_shares() {
        let rows: Vec<usize> = (0..23).filter(|r| *r != 7).collect();
        let strata: Vec<usize> = (0..23).map(|r| usize::from(r % 3 == 0)).collect();
        let mut tested = Vec::new();
        for fold in 0..4 {
            let held = hold(&rows, Some(&strata), (fold, 4), 5);
            let (kept, test) = held.unwrap_or_else(|e| panic!("{}", e.message));
            assert_eq!(kept.len() + test.len(), 22);
            assert!(test.iter().all(|row| !kept.contains(row)));
            assert_eq!(test.iter().filter(|&&row| strata[row] == 1).count(), 2);
            tested.extend(test);
        }
        tested.sort_unstable();
        assert_eq!(tested, rows);
    }
}
