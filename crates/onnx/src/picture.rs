//! Ops on pictures in ONNX, where images are channel first.

use matgrad::expr::window::Window;

use crate::export::Exporter;
use crate::write::Attribute;

/// Rows of H·W·C as images.
fn channel_first(to: &mut Exporter, a: &str, w: &Window) -> String {
    let [h, wide, c] = w.picture.map(i64::from);
    let shape = to.writer.ints(&[-1, h, wide, c]);
    let image = to.writer.node("Reshape", &[a, &shape], &[], "image");
    to.writer.node("Transpose", &[&image], &[perm(&[0, 3, 1, 2])], "channel_first")
}

/// Images as a matrix with so many columns.
fn matrix(to: &mut Exporter, image: &str, columns: i64, name: &str) -> String {
    let last = to.writer.node("Transpose", &[image], &[perm(&[0, 2, 3, 1])], "channel_last");
    let shape = to.writer.ints(&[-1, columns]);
    to.writer.node("Reshape", &[&last, &shape], &[], name)
}

fn perm(order: &[i64]) -> (&'static str, Attribute) {
    ("perm", Attribute::Ints(order.to_vec()))
}

fn attributes(w: &Window) -> Vec<(&'static str, Attribute)> {
    let list = |numbers: &[u32]| Attribute::Ints(numbers.iter().map(|&n| n.into()).collect());
    vec![
        ("kernel_shape", list(&w.size)),
        ("strides", list(&w.stride)),
        ("pads", list(&w.pad)),
        ("dilations", list(&w.dilation)),
    ]
}

/// The product of unfolded pictures with a kernel: a convolution.
pub(crate) fn convolution(to: &mut Exporter, a: &str, w: &Window, k: &str, name: &str) -> String {
    let [rows, cols] = w.size.map(i64::from);
    let image = channel_first(to, a, w);
    let shape = to.writer.ints(&[rows, cols, w.picture[2].into(), -1]);
    let kernel = to.writer.node("Reshape", &[k, &shape], &[], "kernel");
    let kernel = to.writer.node("Transpose", &[&kernel], &[perm(&[3, 2, 0, 1])], "kernel_first");
    let result = to.writer.node("Conv", &[&image, &kernel], &attributes(w), "convolution");
    let last = to.writer.node("Transpose", &[&result], &[perm(&[0, 2, 3, 1])], "channel_last");
    // As many columns as the kernel has: the last axis.
    let columns = to.writer.node("Shape", &[k], &[("start", Attribute::Int(1))], "columns");
    let free = to.writer.ints(&[-1]);
    let shape =
        to.writer.node("Concat", &[&free, &columns], &[("axis", Attribute::Int(0))], "shape");
    to.writer.node("Reshape", &[&last, &shape], &[], name)
}

/// Unfolding alone: a convolution of each channel with kernels of a single one.
pub(crate) fn unfold(to: &mut Exporter, a: &str, w: &Window, name: &str) -> String {
    let (taps, channels, groups) = (w.taps(), w.channels(), w.groups as usize);
    let image = channel_first(to, a, w);
    let kernel = singles(to, w);
    let mut with = attributes(w);
    with.push(("group", Attribute::Int(channels as i64)));
    let result = to.writer.node("Conv", &[&image, &kernel], &with, "unfolded");
    // (group, channel of the group, tap) to (group, tap, channel of the group).
    let columns = (channels * taps) as i64;
    let flat = matrix(to, &result, columns, "columns");
    let shape = to.writer.ints(&[-1, groups as i64, (channels / groups) as i64, taps as i64]);
    let split = to.writer.node("Reshape", &[&flat, &shape], &[], "split");
    let turned = to.writer.node("Transpose", &[&split], &[perm(&[0, 1, 3, 2])], "turned");
    let shape = to.writer.ints(&[-1, columns]);
    to.writer.node("Reshape", &[&turned, &shape], &[], name)
}

/// Folding alone: the transpose of a convolution with kernels of a single one.
pub(crate) fn fold(to: &mut Exporter, a: &str, w: &Window, name: &str) -> String {
    let (taps, channels, groups) = (w.taps(), w.channels(), w.groups as usize);
    let [high, wide] = w.output().expect("the shape of a fold was proved").map(i64::from);
    // (group, tap, channel of the group) to (group, channel of the group, tap).
    let parts = [groups, taps, channels / groups].map(|n| n as i64);
    let shape = to.writer.ints(&[&[-1, high, wide], &parts[..]].concat());
    let split = to.writer.node("Reshape", &[a, &shape], &[], "split");
    let turned = to.writer.node("Transpose", &[&split], &[perm(&[0, 3, 5, 4, 1, 2])], "turned");
    let shape = to.writer.ints(&[-1, (taps * channels) as i64, high, wide]);
    let image = to.writer.node("Reshape", &[&turned, &shape], &[], "image");
    let kernel = singles(to, w);
    let more = (0..2).map(|k| {
        let reach = w.dilation[k] * (w.size[k] - 1) + 1;
        i64::from((w.picture[k] + w.pad[k] + w.pad[k + 2] - reach) % w.stride[k])
    });
    let mut with = attributes(w);
    with.push(("output_padding", Attribute::Ints(more.collect())));
    with.push(("group", Attribute::Int(channels as i64)));
    let result = to.writer.node("ConvTranspose", &[&image, &kernel], &with, "folded");
    matrix(to, &result, w.picture.iter().map(|&n| i64::from(n)).product(), name)
}

/// For each channel and tap a kernel with a single one.
fn singles(to: &mut Exporter, w: &Window) -> String {
    let (taps, channels) = (w.taps(), w.channels());
    let ones: Vec<f64> = (0..channels * taps * taps)
        .map(|i| f64::from(u8::from(i / taps % taps == i % taps)))
        .collect();
    let dims = [channels * taps, 1, w.size[0] as usize, w.size[1] as usize];
    to.writer.floats("single", &dims, &ones)
}

/// The largest entries.
pub(crate) fn max_pool(to: &mut Exporter, a: &str, w: &Window, name: &str) -> String {
    let image = channel_first(to, a, w);
    let result = to.writer.node("MaxPool", &[&image], &attributes(w), "pooled");
    matrix(to, &result, (w.places() * w.channels()) as i64, name)
}
