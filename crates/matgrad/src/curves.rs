//! Curves behind the metrics: ROC, precision and recall, calibration.

use matgrad_expr::matrix::Matrix;

/// An example as one class sees it: its probability, and whether it is of the class.
type Scored = Vec<(f64, bool)>;

/// The examples as one class sees them, most probable first.
fn scored(probability: &Matrix, truth: &[usize], class: usize) -> Scored {
    let mut scored: Scored =
        truth.iter().enumerate().map(|(i, &t)| (probability.at(i, class), t == class)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// Counts of (false, true) positives as the threshold sinks, one point a different score; from
/// (0, 0).
fn counts(scored: &Scored) -> Vec<(f64, f64)> {
    let mut points = vec![(0.0, 0.0)];
    let (mut wrong, mut right) = (0.0, 0.0);
    for (k, &(score, of_class)) in scored.iter().enumerate() {
        if of_class {
            right += 1.0
        } else {
            wrong += 1.0
        }
        if scored.get(k + 1).is_none_or(|next| next.0 != score) {
            points.push((wrong, right));
        }
    }
    points
}

/// The ROC curve of one class: (false positive rate, true positive rate) from (0, 0) to (1, 1).
/// Empty where the class, or every other, does not occur.
pub fn roc(probability: &Matrix, truth: &[usize], class: usize) -> Vec<(f64, f64)> {
    let points = counts(&scored(probability, truth, class));
    let (wrong, right) = points[points.len() - 1];
    if wrong == 0.0 || right == 0.0 {
        return Vec::new();
    }
    points.into_iter().map(|(w, r)| (w / wrong, r / right)).collect()
}

/// The precision-recall curve of one class: (recall, precision) as the threshold sinks. Empty
/// where the class does not occur.
pub fn precision_recall(probability: &Matrix, truth: &[usize], class: usize) -> Vec<(f64, f64)> {
    let points = counts(&scored(probability, truth, class));
    let all = points[points.len() - 1].1;
    if all == 0.0 {
        return Vec::new();
    }
    points.into_iter().skip(1).map(|(w, r)| (r / all, r / (w + r))).collect()
}

/// Area under a precision-recall curve as Σ (Rₙ − Rₙ₋₁) Pₙ: the average precision.
pub fn average_precision(curve: &[(f64, f64)]) -> f64 {
    let mut before = 0.0;
    curve
        .iter()
        .map(|&(recall, precision)| (recall - std::mem::replace(&mut before, recall)) * precision)
        .sum()
}

/// Area under the ROC curve of one class by ranks, ties counted half (Mann–Whitney), with what
/// each example adds to its deviation (DeLong et al. 1988): the variance of the area is the sum of
/// their squares. `None` where the class, or every other, does not occur.
pub fn area(probability: &Matrix, truth: &[usize], class: usize) -> Option<(f64, Vec<f64>)> {
    let score = |i: usize| probability.at(i, class);
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
    let positives = truth.iter().filter(|&&t| t == class).count() as f64;
    let negatives = truth.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    // The share of the other kind that an example is ranked right against.
    let mut right = vec![0.0; truth.len()];
    let (mut below_positive, mut below_negative, mut from) = (0.0, 0.0, 0);
    while from < order.len() {
        let tied = order[from..].iter().take_while(|&&i| score(i) == score(order[from])).count();
        let group = &order[from..from + tied];
        let of_class = group.iter().filter(|&&i| truth[i] == class).count() as f64;
        let others = tied as f64 - of_class;
        for &i in group {
            right[i] = if truth[i] == class {
                (below_negative + others / 2.0) / negatives
            } else {
                (positives - below_positive - of_class / 2.0) / positives
            };
        }
        below_positive += of_class;
        below_negative += others;
        from += tied;
    }
    let of_class = right.iter().zip(truth).filter(|(_, t)| **t == class);
    let area = of_class.map(|(r, _)| r).sum::<f64>() / positives;
    for (r, &t) in right.iter_mut().zip(truth) {
        *r = (*r - area) / if t == class { positives } else { negatives };
    }
    Some((area, right))
}

/// A bin of the reliability curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Mean probability of the most probable class.
    pub confidence: f64,
    /// Share of the rows of which it is the true one.
    pub accuracy: f64,
    /// Number of rows.
    pub count: usize,
}

/// The reliability curve: rows by the probability of their most probable class, in bins of equal
/// width from 0 to 1. Empty bins are left out.
pub fn reliability(probability: &Matrix, truth: &[usize], bins: usize) -> Vec<Bin> {
    let mut found = vec![Bin::default(); bins];
    for (i, &t) in truth.iter().enumerate() {
        let row = probability.row(i);
        let top = (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best });
        let bin = &mut found[((row[top] * bins as f64) as usize).min(bins - 1)];
        bin.confidence += row[top];
        bin.accuracy += f64::from(u8::from(top == t));
        bin.count += 1;
    }
    found.retain(|bin| bin.count > 0);
    for bin in &mut found {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    found
}

/// Expected calibration error: the mean of |accuracy − confidence| over the rows of the bins.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let rows: usize = bins.iter().map(|b| b.count).sum();
    let gap = |b: &Bin| (b.accuracy - b.confidence).abs() * b.count as f64;
    bins.iter().map(gap).sum::<f64>() / rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Matrix, [usize; 4]) {
        (Matrix::new(4, 2, vec![0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 0.2, 0.8]), [0, 1, 0, 1])
    }

    #[test]
    fn ties_count_half() {
        let (p, truth) = small();
        let (area, parts) = area(&p, &truth, 1).expect("both classes occur");
        assert_eq!(area, 0.875);
        // Ranked right against the two others: the tied pair ¾ each, the outer ones wholly.
        assert_eq!(parts, [-0.0625, -0.0625, 0.0625, 0.0625]);
    }

    #[test]
    fn curves_of_four_rows() {
        let (p, truth) = small();
        assert_eq!(roc(&p, &truth, 1), [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        let curve = precision_recall(&p, &truth, 1);
        assert_eq!(curve, [(0.5, 1.0), (1.0, 2.0 / 3.0), (1.0, 0.5)]);
        assert_eq!(average_precision(&curve), 0.5 + 0.5 * 2.0 / 3.0);
        assert!(roc(&p, &[0; 4], 1).is_empty());
    }

    #[test]
    fn calibration_of_four_rows() {
        let (p, truth) = small();
        let bins = reliability(&p, &truth, 10);
        assert_eq!(bins.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 1, 1]);
        // Half of the two at 0.5 are right: no gap; 0.8 and 0.9 are right: gaps 0.2 and 0.1.
        assert!((calibration_error(&bins) - 0.075).abs() < 1e-15);
    }
}
