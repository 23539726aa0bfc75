//! Products of entries, summed: Einstein's notation, and matrices of which each example has its own.

use super::layout::{permuted, regroup};
use super::linear::times;
use super::reduce::reduced;
use super::{Node, Operator, call};
use crate::page::{Operand, Page};
use crate::value::{Size, Value, product};

pub(super) const ITEMS: &[Operator] = &[call("Einsum", einsum)];

/// How many products of two entries there may be for each example.
const MOST_ENTRIES: u64 = 1 << 16;

/// The products of entries at the same place, summed along the last axes.
pub(super) fn summed(
    page: &mut Page,
    wanted: &str,
    [a, b]: [&Operand; 2],
    along: usize,
) -> Result<Value, String> {
    let longer = |(x, y): (Size, Size)| if x == Size::ONE { y } else { x };
    let dims: Vec<Size> = a.dims().into_iter().zip(b.dims()).map(longer).collect();
    let entries = product(&dims).number;
    if entries > MOST_ENTRIES {
        return Err(format!(
            "it adds up {entries} products of two entries for each example; the limit is \
             {MOST_ENTRIES}"
        ));
    }
    let products = page.zip(if along > 0 { "P" } else { wanted }, "{0} .* {1}", a, b)?;
    let axes: Vec<usize> = (dims.len() - along..dims.len()).collect();
    match along {
        0 => Ok(products),
        _ => reduced(page, wanted, "rowsum({0})", &products, &axes, false),
    }
}

/// The axes of these letters in this order, of length 1 where a letter is not there.
fn arranged(
    page: &mut Page,
    operand: &Operand,
    letters: &[char],
    order: &[char],
) -> Result<Operand, String> {
    let place = |letter: &char| letters.iter().position(|l| l == letter);
    let sizes = operand.dims();
    let dims: Vec<Size> =
        order.iter().map(|l| place(l).map_or(Size::ONE, |axis| sizes[axis])).collect();
    let axes: Vec<usize> = order.iter().filter_map(place).collect();
    Ok(regroup(page, &permuted(operand, &axes), &dims)?.remove(0))
}

fn einsum(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let equation = node.text("equation", "").replace(' ', "");
    let refused = |why: &str| Err(format!("{equation:?} {why}"));
    let Some((from, to)) = equation.split_once("->") else {
        return refused("does not say what its result is");
    };
    let Some((first, second)) = from.split_once(',').filter(|(_, s)| !s.contains(',')) else {
        return refused("is not about two operands");
    };
    let letters = [first, second, to].map(|part| part.chars().collect::<Vec<char>>());
    let alone = |part: &Vec<char>| {
        part.iter().all(|l| l.is_alphabetic() && part.iter().filter(|m| *m == l).count() == 1)
    };
    let [a, b, to] = &letters;
    let operands = [node.operand(0)?, node.operand(1)?];
    let ranks = operands.map(|operand| operand.dims().len());
    if !letters.iter().all(alone) || ranks != [a.len(), b.len()] {
        return refused("has other letters than one for each axis");
    }
    if to.iter().any(|l| !a.contains(l) && !b.contains(l)) {
        return refused("has a letter in its result alone");
    }
    let gone: Vec<char> = a.iter().filter(|l| !to.contains(l)).copied().collect();
    let more = b.iter().filter(|l| !to.contains(l) && !gone.contains(l));
    let gone: Vec<char> = gone.iter().chain(more).copied().collect();
    // What each example has is multiplied by a matrix of the file.
    let new: Vec<char> = b.iter().filter(|l| !a.contains(l)).copied().collect();
    if let ([along], [new], Operand::Known(_)) = (&gone[..], &new[..], operands[1])
        && b.len() == 2
        && a.contains(along)
        && b.contains(along)
    {
        let kept: Vec<char> = a.iter().filter(|l| *l != along).copied().collect();
        let left = arranged(page, operands[0], a, &[&kept[..], &[*along]].concat())?;
        let right = arranged(page, operands[1], b, &[*along, *new])?;
        let left = page.value(&left);
        let found = Operand::Computed(times(page, node.wanted(), &left, &right)?);
        return Ok(vec![arranged(page, &found, &[&kept[..], &[*new]].concat(), to)?]);
    }
    let order = [&to[..], &gone].concat();
    let left = arranged(page, operands[0], a, &order)?;
    let right = arranged(page, operands[1], b, &order)?;
    let value = summed(page, node.wanted(), [&left, &right], gone.len())?;
    Ok(vec![Operand::Computed(value)])
}
