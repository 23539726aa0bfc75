//! Operators that take entries along an axis, or put tensors one behind the other along it.
//!
//! Entries lie as they did: an image stays channel last, whichever of its axes is cut.

use super::layout::regroup;
use super::{Node, Operator, axis, call};
use crate::page::{Operand, Page, number};
use crate::tensor::Tensor;
use crate::value::{Size, Value, product};

pub(super) const ITEMS: &[Operator] = &[
    call("Concat", concat),
    call("Gather", gather),
    call("Pad", pad),
    call("Slice", slice),
    call("Split", split),
    call("Tile", tile),
];

/// How many pieces a tensor may be cut into.
const MOST_PIECES: usize = 64;

/// Neighbours along an axis.
#[derive(Clone, Copy)]
enum Piece {
    /// From one place to before another.
    Part(i64, i64),
    /// So many that all are this number.
    Filled(i64, f64),
}

/// A value with an axis in one piece, and how many factors lie before that in memory.
fn in_one_piece(page: &mut Page, value: &Value, at: usize) -> Result<(Value, usize), String> {
    let value = match value.axes[at].len() {
        0 | 1 => value.clone(),
        _ => {
            let plain = page.plain(value)?;
            Value::plain(plain.text.clone(), plain.shape, &plain.dims())
        }
    };
    let place = |f: usize| value.order.iter().position(|&o| o == f).expect("all factors lie there");
    let before = match value.of_axes(&[at])[..] {
        [factor] => place(factor),
        // A new factor lies behind that of the axis before it, and behind the batch.
        _ => {
            let before = value.of_axes(&(0..at).collect::<Vec<_>>());
            let first = before.last().map_or(0, |&f| place(f) + 1);
            (first..value.order.len()).find(|&k| !value.split(k).1.batch).unwrap_or(first)
        }
    };
    if value.split(before).1.batch {
        return Err("it would cut the batch".into());
    }
    Ok((value, before))
}

/// The pieces of an axis, one behind the other.
fn picked(
    page: &mut Page,
    wanted: &str,
    operand: &Operand,
    at: usize,
    pieces: &[Piece],
) -> Result<Operand, String> {
    let length = operand.dims()[at];
    if matches!(pieces, [Piece::Part(0, end)] if *end as u64 == length.number) {
        return Ok(operand.clone());
    }
    let value = page.value(operand);
    let (value, before) = in_one_piece(page, &value, at)?;
    let (rows, cols) = value.split(before);
    let inner = (cols.number / length.number) as i64;
    let cuts = pieces.iter().any(|piece| matches!(piece, Piece::Part(..)));
    let whole = match page.reshaped(&value, (rows, cols)) {
        // A part is taken of a name.
        text if cuts && text != value.text => page.define("S", &text),
        text => text,
    };
    let mut size = 0;
    let mut parts = Vec::new();
    for piece in pieces {
        let (count, text) = match *piece {
            Piece::Part(0, end) if end == length.number as i64 => (end, whole.clone()),
            Piece::Part(start, end) => {
                (end - start, format!("{whole}[:, {}:{}]", start * inner + 1, end * inner))
            }
            Piece::Filled(count, with) => {
                let with = number(with);
                (count, format!("{with} * ones({}, {})", rows.factors(), count * inner))
            }
        };
        size += count;
        parts.push(text);
    }
    let text = page.joined("hcat", parts);
    let text = page.define(wanted, &text);
    let shape = (rows, Size::of((size * inner) as u64));
    let value = value.resized(at, Size::of(size as u64), before);
    Ok(Operand::Computed(Value { text, shape, ..value }))
}

/// Places as pieces: neighbours in one, and what is no place filled with a number.
fn pieces(places: impl Iterator<Item = Option<i64>>, with: f64) -> Result<Vec<Piece>, String> {
    let mut all: Vec<Piece> = Vec::new();
    for place in places.take(1 << 16) {
        match (all.last_mut(), place) {
            (Some(Piece::Part(_, end)), Some(place)) if *end == place => *end += 1,
            (Some(Piece::Filled(count, _)), None) => *count += 1,
            (_, Some(place)) => all.push(Piece::Part(place, place + 1)),
            (_, None) => all.push(Piece::Filled(1, with)),
        }
        if all.len() > MOST_PIECES {
            return Err(format!("it takes more than {MOST_PIECES} pieces that are no neighbours"));
        }
    }
    match all.is_empty() {
        true => Err("it takes nothing".into()),
        false => Ok(all),
    }
}

/// The length of an axis that pieces are taken of.
fn length(operand: &Operand, at: usize) -> Result<i64, String> {
    match operand.dims()[at] {
        Size { batch: true, .. } => Err("it takes a part of the batch".into()),
        Size { number, .. } => Ok(number as i64),
    }
}

/// The entries at one place of an axis, which stays.
pub(super) fn place(
    page: &mut Page,
    operand: &Operand,
    at: usize,
    k: i64,
) -> Result<Operand, String> {
    picked(page, "F", operand, at, &[Piece::Part(k, k + 1)])
}

fn slice(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut operand = node.operand(0)?.clone();
    let rank = operand.dims().len();
    let starts = node.list(1, "starts")?.ok_or("its starts are left out")?;
    let ends = node.list(2, "ends")?.ok_or("its ends are left out")?;
    let axes = node.list(3, "axes")?.unwrap_or((0..starts.len() as i64).collect());
    let steps = node.whole(4)?.unwrap_or(vec![1; starts.len()]);
    for (((&start, &end), &at), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let at = axis(at, rank)?;
        let counted = |p: i64, length: i64| if p < 0 { p.saturating_add(length) } else { p };
        // Any number of rows, or the one row of a file.
        let rows = end >= i64::from(i32::MAX) || page.single;
        if operand.dims()[at].batch && (start, step) == (0, 1) && rows {
            continue;
        }
        let length = length(&operand, at)?;
        let pieces = match step {
            0 => return Err("its steps are 0".into()),
            1 => {
                let [start, end] = [start, end].map(|p| counted(p, length).clamp(0, length));
                if start >= end {
                    return Err("it takes nothing".into());
                }
                vec![Piece::Part(start, end)]
            }
            // Back to the first place, whose end is before it.
            _ => {
                let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
                let [start, end] = [start, end].map(|p| counted(p, length).clamp(low, high));
                let place = |p: &i64| p.checked_add(step);
                let inside = |p: &i64| if step > 0 { *p < end } else { *p > end };
                let places = std::iter::successors(Some(start), place).take_while(inside);
                pieces(places.map(Some), 0.0)?
            }
        };
        operand = picked(page, node.wanted(), &operand, at, &pieces)?;
    }
    Ok(vec![operand])
}

fn split(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let at = axis(node.int("axis", 0), operand.dims().len())?;
    let length = length(operand, at)?;
    let count = node.proto.output.len() as i64;
    let sizes = match node.list(1, "split")? {
        Some(sizes) => sizes,
        None => {
            let each = (length + count - 1) / count.max(1);
            (0..count).map(|k| each.min(length - k * each)).collect()
        }
    };
    let total = sizes.iter().try_fold(0i64, |sum, &n| sum.checked_add(n).filter(|_| n > 0));
    if total != Some(length) || sizes.len() as i64 != count {
        return Err(format!("parts of {sizes:?} are not {count} that make up {length}"));
    }
    let mut start = 0;
    let mut results = Vec::new();
    for (name, size) in node.proto.output.iter().zip(sizes) {
        results.push(picked(page, name, operand, at, &[Piece::Part(start, start + size)])?);
        start += size;
    }
    Ok(results)
}

fn gather(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let at = axis(node.int("axis", 0), node.operand(0)?.dims().len())?;
    let which = node.known(1)?.ok_or("its indices are left out")?;
    gathered(page, node, at, which)
}

/// The entries of a node's operand with these indices, whose axes stand for that one.
pub(super) fn gathered(
    page: &mut Page,
    node: &Node,
    at: usize,
    which: &Tensor,
) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let length = length(operand, at)?;
    let indices = which.whole().ok_or("its indices are no whole numbers")?;
    if indices.len() >= 1 << 16 {
        return Err("it takes more than 65,535 entries".into());
    }
    let place = |&k: &i64| axis(k, length as usize).map(|k| Some(k as i64));
    let places = indices.iter().map(place).collect::<Result<Vec<_>, _>>();
    let places = places.map_err(|_| format!("an index lies outside of {length} entries"))?;
    let taken = picked(page, node.wanted(), operand, at, &pieces(places.into_iter(), 0.0)?)?;
    let mut dims = operand.dims();
    dims.splice(at..=at, which.dims.iter().map(|&d| Size::of(d)));
    regroup(page, &taken, &dims)
}

fn tile(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut operand = node.operand(0)?.clone();
    let repeats = node.whole(1)?.ok_or("its repeats are left out")?;
    if repeats.len() != operand.dims().len() {
        return Err(format!("{repeats:?} are not one repeat for each axis"));
    }
    for (at, times) in repeats.into_iter().enumerate() {
        operand = tiled(page, node.wanted(), &operand, at, times)?;
    }
    Ok(vec![operand])
}

/// An axis so many times, one behind the other.
pub(super) fn tiled(
    page: &mut Page,
    wanted: &str,
    operand: &Operand,
    at: usize,
    times: i64,
) -> Result<Operand, String> {
    let count = usize::try_from(times).ok().filter(|n| (1..=MOST_PIECES).contains(n));
    let count = count.ok_or_else(|| format!("{times} repeats are not 1 to {MOST_PIECES}"))?;
    if count == 1 {
        return Ok(operand.clone());
    }
    let whole = Piece::Part(0, length(operand, at)?);
    picked(page, wanted, operand, at, &vec![whole; count])
}

/// Where entry `k` of a padded axis comes from.
fn source(mode: &str, k: i64, length: i64) -> Option<i64> {
    match mode {
        "edge" => Some(k.clamp(0, length - 1)),
        "wrap" => Some(k.rem_euclid(length)),
        "reflect" if length > 1 => {
            let around = k.rem_euclid(2 * length - 2);
            Some(around.min(2 * length - 2 - around))
        }
        _ => (0..length).contains(&k).then_some(k),
    }
}

fn pad(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut operand = node.operand(0)?.clone();
    let rank = operand.dims().len();
    let mode = node.text("mode", "constant");
    if !["constant", "edge", "reflect", "wrap"].contains(&mode.as_str()) {
        return Err(format!("its mode is {mode:?}"));
    }
    let with = match node.known(2)? {
        Some(t) => t.data.first().copied().unwrap_or(0.0),
        None => node.float("value", 0.0),
    };
    let pads = node.list(1, "pads")?.ok_or("its pads are left out")?;
    let axes = node.whole(3)?.unwrap_or((0..rank as i64).collect());
    if pads.len() != 2 * axes.len() || pads.iter().any(|p| p.abs() >= 1 << 16) {
        return Err("its pads are not two for each axis, or longer than 65,535".into());
    }
    for (i, &at) in axes.iter().enumerate() {
        let at = axis(at, rank)?;
        let (before, behind) = (pads[i], pads[i + axes.len()]);
        if (before, behind) == (0, 0) {
            continue;
        }
        let length = length(&operand, at)?;
        if length >= 1 << 16 {
            return Err("it pads an axis longer than 65,535".into());
        }
        let places = (-before..length + behind).map(|k| source(&mode, k, length));
        operand = picked(page, node.wanted(), &operand, at, &pieces(places, with)?)?;
    }
    Ok(vec![operand])
}

fn concat(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let all: Vec<&Operand> = node.operands.iter().flatten().collect();
    let computed = all.iter().find(|o| matches!(o, Operand::Computed(_)));
    let lead = *computed.or(all.first()).ok_or("it has no operands")?;
    let mut dims = lead.dims();
    let at = axis(node.int("axis", 0), dims.len())?;
    let mut values = Vec::new();
    for &operand in &all {
        let mut value = page.value(operand);
        // In files with a batch of one, what is the same for all rows has one.
        if page.single && value.dims().first() == Some(&Size::ONE) && dims[0] == Size::BATCH {
            let repeated: Vec<Size> = [&[Size::BATCH], &value.dims()[1..]].concat();
            value = page.expanded(&value, &repeated)?;
        }
        let found = value.dims();
        let fits =
            found.len() == dims.len() && (0..dims.len()).all(|a| a == at || found[a] == dims[a]);
        if !fits || found[at].batch {
            return Err("its operands have different lengths beside the axis".into());
        }
        values.push(value);
    }
    // They lie as the first image does, or else in the order of their axes.
    let lead = page.value(lead);
    let alike = |v: &Value| {
        v.axes[at].len() == 1 && (0..dims.len()).all(|a| a == at || v.axes[a] == lead.axes[a])
    };
    let alike = values.iter().all(alike);
    let mut parts = Vec::new();
    let mut result = None;
    dims[at] = Size::of(0);
    for value in values {
        let value = match alike {
            true => page.reordered(&value, &lead.order)?,
            false => page.plain(&value)?,
        };
        let value = if alike {
            value
        } else {
            Value::plain(value.text.clone(), value.shape, &value.dims())
        };
        let (value, before) = in_one_piece(page, &value, at)?;
        parts.push(page.reshaped(&value, value.split(before)));
        dims[at].number += value.dims()[at].number;
        result = Some(value.resized(at, dims[at], before));
    }
    let text = page.joined("hcat", parts);
    let text = page.define(node.wanted(), &text);
    let value = result.ok_or("it has no operands")?;
    let factor = value.of_axes(&[at]);
    let before = value.order.iter().position(|f| factor.contains(f)).unwrap_or(0);
    let shape = value.split(before);
    debug_assert_eq!(product(&dims), product(&value.factors()), "nothing is lost");
    Ok(vec![Operand::Computed(Value { text, shape, ..value })])
}
