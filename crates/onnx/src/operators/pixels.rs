//! Operators that make other pixels of those of an image: more or fewer of them, or channels.
//!
//! A whole number of pixels for each is that pixel several times; any other size is a product
//! with a matrix for each side, of which a row says what a pixel becomes part of.

use std::rc::Rc;

use super::layout::{permuted, regroup, shape};
use super::linear::times;
use super::pick::tiled;
use super::{Node, Operator, axis, call};
use crate::lengths::Length;
use crate::page::{Operand, Page};
use crate::tensor::Tensor;
use crate::value::Size;

pub(super) const ITEMS: &[Operator] = &[
    call("DepthToSpace", depth_to_space),
    call("Resize", resize),
    call("SpaceToDepth", space_to_depth),
    call("Upsample", resize),
];

/// The four axes of an image and the side of a block.
fn blocks(node: &Node) -> Result<([Size; 4], Size), String> {
    let dims = node.operand(0)?.dims();
    let dims: [Size; 4] = dims.try_into().map_err(|_| "its operand has not four axes")?;
    let side = u64::try_from(node.int("blocksize", 0)).ok().filter(|n| (1..1 << 16).contains(n));
    Ok((dims, Size::of(side.ok_or("its blocksize is out of bounds")?)))
}

/// A size as so many parts.
fn parts(size: Size, count: Size) -> Result<Size, String> {
    match size.number.is_multiple_of(count.number) {
        true => Ok(Size { number: size.number / count.number, ..size }),
        false => Err(format!("{size} is not divided by {count}")),
    }
}

fn depth_to_space(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let ([b, c, h, w], s) = blocks(node)?;
    let c = parts(c, s.times(s))?;
    let (split, order) = match node.text("mode", "DCR").as_str() {
        "DCR" => ([b, s, s, c, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([b, c, s, s, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(format!("its mode is {other:?}")),
    };
    let split = regroup(page, node.operand(0)?, &split)?.remove(0);
    regroup(page, &permuted(&split, &order), &[b, c, h.times(s), w.times(s)])
}

fn space_to_depth(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let ([b, c, h, w], s) = blocks(node)?;
    let (h, w) = (parts(h, s)?, parts(w, s)?);
    let split = regroup(page, node.operand(0)?, &[b, c, h, s, w, s])?.remove(0);
    regroup(page, &permuted(&split, &[0, 3, 5, 1, 2, 4]), &[b, c.times(s).times(s), h, w])
}

/// How an axis becomes longer or shorter.
struct Side {
    from: u64,
    to: u64,
    scale: f64,
}

/// The sides that change, by their axes.
fn sides(node: &Node) -> Result<Vec<(usize, Side)>, String> {
    let dims = node.operand(0)?.dims();
    let rank = dims.len();
    let axes = node.ints("axes").map_or((0..rank as i64).collect(), <[i64]>::to_vec);
    let old = node.opset < 11 || node.proto.op_type() == "Upsample";
    let scales = match node.known(if old { 1 } else { 2 })? {
        Some(t) => t.data.to_vec(),
        None => node.floats("scales"),
    };
    let lengths = if scales.is_empty() { shape(node, 3)? } else { vec![] };
    if scales.len() + lengths.len() != axes.len() {
        return Err("its scales or sizes are not one for each axis".into());
    }
    if node.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err("it keeps the ratio of its sides".into());
    }
    let mut all = Vec::new();
    for (i, &at) in axes.iter().enumerate() {
        let at = axis(at, rank)?;
        let Size { number: from, batch } = dims[at];
        let (to, scale) = match (scales.get(i), lengths.get(i)) {
            (Some(&scale), _) => ((from as f32 * scale as f32) as u64, scale),
            (_, Some(&Length::Number(n))) => (n.max(0) as u64, n as f64 / from as f64),
            (_, Some(&Length::Batch(n))) if batch => (n, n as f64 / from as f64),
            _ => return Err("the batch is the length of another axis".into()),
        };
        if (to, scale) == (from, 1.0) {
            continue;
        }
        if batch || from.max(to) >= 1 << 16 || to == 0 {
            return Err(format!("it makes {to} of an axis of {}", dims[at]));
        }
        all.push((at, Side { from, to, scale }));
    }
    Ok(all)
}

/// Where the middle of pixel `k` lies among those that there were.
fn place(node: &Node, side: &Side, k: u64) -> Result<f64, String> {
    let usual = if node.opset < 11 { "asymmetric" } else { "half_pixel" };
    let (k, from, to) = (k as f64, side.from as f64, side.to as f64);
    let middle = (k + 0.5) / side.scale - 0.5;
    Ok(match node.text("coordinate_transformation_mode", usual).as_str() {
        "asymmetric" => k / side.scale,
        "half_pixel" => middle,
        "half_pixel_symmetric" => from / 2.0 * (1.0 - to / (side.scale * from)) + middle,
        "pytorch_half_pixel" | "align_corners" if side.to == 1 => 0.0,
        "pytorch_half_pixel" => middle,
        "align_corners" => k * (from - 1.0) / (to - 1.0),
        "tf_half_pixel_for_nn" => middle + 0.5,
        other => return Err(format!("its coordinate_transformation_mode is {other:?}")),
    })
}

/// The pixels that one is made of, and their shares.
fn shares(node: &Node, side: &Side, k: u64) -> Result<Vec<(u64, f64)>, String> {
    let at = place(node, side, k)?;
    let share = at - at.floor();
    let usual = if node.opset < 11 { "floor" } else { "round_prefer_floor" };
    let (mode, nearest) = (node.text("mode", "nearest"), node.text("nearest_mode", usual));
    let (first, parts) = match (mode.as_str(), nearest.as_str()) {
        ("nearest", "round_prefer_floor") => ((at - 0.5).ceil(), vec![1.0]),
        ("nearest", "round_prefer_ceil") => ((at + 0.5).floor(), vec![1.0]),
        ("nearest", "floor") => (at.floor(), vec![1.0]),
        ("nearest", "ceil") => (at.ceil(), vec![1.0]),
        ("nearest", other) => return Err(format!("its nearest_mode is {other:?}")),
        _ if node.int("antialias", 0) != 0 => return Err("it smoothes what gets smaller".into()),
        ("linear" | "bilinear", _) => (at.floor(), vec![1.0 - share, share]),
        ("cubic", _) => {
            let distances = [share + 1.0, share, 1.0 - share, 2.0 - share];
            let a = node.float("cubic_coeff_a", -0.75);
            (at.floor() - 1.0, distances.map(|x| cubic(a, x)).to_vec())
        }
        (mode, _) => return Err(format!("its mode is {mode:?}")),
    };
    let last = side.from as f64 - 1.0;
    let places = parts.into_iter().enumerate().map(|(i, part)| (first + i as f64, part));
    // A place outside counts as the nearest one inside, or not at all.
    let inside = |(place, _): &(f64, f64)| (0.0..=last).contains(place);
    let kept: Vec<(f64, f64)> = match node.int("exclude_outside", 0) {
        0 => places.collect(),
        _ => places.filter(inside).collect(),
    };
    let all: f64 = kept.iter().map(|(_, part)| part).sum();
    if all == 0.0 {
        return Err(format!("the shares of its pixel {k} are 0 together"));
    }
    let share = |(place, part): (f64, f64)| (place.clamp(0.0, last) as u64, part / all);
    Ok(kept.into_iter().map(share).collect())
}

/// The share of a pixel at this distance in a cubic interpolation (Keys 1981).
fn cubic(a: f64, x: f64) -> f64 {
    match x <= 1.0 {
        true => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        false => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
    }
}

fn resize(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut operand = node.operand(0)?.clone();
    for (at, side) in sides(node)? {
        let all = (0..side.to).map(|k| shares(node, &side, k)).collect::<Result<Vec<_>, _>>()?;
        let each = side.to / side.from;
        let same = |(k, parts): (usize, &Vec<(u64, f64)>)| {
            let mut parts = parts.iter().filter(|(_, share)| *share != 0.0);
            parts.all(|(from, _)| *from == k as u64 / each)
        };
        let whole = side.to == each * side.from;
        operand = match whole && all.iter().enumerate().all(same) {
            true => enlarged(page, node, &operand, at, each)?,
            false => mixed(page, node, &operand, at, &side, &all)?,
        };
    }
    Ok(vec![operand])
}

/// Each entry of an axis so many times.
fn enlarged(
    page: &mut Page,
    node: &Node,
    operand: &Operand,
    at: usize,
    each: u64,
) -> Result<Operand, String> {
    let mut dims = operand.dims();
    dims.insert(at + 1, Size::ONE);
    let apart = regroup(page, operand, &dims)?.remove(0);
    let apart = tiled(page, node.wanted(), &apart, at + 1, each as i64)?;
    dims.remove(at + 1);
    dims[at] = dims[at].times(Size::of(each));
    Ok(regroup(page, &apart, &dims)?.remove(0))
}

/// An axis multiplied by the matrix of shares.
fn mixed(
    page: &mut Page,
    node: &Node,
    operand: &Operand,
    at: usize,
    side: &Side,
    all: &[Vec<(u64, f64)>],
) -> Result<Operand, String> {
    page.make(side.from * side.to)?;
    let mut data = vec![0.0; (side.from * side.to) as usize];
    for (k, parts) in all.iter().enumerate() {
        parts.iter().for_each(|&(i, share)| data[i as usize * all.len() + k] += share);
    }
    let (dims, data) = (vec![side.from, side.to], Rc::new(data));
    let shares = Operand::Known(Tensor { name: "share".into(), dims, data, trained: false });
    let rank = operand.dims().len();
    // The axis goes last and comes back.
    let order: Vec<usize> = (0..rank).filter(|&a| a != at).chain([at]).collect();
    let back: Vec<usize> = (0..at).chain([rank - 1]).chain(at..rank - 1).collect();
    let value = page.value(&permuted(operand, &order));
    let product = times(page, node.wanted(), &value, &shares)?;
    Ok(Operand::Computed(product.permuted(&back)))
}
