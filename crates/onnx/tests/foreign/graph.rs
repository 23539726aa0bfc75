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
    let factors = |name: &str, numbers: &[f32]| TensorProto {
        name: Some(name.into()),
        dims: vec![numbers.len() as i64],
        data_type: Some(1),
        float_data: numbers.to_vec(),
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
        float("pair", &[2]),
        float("one", &[1, 1]),
        float("wide", &[1, 2]),
        float("P", &[4, 4, 1, 1]),
        float("G", &[6, 1]),
        float("lone", &[1]),
        float("V", &[36, 75]),
        float("E", &[3, 1, 3, 3]),
        float("triple", &[3]),
        float("F", &[6, 1, 3, 3]),
        float("Q", &[4, 2, 3, 3]),
        float("R", &[4, 3, 3, 3]),
        factors("larger", &[1.0, 1.0, 2.0, 3.0]),
        factors("less", &[1.0, 1.0, 4.0 / 6.0, 5.0 / 6.0]),
        factors("smaller", &[1.0, 1.0, 0.6, 0.4]),
        whole("first", &[], &[0]),
        whole("second", &[], &[1]),
        whole("three", &[], &[3]),
        whole("at0", &[1], &[0]),
        whole("at1", &[1], &[1]),
        whole("rest", &[1], &[-1]),
        whole("six", &[1], &[6]),
        whole("at2", &[1], &[2]),
        whole("some", &[3], &[4, 5, 1]),
        whole("most", &[1], &[i64::MAX]),
        whole("least", &[1], &[i64::MIN]),
        whole("around", &[8], &[0, 0, 1, 1, 0, 0, 1, 1]),
        whole("groups", &[3], &[0, 2, -1]),
        whole("row", &[2], &[1, -1]),
        whole("all", &[2], &[-1, 36]),
        whole("starts", &[2], &[1, 0]),
        whole("at3", &[1], &[3]),
        whole("twice", &[2], &[1, 2]),
        whole("repeats", &[5], &[1, 1, 1, 2, 1]),
        whole("doubled", &[4], &[-1, 4, 6, 3]),
        whole("sides", &[3], &[4, 6, 9]),
        whole("ends", &[2], &[3, 2]),
        whole("axes", &[2], &[1, 3]),
        whole("picture", &[4], &[-1, 3, 5, 5]),
        whole("pairs", &[3], &[-1, 3, 2]),
        whole("of_four", &[2], &[-1, 4]),
        whole("by_three", &[2], &[-1, 3]),
        whole("two_rows", &[3], &[2, -1, 4]),
        whole("one_pair", &[], &[2]),
        whole("parts", &[2], &[2, 3]),
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
