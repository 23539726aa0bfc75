//! The graphs, by what they are about.

use super::graph::{Foreign, graph};

/// Flattened as exporters write it: the batch is asked for, and all else is what is left.
pub(super) const VIEW: &str = "c = Conv x K k; s = Shape c; n = Gather s first axis=0; n1 = Unsqueeze n at0; \
                    to = Concat n1 rest axis=0; f = Reshape c to; y = MatMul f U";

pub(super) type Named = (&'static str, Foreign);

pub(super) fn image(output: &[usize], nodes: &str) -> Foreign {
    graph(&[3, 5, 5], output, nodes)
}

/// Ends in a softmax or a sigmoid.
pub(super) fn ends() -> Vec<Named> {
    let old = |g: Foreign| Foreign { opset: 11, ..g };
    vec![
        ("softmax", graph(&[6], &[6], "y = Softmax x axis=1")),
        ("softmax_last", graph(&[6], &[6], "y = Softmax x axis=-1")),
        ("softmax_of_3_axes", graph(&[2, 3], &[2, 3], "y = Softmax x axis=-1")),
        ("softmax_of_the_middle", graph(&[2, 3], &[2, 3], "y = Softmax x axis=1")),
        ("softmax_of_channels", image(&[4, 3, 3], "c = Conv x K k; y = Softmax c axis=1")),
        ("softmax_11", old(graph(&[2, 3], &[2, 3], "y = Softmax x"))),
        ("softmax_11_last", old(graph(&[2, 3], &[2, 3], "y = Softmax x axis=-1"))),
        (
            "softmax_of_pooled",
            image(&[4, 1, 1], "c = Conv x K k; p = GlobalAveragePool c; y = Softmax p axis=1"),
        ),
        ("sigmoid", image(&[4, 3, 3], "c = Conv x K k; y = Sigmoid c")),
        (
            "softmax_flattened",
            image(&[4], "c = Conv x K k; p = GlobalMaxPool c; s = Softmax p axis=1; y = Flatten s"),
        ),
        ("softmax_turned", graph(&[3, 2], &[2, 3], SOFTMAX_TURNED)),
        ("softmax_of_parts", graph(&[2, 3], &[6], "s = Softmax x axis=-1; y = Flatten s")),
        ("softmax_of_pixels", image(&[36], SOFTMAX_OF_PIXELS)),
        ("softmax_kept", graph(&[6], &[6], "s = Softmax x; f = Flatten s; y = Mul f s")),
    ]
}

/// A softmax whose entries are moved.
const SOFTMAX_TURNED: &str = "f = Flatten x; s = Softmax f axis=1; r = Reshape s pairs; \
                              y = Transpose r perm=[0,2,1]";

/// A softmax of the rows of a matrix that has several for each example.
const SOFTMAX_OF_PIXELS: &str = "c = Conv x K k; t = Transpose c perm=[0,2,3,1]; \
                                 r = Reshape t of_four; s = Softmax r axis=1; y = Reshape s all";

/// Outputs of three axes behind the batch, which are images but where they are channel last.
pub(super) fn pictures() -> Vec<Named> {
    let shuffled = "d = DepthToSpace x blocksize=2; y = Tanh d";
    let filled = "c = Conv x K k; f = Flatten c; z = MatMul f V; y = Reshape z picture";
    let beside = "c = Conv x K pads=[1,1,1,1]; p = Slice c at0 at3 at1; a = Add p x; y = Tanh a";
    let grouped = "c = Conv x K k; r = Reshape c groups; i = InstanceNormalization r pair pair; \
                   s = Shape c; b = Reshape i s; y = Relu b";
    vec![
        ("shuffled", graph(&[8, 3, 3], &[2, 6, 6], shuffled)),
        ("filled_picture", image(&[3, 5, 5], filled)),
        ("beside", image(&[3, 5, 5], beside)),
        ("grouped", image(&[4, 3, 3], grouped)),
        ("wider", graph(&[4, 3, 3], &[6, 7, 7], "y = ConvTranspose x R strides=[2,2] group=2")),
        ("each_channel", image(&[3, 3, 3], "c = Conv x E group=3; y = Tanh c")),
        ("each_channel_twice", image(&[6, 3, 3], "c = Conv x F g group=3; y = Tanh c")),
        ("in_two_groups", graph(&[4, 5, 5], &[4, 3, 3], "y = Conv x Q k group=2")),
        ("norms", image(&[3, 2, 2], "p = LpPool x kernel_shape=[2,2] strides=[2,2]; y = Tanh p")),
        ("third_norms", image(&[3, 4, 4], "y = LpPool x kernel_shape=[2,2] p=3")),
        ("cubic", image(&[3, 10, 15], "t = Tanh x; y = Resize t none larger mode=cubic")),
        ("cubic_smaller", image(&[3, 3, 2], "t = Tanh x; y = Resize t none smaller mode=cubic")),
        (
            "cubic_corners",
            image(
                &[3, 10, 15],
                "t = Tanh x; y = Resize t none larger mode=cubic cubic_coeff_a=-0.5 \
                 coordinate_transformation_mode=align_corners",
            ),
        ),
        (
            "cubic_inside",
            image(
                &[3, 10, 15],
                "t = Tanh x; y = Resize t none larger mode=cubic exclude_outside=1 \
                 coordinate_transformation_mode=pytorch_half_pixel",
            ),
        ),
        ("resized", image(&[3, 10, 15], "t = Tanh x; y = Resize t none larger mode=linear")),
        ("channels", image(&[4, 3, 3], "c = Conv x K k; y = Softmax c axis=1")),
        ("channel_last", image(&[3, 3, 4], "c = Conv x K k; y = Transpose c perm=[0,2,3,1]")),
        ("one_channel", image(&[3, 3], "c = Conv x K k; y = ReduceMean c axes=[1] keepdims=0")),
    ]
}

/// Images and tables that are moved and put together.
pub(super) fn layouts() -> Vec<Named> {
    vec![
        ("conv", image(&[4, 3, 3], "y = Conv x K k")),
        ("conv_tanh", image(&[4, 3, 3], "c = Conv x K k; y = Tanh c")),
        (
            "pooled",
            image(&[4], "c = Conv x K k; r = Relu c; p = GlobalAveragePool r; y = Flatten p"),
        ),
        (
            "reduced",
            image(&[4], "c = Conv x K k; r = ReduceMean c axes=[-1,-2] keepdims=0; y = Tanh r"),
        ),
        ("largest", graph(&[2, 3], &[3], "y = ReduceMax x axes=[1] keepdims=0")),
        (
            "sliced",
            image(&[12], "c = Conv x K k; d = Slice c starts ends axes; f = Flatten d; y = Tanh f"),
        ),
        (
            "joined",
            image(&[72], "c = Conv x K k; d = Concat c c axis=2; f = Flatten d; y = Tanh f"),
        ),
        ("grown", graph(&[4, 3, 3], &[3, 7, 7], "y = ConvTranspose x K strides=[2,2]")),
        (
            "grown_more",
            graph(
                &[4, 3, 3],
                &[3, 6, 6],
                "y = ConvTranspose x K strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]",
            ),
        ),
        ("batch_norm", graph(&[6], &[6], "y = BatchNormalization x g h m v")),
        ("product", graph(&[2, 3], &[2, 4], "y = MatMul x W")),
        ("dot", graph(&[6], &[1], KERAS_DOT)),
        ("attention", graph(&[5, 3], &[5, 3], ATTENTION)),
        (
            "einsum_dot",
            graph(&[6], &[1], "z = Tanh x; d = Einsum x z equation=bi,bi->b; y = Unsqueeze d at1"),
        ),
        (
            "einsum_product",
            graph(&[2, 3], &[4, 2], "t = Tanh x; y = Einsum t W equation=bij,jk->bki"),
        ),
        (
            "einsum_outer",
            graph(&[2, 3], &[3, 3], "t = Tanh x; y = Einsum x t equation=bij,bik->bjk"),
        ),
        ("batch_second", graph(&[2, 3], &[2, 4], BATCH_SECOND)),
        ("stacked", graph(&[3], &[2, 3], STACKED)),
        ("to_one", graph(&[2, 3], &[2], "t = Tanh x; y = MatMul t triple")),
        ("multiplied", graph(&[6], &[1], "t = Tanh x; y = ReduceProd t axes=[1]")),
        ("unflattened", graph(&[6], &[2, 3], UNFLATTENED)),
    ]
}

/// What Keras writes for `Dot(axes=1)`.
const KERAS_DOT: &str = "z = Tanh x; a = Unsqueeze x at1; b = Unsqueeze z at2; q = MatMul a b; \
                         y = Squeeze q at2";

/// Rows of all examples, those with the same place beside each other, as torch's attention has them.
const BATCH_SECOND: &str = "t = Transpose x perm=[1,0,2]; r = Reshape t by_three; q = MatMul r W; \
                            u = Reshape q two_rows; y = Transpose u perm=[1,0,2]";

/// What Keras writes for `TimeDistributed`.
const STACKED: &str = "t = Tanh x; a = Unsqueeze x at0; b = Unsqueeze t at0; \
                       c = Concat a b axis=0; y = Transpose c perm=[1,0,2]";

const ATTENTION: &str = "t = Transpose x perm=[0,2,1]; q = MatMul x t; s = Softmax q axis=2; \
                         p = MatMul s x; y = Tanh p";

/// What torch writes for `Unflatten(1, (2, 3))`.
const UNFLATTENED: &str = "t = Tanh x; n = Mod three one_pair; u = Unsqueeze n at0; s = Shape t; \
                           before = Slice s at0 u; a = Add u at1; behind = Slice s a most; \
                           to = Concat before parts behind axis=0; y = Reshape t to";

/// Entries along an axis, images where they lie.
pub(super) fn picks() -> Vec<Named> {
    let of_image = |nodes| image(&[36], nodes);
    vec![
        ("split", graph(&[6], &[3], "a,b = Split x axis=1; s = Sigmoid b; y = Mul a s")),
        ("gathered", graph(&[6], &[3], "a = Gather x some axis=1; y = Tanh a")),
        ("one", graph(&[6], &[6], "a = Gather x second axis=1; b = Unsqueeze a at1; y = Mul x b")),
        ("every_second", graph(&[6], &[3], "s = Slice x at1 most at1 at2; y = Tanh s")),
        ("backwards", graph(&[6], &[6], "s = Slice x rest least at1 rest; y = Tanh s")),
        ("padded", image(&[4, 5, 5], "p = Pad x around; y = Conv p K k")),
        ("mirrored", image(&[4, 5, 5], "p = Pad x around mode=reflect; y = Conv p K k")),
        ("wrapped", image(&[4, 5, 5], "p = Pad x around mode=wrap; y = Conv p K k")),
        ("edged", image(&[4, 5, 5], "p = Pad x around mode=edge; y = Conv p K k")),
        (
            "dense",
            of_image(
                "c = Conv x K k; s = Slice c at0 at2 at1; t = Tanh s; \
                            d = Concat s t axis=1; f = Flatten d; y = Tanh f",
            ),
        ),
    ]
}

/// More pixels, fewer, or others.
pub(super) fn pixels() -> Vec<Named> {
    let flat = |nodes: &str| format!("c = Conv x P; {nodes}; f = Flatten r; y = Tanh f");
    let resized = |rest: &str| graph(&[4, 3, 3], &[216], flat(&format!("r = Resize c {rest}")));
    let of_blocks = |nodes| graph(&[4, 2, 3], &[24], flat(nodes));
    vec![
        ("tiled", graph(&[6], &[12], "t = Tanh x; y = Tile t twice")),
        ("enlarged", resized("none larger mode=nearest")),
        (
            "enlarged_from_corners",
            resized(
                "none larger mode=nearest coordinate_transformation_mode=asymmetric \
                 nearest_mode=floor",
            ),
        ),
        (
            "enlarged_to",
            graph(
                &[4, 3, 3],
                &[216],
                flat(
                    "s = Shape c; n = Slice s at0 at1; to = Concat n sides axis=0; \
                      r = Resize c none none to mode=nearest nearest_mode=ceil",
                ),
            ),
        ),
        ("linear", resized("none larger mode=linear")),
        (
            "linear_corners",
            resized("none larger mode=linear coordinate_transformation_mode=align_corners"),
        ),
        (
            "smaller",
            image(&[18], "r = Resize x none smaller mode=nearest; f = Flatten r; y = Tanh f"),
        ),
        (
            "upsampled",
            Foreign { opset: 9, ..graph(&[4, 3, 3], &[216], flat("r = Upsample c larger")) },
        ),
        ("spread", of_blocks("r = DepthToSpace c blocksize=2")),
        ("spread_by_columns", of_blocks("r = DepthToSpace c blocksize=2 mode=CRD")),
        (
            "gathered_blocks",
            graph(
                &[1, 4, 6],
                &[24],
                "d = SpaceToDepth x blocksize=2; r = Conv d P; \
                                       f = Flatten r; y = Tanh f",
            ),
        ),
        ("keras", graph(&[5, 5, 3], &[6, 3, 4], KERAS)),
    ]
}

/// What Keras writes: images are channel last, and rows are repeated by a new axis.
pub(super) const KERAS: &str = "t = Transpose x perm=[0,3,1,2]; c = Conv t K k; u = Unsqueeze c at3; \
                     r = Tile u repeats; w = Reshape r doubled; y = Transpose w perm=[0,2,3,1]";

/// Shapes that are calculated, tests and choices.
pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("expanded", graph(&[6], &[7], EXPANDED)),
        (
            "filled_as_much",
            graph(
                &[6],
                &[6],
                "s = Shape x; n = Max s at1; c = ConstantOfShape n; e = Exp c; y = Add x e",
            ),
        ),
        ("filled", graph(&[6], &[6], "s = Shape x; c = ConstantOfShape s; e = Exp c; y = Add x e")),
        (
            "halves",
            graph(
                &[6],
                &[3],
                "s = Shape x; n = Gather s at1; a = Add n at1; b = Div a at2; \
                                      p = Slice x at0 b at1; y = Tanh p",
            ),
        ),
        ("chosen", graph(&[6], &[6], "t = Greater x g; z = Tanh x; y = Where t x z")),
        (
            "small",
            graph(
                &[6],
                &[6],
                "a = Abs x; t = LessOrEqual a v; n = Not t; f = Cast n to=1; y = Mul f x",
            ),
        ),
    ]
}

/// What torch writes for `c.expand(x.size(0), -1)`.
pub(super) const EXPANDED: &str = "s = Shape x; n = Gather s at0; to = Concat n rest axis=0; \
                        r = Reshape to rest; z = Sub r r; o = Sub z at1; q = Equal r o; \
                        w = Where q at1 r; e = Expand one w; y = Concat x e axis=1";

/// Normalisation by means of the tensor's own.
pub(super) fn norms() -> Vec<Named> {
    vec![
        ("layer", graph(&[6], &[6], "y = LayerNormalization x g h")),
        ("instance", image(&[4, 3, 3], "c = Conv x K k; y = InstanceNormalization c k k")),
        (
            "group",
            image(
                &[4, 3, 3],
                "c = Conv x K k; r = Reshape c groups; \
                                     i = InstanceNormalization r pair pair; s = Shape c; \
                                     y = Reshape i s",
            ),
        ),
        ("length", graph(&[6], &[6], "y = LpNormalization x axis=1 p=2")),
    ]
}

/// Operators on tables.
pub(super) fn tables() -> Vec<Named> {
    vec![
        ("scaled", graph(&[2], &[2], "y = ml.Scaler x offset=[0.5,1.5] scale=[2.0,0.5]")),
        (
            "one_hot",
            graph(
                &[6],
                &[12],
                "a = ml.ArrayFeatureExtractor x some; \
                 o = ml.OneHotEncoder a cats_int64s=[-1,0,1,2]; y = Flatten o",
            ),
        ),
        (
            "regressor",
            graph(
                &[2],
                &[2],
                "y = ml.LinearRegressor x targets=2 coefficients=[0.5,-1.5,2.0,1.0] \
                 intercepts=[0.25,-0.5]",
            ),
        ),
        ("classifier", graph(&[2], &[3], CLASSIFIER)),
        ("above", graph(&[2], &[2], "y = ml.Binarizer x threshold=0.2")),
        ("of_length_1", graph(&[2], &[2], "y = ml.Normalizer x norm=L2")),
    ]
}

/// What skl2onnx writes for a logistic regression.
pub(super) const CLASSIFIER: &str = "l,s = ml.LinearClassifier x classlabels_ints=[4,7,9] \
                          post_transform=SOFTMAX coefficients=[0.5,-1.5,2.0,1.0,-0.5,0.75] \
                          intercepts=[0.25,-0.5,0.0]; \
                          y = ml.Normalizer s norm=L1";

/// Reshapes by the size of the batch.
pub(super) fn views() -> Vec<Named> {
    vec![
        ("view", image(&[2], VIEW)),
        (
            "view_of_part",
            image(
                &[2],
                "c = Conv x K k; n = Shape c start=0 end=1; to = Concat n rest axis=0; \
                 f = Reshape c to; y = MatMul f U",
            ),
        ),
        (
            "view_of_slice",
            image(
                &[2],
                "c = Conv x K k; s = Shape c; i = Cast s to=6; n = Slice i at0 at1 at0; \
                 j = Cast n to=7; to = Concat j rest axis=0; f = Reshape c to; \
                 y = MatMul f U",
            ),
        ),
        (
            "view_of_sizes",
            graph(
                &[6, 1],
                &[6],
                "s = Shape x; a = Gather s at0; b = Gather s second; b1 = Unsqueeze b at0; \
                 to = Concat a b1 axis=0; r = Reshape x to; y = Tanh r",
            ),
        ),
        (
            "view_of_computed_sizes",
            graph(
                &[2, 3],
                &[2, 3],
                "s = Shape x; n = Gather s first; two = Gather s second; b = Mul n two; \
                 b1 = Unsqueeze b at0; t = Unsqueeze three at0; to = Concat b1 t axis=0; \
                 r = Reshape x to; a = Tanh r; back = Div b two; r1 = Unsqueeze back at0; \
                 d = Unsqueeze two at0; again = Concat r1 d t axis=0; y = Reshape a again",
            ),
        ),
        (
            "batch_last",
            graph(
                &[2, 3],
                &[6],
                "t = Transpose x perm=[1,2,0]; s = Shape x; n = Gather s at0; \
                 to = Concat six n axis=0; f = Reshape t to; r = Transpose f perm=[1,0]; \
                 y = Tanh r",
            ),
        ),
    ]
}

pub(super) fn all() -> Vec<Named> {
    [ends(), layouts(), pictures(), picks(), pixels(), shapes(), norms(), tables(), views()]
        .into_iter()
        .flatten()
        .collect()
}
