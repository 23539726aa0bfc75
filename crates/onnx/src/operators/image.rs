//! Operators on images: (batch, channel, height, width), channel last in memory.

use std::rc::Rc;

use super::reduce::LENGTH;
use super::{Node, Operator, call};
use crate::page::{Operand, Page, number};
use crate::tensor::Tensor;
use crate::value::{Size, Value, factors};

pub(super) const ITEMS: &[Operator] = &[
    call("ConvTranspose", conv_transpose),
    call("Conv", conv),
    call("MaxPool", max_pool),
    call("AveragePool", average_pool),
    call("LpPool", lp_pool),
];

/// The most groups of channels that become lines of their own.
const MOST_GROUPS: i64 = 64;

/// An image with its matrix, a picture a row.
struct Image {
    value: Value,
    text: String,
    batch: Size,
    /// Height, width, channels.
    picture: [i64; 3],
}

fn image(page: &mut Page, node: &Node) -> Result<Image, String> {
    let value = node.value(page, 0)?;
    let dims = value.dims();
    let (h, w, axes): (Size, Size, &[usize]) = match dims[..] {
        [_, _, w] => (Size::ONE, w, &[0, 2, 1]),
        [_, _, h, w] => (h, w, &[0, 2, 3, 1]),
        _ => return Err(format!("its operand has {} axes; images have 3 or 4", dims.len())),
    };
    let sizes = [h, w, dims[1]];
    if sizes.iter().any(|s| s.batch || s.number >= 1 << 16) {
        return Err("a side of the image is not known, or longer than 65,535".into());
    }
    let order = value.of_axes(axes);
    let value = page.reordered(&value, &order)?;
    let columns = h.times(w).times(dims[1]);
    let text = page.reshaped(&value, (dims[0], columns));
    Ok(Image { value, text, batch: dims[0], picture: sizes.map(|s| s.number as i64) })
}

impl Image {
    /// An image of so many channels as a matrix of this name and shape.
    fn result(&self, text: String, shape: (Size, Size), channels: i64, window: &Window) -> Value {
        let [h, w] = window.output.map(|n| Size::of(n as u64));
        let c = Size::of(channels as u64);
        let (dims, axes): (Vec<Size>, &[usize]) = match self.value.axes.len() {
            3 => (vec![self.batch, c, w], &[0, 2, 1]),
            _ => (vec![self.batch, c, h, w], &[0, 2, 3, 1]),
        };
        let axes_of = dims.iter().map(|&d| factors(d)).collect();
        let mut value = Value { text, shape, axes: axes_of, order: Vec::new() };
        value.order = value.of_axes(axes);
        value
    }

    fn rows(&self, window: &Window) -> Size {
        self.batch.times(Size::of((window.output[0] * window.output[1]) as u64))
    }
}

/// How a window moves over an image. Pads are top, left, bottom, right; the last two with what
/// `ceil_mode` adds.
struct Window {
    size: [i64; 2],
    stride: [i64; 2],
    dilation: [i64; 2],
    pad: [i64; 4],
    /// Of `pad`, what counts as part of the image for means.
    counted: [i64; 4],
    output: [i64; 2],
}

fn window(node: &Node, image: &Image, size: [i64; 2]) -> Result<Window, String> {
    let flat = image.value.axes.len() == 3;
    let pair = |name: &str| match (node.ints(name), flat) {
        (None, _) => Ok([1, 1]),
        (Some(&[w]), true) => Ok([1, w]),
        (Some(&[h, w]), false) => Ok([h, w]),
        (Some(other), _) => Err(format!("{name} is {other:?}")),
    };
    let (stride, dilation) = (pair("strides")?, pair("dilations")?);
    let mut pad = match (node.ints("pads"), flat) {
        (None, _) => [0; 4],
        (Some(&[left, right]), true) => [0, left, 0, right],
        (Some(&[top, left, bottom, right]), false) => [top, left, bottom, right],
        (Some(other), _) => return Err(format!("pads is {other:?}")),
    };
    let sane = |&n: &i64| (0..1 << 16).contains(&n);
    let positive = size.iter().chain(&stride).chain(&dilation).all(|n| sane(n) && *n > 0);
    if !positive || !pad.iter().all(sane) {
        return Err("its window has sides, strides or pads out of bounds".into());
    }
    let auto = node.text("auto_pad", "NOTSET");
    let ceil = node.int("ceil_mode", 0) != 0;
    let mut output = [0; 2];
    let mut counted = pad;
    for k in 0..2 {
        let length = image.picture[k];
        let reach = dilation[k] * (size[k] - 1) + 1;
        match auto.as_str() {
            "SAME_UPPER" | "SAME_LOWER" => {
                let places = (length + stride[k] - 1) / stride[k];
                let total = ((places - 1) * stride[k] + reach - length).max(0);
                pad[k] = if auto == "SAME_UPPER" { total / 2 } else { total - total / 2 };
                pad[k + 2] = total - pad[k];
            }
            "VALID" => (pad[k], pad[k + 2]) = (0, 0),
            "NOTSET" => {}
            other => return Err(format!("auto_pad is {other:?}")),
        }
        (counted[k], counted[k + 2]) = (pad[k], pad[k + 2]);
        let room = length + pad[k] + pad[k + 2] - reach;
        if room < 0 {
            return Err("its window is larger than the image".into());
        }
        output[k] = room / stride[k] + 1;
        if ceil && room % stride[k] != 0 && output[k] * stride[k] < length + pad[k] {
            // One more place, which begins inside but reaches out.
            pad[k + 2] += output[k] * stride[k] - room;
            output[k] += 1;
        }
    }
    Ok(Window { size, stride, dilation, pad, counted, output })
}

impl Window {
    /// The arguments after the picture.
    fn arguments(&self, pool: bool) -> String {
        let [h, w] = self.size;
        let mut text = format!("{h}×{w}");
        let usual = if pool { self.size } else { [1, 1] };
        if self.stride != usual {
            text += &format!(", stride {}", list(&self.stride));
        }
        if self.pad != [0; 4] {
            text += &format!(", pad {}", list(&self.pad));
        }
        if self.dilation != [1, 1] {
            text += &format!(", dilation {}", list(&self.dilation));
        }
        text
    }
}

/// `2`, or `[1 2]` where the numbers differ.
fn list(numbers: &[i64]) -> String {
    if numbers.windows(2).all(|w| w[0] == w[1]) {
        return numbers[0].to_string();
    }
    let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("[{}]", words.join(" "))
}

fn conv(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let image = image(page, node)?;
    let kernel = node.operand(1)?;
    let dims = kernel.dims();
    if dims.len() != image.value.axes.len() || dims.iter().any(|d| d.batch) {
        return Err("its kernel does not fit the image".into());
    }
    let n = |axis: usize| dims[axis].number as i64;
    let size = if dims.len() == 3 { [1, n(2)] } else { [n(2), n(3)] };
    let (groups, [h, w, channels], outputs) = (node.int("group", 1), image.picture, n(0));
    grouped(groups, [channels, outputs])?;
    if channels != n(1) * groups {
        return Err("its kernel does not fit the image".into());
    }
    let window = window(node, &image, size)?;
    match kernel {
        Operand::Known(t) if groups > 1 && n(1) == 1 => {
            return depthwise(page, node, &image, &window, t);
        }
        _ => few(groups)?,
    }
    let taps = n(1) * size[0] * size[1];
    // Rows in the order of the unfolded columns, a column for each output channel.
    let rank = dims.len();
    let axes: Vec<usize> = (2..rank).chain([1, 0]).collect();
    let k = match kernel {
        Operand::Known(t) => page.declare(t, &axes, taps as u64, outputs as u64),
        Operand::Computed(v) => {
            let order = v.of_axes(&axes);
            let v = page.reordered(v, &order)?;
            page.reshaped(&v, (Size::of(taps as u64), dims[0]))
        }
    };
    let unfolded =
        format!("unfold({}, {h}×{w}×{channels}, {}", image.text, window.arguments(false));
    let text = match groups {
        1 => format!("{unfolded}) * {k}"),
        _ => {
            let u = page.define("U", &format!("{unfolded}, groups {groups})"));
            let one =
                |g| format!("{u}[:, {}] * {k}[:, {}]", part(g, taps), part(g, outputs / groups));
            page.joined("hcat", (0..groups).map(one).collect())
        }
    };
    let bias = node.operands.get(2).and_then(Option::as_ref);
    let text = page.define(if bias.is_some() { "T" } else { node.wanted() }, &text);
    let value = image.result(text, (image.rows(&window), dims[0]), outputs, &window);
    Ok(vec![with_bias(page, node, value, bias)?])
}

/// So many neighbours, those of a group.
fn part(group: i64, count: i64) -> String {
    format!("{}:{}", group * count + 1, (group + 1) * count)
}

/// Refuses groups that do not divide these numbers of channels.
fn grouped(groups: i64, channels: [i64; 2]) -> Result<(), String> {
    let [a, b] = channels;
    match groups > 0 && a % groups == 0 && b % groups == 0 {
        true => Ok(()),
        false => Err(format!("{groups} groups do not divide {a} channels and {b}")),
    }
}

/// Refuses more groups than may become lines of their own.
fn few(groups: i64) -> Result<(), String> {
    match groups <= MOST_GROUPS {
        true => Ok(()),
        false => {
            Err(format!("it has {groups} groups of several channels; the limit is {MOST_GROUPS}"))
        }
    }
}

/// Kernels for each channel alone: entries times weights, summed window by window.
fn depthwise(
    page: &mut Page,
    node: &Node,
    image: &Image,
    window: &Window,
    kernel: &Tensor,
) -> Result<Vec<Operand>, String> {
    let (taps, c) = (window.size[0] * window.size[1], image.picture[2]);
    let outputs = kernel.dims[0] as i64;
    let each = outputs / c;
    few(each)?;
    let (unfolded, rows) = windows(page, image, window);
    // A row for the first results of all channels, one for the second ones.
    let split = kernel.reshaped([c, each, taps].map(|n| n as u64).to_vec());
    let k = page.declare(&split, &[1, 0, 2], each as u64, (c * taps) as u64);
    let mut sums = Vec::new();
    for i in 1..=each {
        let row = if each > 1 { format!("{k}[{i}:{i}, :]") } else { k.clone() };
        let weighed = page.define("D", &format!("{unfolded} .* {row}"));
        sums.push(format!("rowsum(reshape({weighed}, {rows}×{taps}))"));
    }
    let bias = node.operands.get(2).and_then(Option::as_ref);
    let text = page.joined("hcat", sums);
    let text = page.define(if bias.is_some() { "T" } else { node.wanted() }, &text);
    let value = image.result(text, (rows, Size::of(each as u64)), outputs, window);
    Ok(vec![with_bias(page, node, value, bias)?])
}

/// What a convolution with this kernel has as gradient of its picture: the product of the pixels
/// with the kernel the other way round, folded.
fn conv_transpose(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let image = image(page, node)?;
    let kernel = node.known(1)?.ok_or("its kernel is left out")?;
    let rank = kernel.dims.len();
    let [h, w, channels] = image.picture;
    let size = match kernel.dims[..] {
        [_, _, wide] => [1, wide as i64],
        [_, _, high, wide] => [high as i64, wide as i64],
        _ => return Err("its kernel does not fit the image".into()),
    };
    if kernel.dims[0] as i64 != channels || rank != image.value.axes.len() {
        return Err("its kernel does not fit the image".into());
    }
    let open = node.text("auto_pad", "NOTSET") != "NOTSET" || node.ints("output_shape").is_some();
    if open {
        return Err("its pads are left open".into());
    }
    let (groups, per) = (node.int("group", 1), kernel.dims[1] as i64);
    grouped(groups, [channels, channels])?;
    few(groups)?;
    let (rows, inputs) = (image.batch.times(Size::of((h * w) as u64)), Size::of(kernel.dims[0]));
    let pixels = page.reshaped(&image.value, (rows, inputs));
    // The window moves over the result, which is large enough for any.
    let outputs = per * groups;
    let image = Image { picture: [1 << 40, 1 << 40, outputs], ..image };
    let mut window = window(node, &image, size)?;
    let more = match node.ints("output_padding").unwrap_or_default() {
        [] => [0, 0],
        [w] => [0, *w],
        [h, w] => [*h, *w],
        other => return Err(format!("output_padding is {other:?}")),
    };
    for (k, places) in [h, w].into_iter().enumerate() {
        let reach = window.dilation[k] * (size[k] - 1) + 1;
        let whole = (places - 1) * window.stride[k] + reach + more[k];
        window.output[k] = whole - window.pad[k] - window.pad[k + 2];
        if !(0..window.stride[k]).contains(&more[k]) || !(1..1 << 16).contains(&window.output[k]) {
            return Err("its sides or output_padding are out of bounds".into());
        }
    }
    let axes: Vec<usize> = (2..rank).chain([1, 0]).collect();
    let taps = (size[0] * size[1] * per) as u64;
    let k = page.declare(kernel, &axes, taps, kernel.dims[0]);
    let [high, wide] = window.output;
    let mut arguments = window.arguments(false);
    let mut columns = format!("{pixels} * {k}'");
    if groups > 1 {
        arguments += &format!(", groups {groups}");
        let pixels = page.define("P", &pixels);
        let part = |g| part(g, channels / groups);
        let one = |g| format!("{pixels}[:, {}] * {k}[:, {}]'", part(g), part(g));
        columns = page.joined("hcat", (0..groups).map(one).collect());
    }
    let text = format!("fold({columns}, {high}×{wide}×{outputs}, {arguments})");
    let bias = node.operands.get(2).and_then(Option::as_ref);
    let text = page.define(if bias.is_some() { "T" } else { node.wanted() }, &text);
    let columns = Size::of((high * wide * outputs) as u64);
    let value = image.result(text, (image.batch, columns), outputs, &window);
    Ok(vec![with_bias(page, node, value, bias)?])
}

/// A value plus a number for each channel.
fn with_bias(
    page: &mut Page,
    node: &Node,
    value: Value,
    bias: Option<&Operand>,
) -> Result<Operand, String> {
    let rank = value.axes.len();
    let value = Operand::Computed(value);
    let Some(bias) = bias else { return Ok(value) };
    let bias = for_channels(page, bias, rank)?;
    Ok(Operand::Computed(page.zip(node.wanted(), "{0} + {1}", &value, &bias)?))
}

/// A list with an entry for each channel, as an operand beside images.
pub(super) fn for_channels(
    page: &mut Page,
    operand: &Operand,
    rank: usize,
) -> Result<Operand, String> {
    let mut dims = operand.dims();
    if dims.len() != 1 {
        return Err("what stands for each channel is no list".into());
    }
    dims.resize(rank - 1, Size::ONE);
    Ok(match operand {
        Operand::Known(t) => Operand::Known(t.reshaped(dims.iter().map(|d| d.number).collect())),
        Operand::Computed(v) => Operand::Computed(page.regrouped(v, &dims)?),
    })
}

fn kernel_shape(node: &Node) -> Result<[i64; 2], String> {
    match node.ints("kernel_shape") {
        Some(&[w]) => Ok([1, w]),
        Some(&[h, w]) => Ok([h, w]),
        other => Err(format!("kernel_shape is {:?}", other.unwrap_or(&[]))),
    }
}

fn max_pool(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let image = image(page, node)?;
    let window = window(node, &image, kernel_shape(node)?)?;
    let [h, w, c] = image.picture;
    let text = format!("maxpool({}, {h}×{w}×{c}, {})", image.text, window.arguments(true));
    let text = page.define(node.wanted(), &text);
    let columns = Size::of((window.output[0] * window.output[1] * c) as u64);
    let value = image.result(text, (image.batch, columns), c, &window);
    Ok(vec![Operand::Computed(value)])
}

/// A row for each pixel, in which the windows of the channels lie beside each other, and the number
/// of all windows.
fn windows(page: &mut Page, image: &Image, window: &Window) -> (String, Size) {
    let [h, w, c] = image.picture;
    let arguments = window.arguments(false);
    let unfolded = format!("unfold({}, {h}×{w}×{c}, {arguments}, groups {c})", image.text);
    (page.define("U", &unfolded), image.rows(window).times(Size::of(c as u64)))
}

/// The p-norm of each window.
fn lp_pool(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let image = image(page, node)?;
    let window = window(node, &image, kernel_shape(node)?)?;
    let taps = window.size[0] * window.size[1];
    let (unfolded, rows) = windows(page, &image, &window);
    let norm = match node.int("p", 2) {
        1 => "rowsum(abs({0}))".into(),
        2 => LENGTH.into(),
        p @ 3.. => format!("root(rowsum(abs({{0}}) .^ {p}), 1 / {p})"),
        p => return Err(format!("its norm is {p}")),
    };
    let text = page.define(
        node.wanted(),
        &norm.replace("{0}", &format!("reshape({unfolded}, {rows}×{taps})")),
    );
    let value = image.result(text, (rows, Size::ONE), image.picture[2], &window);
    Ok(vec![Operand::Computed(value)])
}

fn average_pool(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let image = image(page, node)?;
    let window = window(node, &image, kernel_shape(node)?)?;
    let c = image.picture[2];
    let taps = window.size[0] * window.size[1];
    let (unfolded, rows) = windows(page, &image, &window);
    let sum = format!("rowsum(reshape({unfolded}, {rows}×{taps}))");
    // Places at the border may have fewer entries that count.
    let with_pads = node.int("count_include_pad", 0) != 0;
    let counted = |axis: usize, place: i64, tap: i64| {
        let at = place * window.stride[axis] + tap * window.dilation[axis] - window.pad[axis];
        let edge =
            if with_pads { [window.counted[axis], window.counted[axis + 2]] } else { [0; 2] };
        (-edge[0]..image.picture[axis] + edge[1]).contains(&at)
    };
    let count = |axis: usize, place: i64| {
        (0..window.size[axis]).filter(|&tap| counted(axis, place, tap)).count() as f64
    };
    let [places_h, places_w] = window.output;
    page.make((places_h * places_w) as u64)?;
    let mut scale = Vec::new();
    for i in 0..places_h {
        for j in 0..places_w {
            scale.push(1.0 / (count(0, i) * count(1, j)).max(1.0));
        }
    }
    let even = scale.iter().all(|&s| s == scale[0]);
    let text = if even { format!("{sum} / {}", number(1.0 / scale[0])) } else { sum };
    let text = page.define(if even { node.wanted() } else { "S" }, &text);
    let mut value = image.result(text, (rows, Size::ONE), c, &window);
    if !even {
        let dims: Vec<u64> = match value.axes.len() {
            3 => vec![1, 1, places_w as u64],
            _ => vec![1, 1, places_h as u64, places_w as u64],
        };
        let scale = Tensor { name: "share".into(), dims, data: Rc::new(scale), trained: false };
        let (sum, scale) = (Operand::Computed(value), Operand::Known(scale));
        value = page.zip(node.wanted(), "{0} .* {1}", &sum, &scale)?;
    }
    Ok(vec![Operand::Computed(value)])
}
