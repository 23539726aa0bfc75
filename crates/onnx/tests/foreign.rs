//! Graphs of other programs: how they end and what they reshape, and their outputs beside
//! onnxruntime's.

use std::path::Path;

use matgrad::data::Random;
use matgrad::expr::matrix::Matrix;
use matgrad::{Evaluator, Model, Precision};
use matgrad_onnx::import;
use matgrad_onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use prost::Message;
use serde_json::json;

use crate::export::{folder, same_in_onnxruntime};

const ROWS: usize = 5;

/// A graph from `x` to `y`, node by node: `c = Conv x K; y = ReduceMax c axes=[1,2]`.
struct Foreign {
    opset: i64,
    /// The axes of `x` and of `y` behind the batch.
    borders: [Vec<usize>; 2],
    nodes: &'static str,
}

fn graph(input: &[usize], output: &[usize], nodes: &'static str) -> Foreign {
    Foreign { opset: 17, borders: [input.into(), output.into()], nodes }
}

fn border(name: &str, dims: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("N".into()) };
    let number = |&d: &usize| DimensionProto { dim_value: Some(d as i64), dim_param: None };
    let dim = std::iter::once(batch).chain(dims.iter().map(number)).collect();
    let tensor = TensorTypeProto { elem_type: Some(1), shape: Some(TensorShapeProto { dim }) };
    let kind = Some(TypeProto { tensor_type: Some(tensor) });
    ValueInfoProto { name: Some(name.into()), r#type: kind, doc_string: None }
}

/// What nodes name and do not compute: weights of these shapes, and whole numbers.
fn initializers() -> Vec<TensorProto> {
    let mut random = Random::seed(4);
    let mut float = |name: &str, dims: &[i64]| TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(1),
        float_data: (0..dims.iter().product()).map(|_| random.normal() as f32).collect(),
        ..TensorProto::default()
    };
    let whole = |name: &str, dims: &[i64], numbers: &[i64]| TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(7),
        raw_data: Some(numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        ..TensorProto::default()
    };
    let mut all = vec![
        float("K", &[4, 3, 3, 3]),
        float("k", &[4]),
        float("W", &[3, 4]),
        float("U", &[36, 2]),
        float("g", &[6]),
        float("h", &[6]),
        float("m", &[6]),
        float("v", &[6]),
        whole("first", &[], &[0]),
        whole("second", &[], &[1]),
        whole("three", &[], &[3]),
        whole("at0", &[1], &[0]),
        whole("at1", &[1], &[1]),
        whole("rest", &[1], &[-1]),
        whole("six", &[1], &[6]),
        whole("starts", &[2], &[1, 0]),
        whole("ends", &[2], &[3, 2]),
        whole("axes", &[2], &[1, 3]),
    ];
    // Variances are positive.
    all[7].float_data.iter_mut().for_each(|x| *x = x.abs() + 0.5);
    all
}

fn attribute(text: &str) -> AttributeProto {
    let (name, value) = text.split_once('=').unwrap();
    let mut proto = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    match value.strip_prefix('[') {
        Some(list) => {
            let numbers = list.trim_end_matches(']').split(',');
            proto.ints = numbers.map(|n| n.parse().unwrap()).collect();
            proto.r#type = Some(7);
        }
        None => (proto.i, proto.r#type) = (Some(value.parse().unwrap()), Some(2)),
    }
    proto
}

impl Foreign {
    fn proto(&self) -> ModelProto {
        let node = |line: &str| {
            let (output, rest) = line.split_once(" = ").unwrap();
            let mut words = rest.split_whitespace();
            let op = words.next().unwrap();
            let (attributes, inputs): (Vec<&str>, Vec<&str>) = words.partition(|w| w.contains('='));
            NodeProto {
                op_type: Some(op.into()),
                input: inputs.into_iter().map(String::from).collect(),
                output: vec![output.trim().into()],
                attribute: attributes.into_iter().map(attribute).collect(),
                ..NodeProto::default()
            }
        };
        let nodes: Vec<NodeProto> = self.nodes.split("; ").map(node).collect();
        let used = |t: &TensorProto| nodes.iter().any(|n| n.input.iter().any(|i| i == t.name()));
        let graph = GraphProto {
            name: Some("g".into()),
            initializer: initializers().into_iter().filter(used).collect(),
            input: vec![border("x", &self.borders[0])],
            output: vec![border("y", &self.borders[1])],
            node: nodes,
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(self.opset) };
        ModelProto {
            ir_version: Some(8),
            opset_import: vec![opset],
            graph: Some(graph),
            ..ModelProto::default()
        }
    }

    fn read(&self, loss: Option<&str>) -> Result<Model, String> {
        import(&self.proto().encode_to_vec(), None, loss).map_err(|e| e.to_string())
    }

    /// The page behind the declarations.
    fn lines(&self) -> String {
        let model = self.read(None).unwrap_or_else(|e| panic!("{e}\n{}", self.nodes));
        let declared = |line: &&str| {
            !["input ", "param ", "const ", "target ", "minimize "]
                .iter()
                .any(|w| line.starts_with(w))
        };
        model.network.source.lines().filter(declared).collect::<Vec<_>>().join("\n")
    }

    /// The graph and what the model predicts, for onnxruntime.
    fn write(&self, folder: &Path, name: &str) {
        let model = self.read(None).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut random = Random::seed(9);
        let wide = self.borders[0].iter().product();
        let x = Matrix::new(ROWS, wide, (0..ROWS * wide).map(|_| random.normal()).collect());
        // Images are channel last on the page, and so is an image that comes out.
        let images = self.nodes.contains("Conv");
        let turned = |m: &Matrix, dims: &[usize], back: bool| match dims[..] {
            [c, h, w] if images => {
                let (p, q) = if back { (h * w, c) } else { (c, h * w) };
                Matrix::from_fn(m.rows, m.cols, |i, j| m.row(i)[j % p * q + j / p])
            }
            _ => m.clone(),
        };
        let inside = turned(&x, &self.borders[0], false);
        let mut evaluator = Evaluator::new(&model.network, ROWS, Precision::F64).unwrap();
        evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).unwrap();
        let z = turned(&evaluator.run(&inside, None).unwrap().0, &self.borders[1], true);
        let rows = |m: &Matrix| (0..m.rows).map(|i| m.row(i).to_vec()).collect::<Vec<_>>();
        let shape: Vec<usize> = std::iter::once(ROWS).chain(self.borders[0].clone()).collect();
        let case = json!({"inputs": {"x": rows(&x)}, "shape": shape, "output": rows(&z)});
        std::fs::write(folder.join(format!("{name}.json")), case.to_string()).unwrap();
        let bytes = self.proto().encode_to_vec();
        std::fs::write(folder.join(format!("{name}.onnx")), bytes).unwrap();
    }
}

/// Flattened as exporters write it: the batch is asked for, and all else is what is left.
const VIEW: &str = "c = Conv x K k; s = Shape c; n = Gather s first axis=0; n1 = Unsqueeze n at0; \
                    to = Concat n1 rest axis=0; f = Reshape c to; y = MatMul f U";

fn all() -> Vec<(&'static str, Foreign)> {
    let image = |output: &[usize], nodes| graph(&[3, 5, 5], output, nodes);
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
        ("batch_norm", graph(&[6], &[6], "y = BatchNormalization x g h m v")),
        ("product", graph(&[2, 3], &[2, 4], "y = MatMul x W")),
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

#[test]
fn foreign_graphs_are_the_same_in_onnxruntime() {
    let folder = folder("foreign");
    for (name, graph) in all() {
        graph.write(&folder, name);
    }
    same_in_onnxruntime(&folder);
}

#[test]
fn only_the_softmax_of_each_row_belongs_to_the_loss() {
    let lines: Vec<String> =
        all()[..9].iter().map(|(name, g)| format!("{name}\n{}\n", g.lines())).collect();
    expect_test::expect![[r#"
        softmax

        L = cross_entropy(x, Y)

        softmax_last

        L = cross_entropy(x, Y)

        softmax_of_3_axes
        y = softmax(reshape(x, 2·B×3))
        Z = reshape(y, B×6)
        L = mse(Z, Y)

        softmax_of_the_middle
        P = unfold(x, 2×1×3, 2×1, groups 3)
        y = softmax(reshape(P, 3·B×2))
        P₂ = unfold(reshape(y, B×6), 3×1×2, 3×1, groups 2)
        Z = reshape(P₂, B×6)
        L = mse(Z, Y)

        softmax_of_channels
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        y = softmax(c)
        Z = reshape(y, B×36)
        L = mse(Z, Y)

        softmax_11

        L = cross_entropy(x, Y)

        softmax_11_last
        y = softmax(reshape(x, 2·B×3))
        Z = reshape(y, B×6)
        L = mse(Z, Y)

        softmax_of_pooled
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        P = unfold(reshape(c, B×36), 9×1×4, 9×1, groups 4)
        p = rowmean(reshape(P, 4·B×9))
        Z = reshape(p, B×4)
        L = cross_entropy(Z, Y)

        sigmoid
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        Z = reshape(c, B×36)
        L = binary_cross_entropy(Z, Y)
    "#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_softmax_elsewhere_does_not_take_the_loss_of_rows() {
    let said = [
        graph(&[2, 3], &[2, 3], "y = Softmax x axis=1").read(Some("cross_entropy")).err().unwrap(),
        graph(&[6], &[6], "y = Softmax x axis=0").read(None).err().unwrap(),
        graph(&[6], &[6], "y = Softmax x axis=0").read(Some("mse")).err().unwrap(),
    ];
    expect_test::expect![[r#"
        Softmax (node "y") is refused: the loss cross_entropy has a softmax of each row; this one goes along axis 1 of B×2×3
        Softmax (node "y") is refused: it goes along the batch; rows of a network do not see each other
        Softmax (node "y") is refused: it goes along the batch; rows of a network do not see each other"#]].assert_eq(&said.join("\n"));
    let page = graph(&[6], &[6], "y = Softmax x").read(Some("mse")).unwrap().network.source;
    assert!(page.contains("L = mse(y, Y)"), "{page}");
}

#[test]
fn rows_do_not_see_each_other() {
    let said = [
        "m = ReduceMean x axes=[0]; y = Sub x m",
        "t = Transpose x perm=[1,0]; m = ReduceMax t axes=[-1]; n = Transpose m perm=[1,0]; y = Sub x n",
        "m = ReduceSum x; y = Div x m",
    ]
    .map(|nodes| graph(&[6], &[6], nodes).read(None).err().unwrap());
    expect_test::expect![[r#"
        ReduceMean (node "m") is refused: it goes along the batch; rows of a network do not see each other
        ReduceMax (node "m") is refused: it goes along the batch; rows of a network do not see each other
        ReduceSum (node "m") is refused: it goes along the batch; rows of a network do not see each other"#]].assert_eq(&said.join("\n"));
}

#[test]
fn the_output_has_a_name() {
    let lines: Vec<String> =
        all()[9..18].iter().map(|(name, g)| format!("{name}\n{}\n", g.lines())).collect();
    expect_test::expect![[r#"
        conv
        T = unfold(x, 5×5×3, 3×3) * K
        y = T + k
        Z = reshape(y, B×36)
        L = mse(Z, Y)

        conv_tanh
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        y = tanh(c)
        Z = reshape(y, B×36)
        L = mse(Z, Y)

        pooled
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        r = relu(c)
        P = unfold(reshape(r, B×36), 9×1×4, 9×1, groups 4)
        p = rowmean(reshape(P, 4·B×9))
        Z = reshape(p, B×4)
        L = mse(Z, Y)

        reduced
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        P = unfold(reshape(c, B×36), 9×1×4, 9×1, groups 4)
        r = rowmean(reshape(P, 4·B×9))
        y = tanh(r)
        Z = reshape(y, B×4)
        L = mse(Z, Y)

        largest
        P = unfold(x, 2×1×3, 2×1, groups 3)
        y = rowmax(reshape(P, 3·B×2))
        Z = reshape(y, B×3)
        L = mse(Z, Y)

        sliced
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        P = unfold(reshape(c, B×36), 9×1×4, 9×1, groups 4)
        S = P
        d = S[:, 10:27]
        S₂ = reshape(d, 6·B×3)
        d₂ = S₂[:, 1:2]
        y = tanh(d₂)
        Z = reshape(y, B×12)
        L = mse(Z, Y)

        joined
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        P = unfold(reshape(c, B×36), 9×1×4, 9×1, groups 4)
        d = hcat(reshape(P, 4·B×9), reshape(P, 4·B×9))
        y = tanh(d)
        Z = reshape(y, B×72)
        L = mse(Z, Y)

        batch_norm
        N = x - m
        N₂ = N ./ sqrt(v + 1e-5)
        N₃ = N₂ .* g
        y = N₃ + h
        L = mse(y, Y)

        product
        y = reshape(x, 2·B×3) * W
        Z = reshape(y, B×8)
        L = mse(Z, Y)
    "#]]
    .assert_eq(&lines.join("\n"));
    let said = graph(&[6], &[6], "y = Identity x").read(None).err().unwrap();
    expect_test::expect![[
        r#"the output "y" is the input itself; there is nothing to compute or to train"#
    ]]
    .assert_eq(&said);
}

#[test]
fn the_batch_is_read_in_shapes_alone() {
    let view = graph(&[3, 5, 5], &[2], VIEW).lines();
    expect_test::expect![[r#"
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        y = reshape(c, B×36) * U
        L = mse(y, Y)"#]]
    .assert_eq(&view);
    let said = [
        "s = Shape x; n = Gather s first; f = Cast n to=1; y = Div x f",
        "s = Shape x; n = Gather s at0; d = Add n n; to = Concat d rest axis=0; \
                 y = Reshape x to",
        "s = Shape x; n = Gather s at0; to = Concat rest n axis=0; y = Reshape x to",
        "s = Shape x; n = Gather s six; y = Reshape x n",
    ]
    .map(|nodes| graph(&[6], &[6], nodes).read(None).err().unwrap());
    expect_test::expect![[r#"
        Div (node "y") is refused: the size of the batch is not known beforehand
        Add (node "d") is refused: the size of the batch is not known beforehand
        the first axis of the output "y" is not the batch
        Gather (node "n") is refused: there is no axis 6 of 2"#]]
    .assert_eq(&said.join("\n"));
}
