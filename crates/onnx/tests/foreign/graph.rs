//! A graph by its text, as a file and beside what the model predicts.

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

pub(super) const ROWS: usize = 5;

/// A graph from `x` to `y`, node by node: `c = Conv x K; y = ReduceMax c axes=[1,2]`. `none` is an
/// operand left out.
pub(super) struct Foreign {
    pub(super) opset: i64,
    /// The axes of `x` and of `y` behind the batch.
    pub(super) borders: [Vec<usize>; 2],
    pub(super) nodes: String,
}

pub(super) fn graph(input: &[usize], output: &[usize], nodes: impl Into<String>) -> Foreign {
    Foreign { opset: 17, borders: [input.into(), output.into()], nodes: nodes.into() }
}

pub(super) fn border(name: &str, dims: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("N".into()) };
    let number = |&d: &usize| DimensionProto { dim_value: Some(d as i64), dim_param: None };
    let dim = std::iter::once(batch).chain(dims.iter().map(number)).collect();
    let tensor = TensorTypeProto { elem_type: Some(1), shape: Some(TensorShapeProto { dim }) };
    let kind = Some(TypeProto { tensor_type: Some(tensor) });
    ValueInfoProto { name: Some(name.into()), r#type: kind, doc_string: None }
}

/// What nodes name and do not compute: weights of these shapes, and whole numbers.
/// Weights with their shapes; their entries are random.
const WEIGHTS: [(&str, &[i64]); 20] = [
    ("K", &[4, 3, 3, 3]),
    ("k", &[4]),
    ("W", &[3, 4]),
    ("U", &[36, 2]),
    ("g", &[6]),
    ("h", &[6]),
    ("m", &[6]),
    ("v", &[6]),
    ("pair", &[2]),
    ("one", &[1, 1]),
    ("wide", &[1, 2]),
    ("P", &[4, 4, 1, 1]),
    ("G", &[6, 1]),
    ("lone", &[1]),
    ("V", &[36, 75]),
    ("E", &[3, 1, 3, 3]),
    ("triple", &[3]),
    ("F", &[6, 1, 3, 3]),
    ("Q", &[4, 2, 3, 3]),
    ("R", &[4, 3, 3, 3]),
];

/// The one whose entries are positive.
const VARIANCE: &str = "v";

/// Lists of numbers.
const FACTORS: [(&str, &[f32]); 3] = [
    ("larger", &[1.0, 1.0, 2.0, 3.0]),
    ("less", &[1.0, 1.0, 4.0 / 6.0, 5.0 / 6.0]),
    ("smaller", &[1.0, 1.0, 0.6, 0.4]),
];

/// Whole numbers, with their shapes.
const WHOLE: [(&str, &[i64], &[i64]); 30] = [
    ("first", &[], &[0]),
    ("second", &[], &[1]),
    ("three", &[], &[3]),
    ("at0", &[1], &[0]),
    ("at1", &[1], &[1]),
    ("rest", &[1], &[-1]),
    ("six", &[1], &[6]),
    ("at2", &[1], &[2]),
    ("some", &[3], &[4, 5, 1]),
    ("most", &[1], &[i64::MAX]),
    ("least", &[1], &[i64::MIN]),
    ("around", &[8], &[0, 0, 1, 1, 0, 0, 1, 1]),
    ("groups", &[3], &[0, 2, -1]),
    ("row", &[2], &[1, -1]),
    ("all", &[2], &[-1, 36]),
    ("starts", &[2], &[1, 0]),
    ("at3", &[1], &[3]),
    ("twice", &[2], &[1, 2]),
    ("repeats", &[5], &[1, 1, 1, 2, 1]),
    ("doubled", &[4], &[-1, 4, 6, 3]),
    ("sides", &[3], &[4, 6, 9]),
    ("ends", &[2], &[3, 2]),
    ("axes", &[2], &[1, 3]),
    ("picture", &[4], &[-1, 3, 5, 5]),
    ("pairs", &[3], &[-1, 3, 2]),
    ("of_four", &[2], &[-1, 4]),
    ("by_three", &[2], &[-1, 3]),
    ("two_rows", &[3], &[2, -1, 4]),
    ("one_pair", &[], &[2]),
    ("parts", &[2], &[2, 3]),
];

fn initializers() -> Vec<TensorProto> {
    let mut random = Random::seed(4);
    let float = |name: &str, dims: &[i64], float_data| TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(1),
        float_data,
        ..TensorProto::default()
    };
    let mut all = Vec::new();
    for (name, dims) in WEIGHTS {
        let mut numbers: Vec<f32> =
            (0..dims.iter().product()).map(|_| random.normal() as f32).collect();
        if name == VARIANCE {
            numbers.iter_mut().for_each(|x| *x = x.abs() + 0.5);
        }
        all.push(float(name, dims, numbers));
    }
    all.extend(FACTORS.map(|(name, x)| float(name, &[x.len() as i64], x.to_vec())));
    all.extend(WHOLE.map(|(name, dims, numbers)| TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(7),
        raw_data: Some(numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        ..TensorProto::default()
    }));
    all
}

fn attribute(text: &str) -> AttributeProto {
    let (name, value) = text.split_once('=').unwrap();
    let mut proto = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    match value.strip_prefix('[') {
        Some(list) => {
            let numbers = || list.trim_end_matches(']').split(',');
            if list.contains('.') {
                proto.floats = numbers().map(|n| n.parse().unwrap()).collect();
                proto.r#type = Some(6);
            } else {
                proto.ints = numbers().map(|n| n.parse().unwrap()).collect();
                proto.r#type = Some(7);
            }
        }
        None => match value.parse() {
            Ok(number) => (proto.i, proto.r#type) = (Some(number), Some(2)),
            Err(_) => match value.parse() {
                Ok(number) => (proto.f, proto.r#type) = (Some(number), Some(1)),
                Err(_) => (proto.s, proto.r#type) = (Some(value.into()), Some(3)),
            },
        },
    }
    proto
}

impl Foreign {
    pub(super) fn proto(&self) -> ModelProto {
        let node = |line: &str| {
            let (output, rest) = line.split_once(" = ").unwrap();
            let mut words = rest.split_whitespace();
            let op = words.next().unwrap();
            let (attributes, inputs): (Vec<&str>, Vec<&str>) = words.partition(|w| w.contains('='));
            let table = op.strip_prefix("ml.");
            NodeProto {
                op_type: Some(table.unwrap_or(op).into()),
                domain: table.map(|_| "ai.onnx.ml".into()),
                input: inputs.into_iter().map(|w| w.replace("none", "")).collect(),
                output: output.trim().split(',').map(String::from).collect(),
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
        let opset = |domain: &str, version| OperatorSetIdProto {
            domain: Some(domain.into()),
            version: Some(version),
        };
        ModelProto {
            ir_version: Some(8),
            opset_import: vec![opset("", self.opset), opset("ai.onnx.ml", 3)],
            graph: Some(graph),
            ..ModelProto::default()
        }
    }

    pub(super) fn read(&self, loss: Option<&str>) -> Result<Model, String> {
        import(&self.proto().encode_to_vec(), None, loss).map_err(|e| e.to_string())
    }

    /// The page behind the declarations.
    pub(super) fn lines(&self) -> String {
        let model = self.read(None).unwrap_or_else(|e| panic!("{e}\n{}", self.nodes));
        let declared = |line: &&str| {
            !["input ", "param ", "const ", "target ", "minimize "]
                .iter()
                .any(|w| line.starts_with(w))
        };
        model.network.source.lines().filter(declared).collect::<Vec<_>>().join("\n")
    }

    /// The graph and what the model predicts, for onnxruntime.
    pub(super) fn write(&self, folder: &Path, name: &str) {
        let model = self.read(None).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut random = Random::seed(9);
        let wide = self.borders[0].iter().product();
        let x = Matrix::new(ROWS, wide, (0..ROWS * wide).map(|_| random.normal()).collect());
        // Images are channel last on the page, and so is an image that comes out.
        let last = [self.nodes.starts_with("t = Transpose"), self.nodes.ends_with("[0,2,3,1]")];
        let turned = |m: &Matrix, k: usize| match self.borders[k][..] {
            [c, h, w] if !last[k] => {
                let (p, q) = if k == 1 { (h * w, c) } else { (c, h * w) };
                Matrix::from_fn(m.rows, m.cols, |i, j| m.row(i)[j % p * q + j / p])
            }
            _ => m.clone(),
        };
        let inside = turned(&x, 0);
        let mut evaluator = Evaluator::new(&model.network, ROWS, Precision::F64).unwrap();
        evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).unwrap();
        let z = turned(&evaluator.run(&inside, None).unwrap().0, 1);
        let rows = |m: &Matrix| (0..m.rows).map(|i| m.row(i).to_vec()).collect::<Vec<_>>();
        let shape: Vec<usize> = std::iter::once(ROWS).chain(self.borders[0].clone()).collect();
        let case = json!({"inputs": {"x": rows(&x)}, "shape": shape, "output": rows(&z)});
        std::fs::write(folder.join(format!("{name}.json")), case.to_string()).unwrap();
        let bytes = self.proto().encode_to_vec();
        std::fs::write(folder.join(format!("{name}.onnx")), bytes).unwrap();
    }
}
