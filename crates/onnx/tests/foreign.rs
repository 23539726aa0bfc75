//! Graphs of other programs: how they end and what they reshape, and their outputs beside
//! onnxruntime's.

mod cases;
mod graph;

use matgrad::expr::matrix::Matrix;
use matgrad::{FitOptions, UpdateRule};
use matgrad_onnx::import;
use matgrad_onnx::proto::DimensionProto;
use prost::Message;

use self::cases::{CLASSIFIER, Named, VIEW, all, ends, image, layouts, picks, pixels};
use self::graph::{border, graph};
use crate::export::{folder, same_in_onnxruntime};

/// The page of each.
fn pages(all: &[Named]) -> String {
    let pages: Vec<String> =
        all.iter().map(|(name, g)| format!("{name}\n{}\n", g.lines())).collect();
    pages.join("\n")
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
    expect_test::expect_file!["foreign/ends.txt"].assert_eq(&pages(&ends()));
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
fn training_goes_on_where_a_norm_is_0() {
    let norms = [
        (6, 1, "t = Mul x g; y = ReduceL2 t axes=[1]"),
        (6, 6, "t = Mul x g; y = LpNormalization t axis=1"),
        (6, 6, "t = Mul x g; y = ml.Normalizer t norm=L2"),
        (6, 1, "t = Mul x g; q = Mul t t; s = ReduceSum q at1; y = Sqrt s"),
        (
            6,
            1,
            "t = Mul x g; q = Mul t t; s = ReduceSum q at1; p = Constant value_float=0.5; y = Pow s p",
        ),
    ];
    let rows = norms.map(|(wide, out, nodes)| (graph(&[wide], &[out], nodes), wide, out));
    let pools = ["2", "3"].map(|p| {
        let nodes = format!("t = Mul x lone; y = LpPool t kernel_shape=[2,2] p={p}");
        (image(&[3, 4, 4], &nodes), 75, 48)
    });
    for (graph, wide, out) in rows.into_iter().chain(pools) {
        let model = graph.read(None).unwrap();
        let (x, y) = (Matrix::filled(4, wide, 0.0), Matrix::filled(4, out, 1.0));
        let options =
            FitOptions { epochs: 3, ..FitOptions::new(UpdateRule::named("sgd").unwrap()) };
        let fit = model.network.fit(&model.weights, (&x, &y), None, &options).unwrap();
        for epoch in fit {
            let loss = epoch.map(|epoch| epoch.train_loss).map_err(|e| e.to_string());
            assert!(loss.as_ref().is_ok_and(|loss| loss.is_finite()), "{loss:?}");
        }
    }
}

#[test]
fn missing_numbers_are_filled_in_by_the_table() {
    let imputer = |numbers: &str| {
        let filled = "i = ml.Imputer x replaced_value_float=NaN imputed_value_floats=";
        graph(&[2], &[2], format!("{filled}{numbers}; y = Tanh i"))
    };
    let encoder = imputer("[0.5,-1.5]").read(None).unwrap().encoder.to_json();
    let numbers = |k: usize| encoder["inputs"][k]["numbers"]["impute"].as_f64();
    assert_eq!([numbers(0), numbers(1)], [Some(0.5), Some(-1.5)]);
    let said = imputer("[0.5,-1.5,2.0]").read(None).err().unwrap();
    assert_eq!(said, "an Imputer has 3 numbers for 2 columns");
    let later = graph(&[1], &[1], "t = Tanh x; y = ml.Imputer t replaced_value_float=NaN");
    assert!(later.read(None).is_err_and(|said| said.contains("ai.onnx.ml.Imputer")));
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
fn numbers_are_not_cut_to_whole_ones() {
    let said = [
        "t = Exp x; n = Cast t to=7; y = Cast n to=1",
        "t = Exp x; n = Cast t to=9; y = Cast n to=1",
        "a = Greater x g; n = Cast a to=7; c = Div n six; y = Cast c to=1",
    ]
    .map(|nodes| graph(&[6], &[6], nodes).read(None).err().unwrap());
    expect_test::expect![[r#"
        Cast (node "n") is refused: it cuts computed numbers to whole ones, which has no gradient; leave it out
        Cast (node "n") is refused: it tells computed numbers from 0; compare them with a number instead
        Div (node "c") is refused: it cuts a quotient of whole numbers, which has no gradient; cast them to floats before"#]].assert_eq(&said.join("\n"));
    // A test is 0 or 1, and what is encoded is cut there.
    let kept = [
        "a = Greater x g; n = Cast a to=7; c = Mul n six; y = Cast c to=1",
        "n = Cast x to=7; o = ml.OneHotEncoder n cats_int64s=[0,1]; y = Flatten o",
    ];
    for nodes in kept {
        assert!(graph(&[6], &[6], nodes).read(None).is_ok(), "{nodes}");
    }
}

#[test]
fn the_sigmoid_of_an_output_that_is_moved_belongs_to_the_loss() {
    let turned = "c = Conv x K k; s = Sigmoid c; f = Flatten s; y = Reshape f all";
    let measured = "s = Sigmoid x; n = Shape s; y = Reshape s n";
    let all = [("turned", image(&[36], turned)), ("measured", graph(&[6], &[6], measured))];
    expect_test::expect![[r#"
        turned
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        P = unfold(reshape(c, B×36), 9×1×4, 9×1, groups 4)
        L = binary_cross_entropy(P, Y)

        measured

        L = binary_cross_entropy(x, Y)
    "#]]
    .assert_eq(&pages(&all));
    let squares = all[0].1.read(Some("mse")).unwrap().network.source;
    assert!(squares.contains("sigmoid(") && squares.contains("L = mse("), "{squares}");
}

#[test]
fn a_bias_of_one_output_is_trained() {
    let model = graph(&[6], &[1], "p = MatMul x G; y = Add p lone").read(None).unwrap();
    expect_test::expect![[r#"
        input x : B×6
        param G : 6×1
        param lone : 1×1
        p = x * G
        y = p + lone
        target Y : B×1
        L = mse(y, Y)
        minimize L
    "#]]
    .assert_eq(&model.network.source);
}

#[test]
fn a_side_is_as_long_as_runtimes_make_it() {
    // 6 times the 5/6 of 32 bits is 5 there, and below it in 64.
    let nodes = "r = Resize x none less mode=linear; f = Flatten r; y = Tanh f";
    let page = graph(&[1, 6, 6], &[20], nodes).read(None).unwrap().network.source;
    assert!(page.contains("target Y : B×20"), "{page}");
}

#[test]
fn repeated_pixels_lie_beside_each_other() {
    let some: Vec<Named> =
        pixels().into_iter().filter(|(name, _)| ["enlarged", "keras"].contains(name)).collect();
    expect_test::expect![[r#"
        enlarged
        c = unfold(x, 3×3×4, 1×1) * P
        S = reshape(c, 3·B×12)
        r = hcat(S, S)
        S₂ = reshape(r, 18·B×4)
        H = hcat(S₂, S₂)
        r₂ = hcat(H, S₂)
        y = tanh(r₂)
        P₂ = unfold(reshape(y, B×216), 54×1×4, 54×1, groups 4)
        L = mse(P₂, Y)

        keras
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        S = reshape(c, 3·B×12)
        r = hcat(S, S)
        Z = reshape(r, B×72)
        L = mse(Z, Y)
    "#]]
    .assert_eq(&pages(&some));
}

#[test]
fn the_output_has_a_name() {
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
    "#]]
    .assert_eq(&pages(&layouts()[..3]));
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
        the first axis of the output "y" is not the batch
        the first axis of the output "y" is not the batch
        Gather (node "n") is refused: there is no axis 6 of 2"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn entries_stay_where_they_lie() {
    let some: Vec<Named> = layouts().drain(4..7).chain(picks().drain(6..7)).collect();
    expect_test::expect![[r#"
        largest
        P = unfold(x, 2×1×3, 2×1, groups 3)
        y = rowmax(reshape(P, 3·B×2))
        Z = reshape(y, B×3)
        L = mse(Z, Y)

        sliced
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        d = c[:, 2:3]
        S = reshape(d, 3·B×6)
        d₂ = S[:, 1:4]
        y = tanh(d₂)
        P = unfold(reshape(y, B×12), 6×1×2, 6×1, groups 2)
        L = mse(P, Y)

        joined
        T = unfold(x, 5×5×3, 3×3) * K
        c = T + k
        d = hcat(reshape(c, B×36), reshape(c, B×36))
        y = tanh(d)
        P = unfold(y, 18×1×4, 18×1, groups 4)
        L = mse(P, Y)

        mirrored
        H = hcat(x[:, 16:30], x)
        p = hcat(H, x[:, 46:60])
        S = reshape(p, 7·B×15)
        H₂ = hcat(S[:, 4:6], S)
        p₂ = hcat(H₂, S[:, 10:12])
        T = unfold(reshape(p₂, B×147), 7×7×3, 3×3) * K
        y = T + k
        Z = reshape(y, B×100)
        L = mse(Z, Y)
    "#]]
    .assert_eq(&pages(&some));
}

#[test]
fn a_label_beside_the_probabilities_is_left_out() {
    let mut proto = graph(&[2], &[3], CLASSIFIER).proto();
    let mut label = border("l", &[]);
    label.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(7);
    proto.graph.as_mut().unwrap().output.insert(0, label);
    let model = import(&proto.encode_to_vec(), None, None).unwrap();
    expect_test::expect![[r#"
        input x : B×2
        param coefficients : 3×2
        param intercepts : 1×3
        T = x * coefficients'
        s_scores = T + intercepts
        target Y : B×3
        L = cross_entropy(s_scores, Y)
        minimize L
    "#]]
    .assert_eq(&model.network.source);
}

#[test]
fn several_inputs_are_columns_of_one() {
    let mut proto = graph(&[2], &[5], "t = Tanh x; y = Concat t z axis=1").proto();
    proto.graph.as_mut().unwrap().input.push(border("z", &[3]));
    let model = import(&proto.encode_to_vec(), None, None).unwrap();
    expect_test::expect![[r#"
        input inputs : B×5
        x = inputs[:, 1:2]
        z = inputs[:, 3:5]
        t = tanh(x)
        y = hcat(t, z)
        target Y : B×5
        L = mse(y, Y)
        minimize L
    "#]]
    .assert_eq(&model.network.source);
}

#[test]
fn a_constant_that_is_left_outside_is_no_input() {
    let mut proto = graph(&[6], &[6], "y = Sub x mean").proto();
    let mut mean = border("mean", &[6]);
    let shape = mean.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape.as_mut();
    shape.unwrap().dim[0] = DimensionProto { dim_value: Some(1), dim_param: None };
    proto.graph.as_mut().unwrap().input.push(mean);
    let said = import(&proto.encode_to_vec(), None, None).err().unwrap().to_string();
    expect_test::expect![[r#"the input "mean" has one row and "x" any number: it is a constant that the program which wrote the file left outside, as Keras does with those of a Normalization; write the file again with its numbers as an initializer"#]].assert_eq(&said);
}

#[test]
fn a_file_of_one_row_has_the_batch_there() {
    let mut proto = graph(&[6], &[8], "r = Reshape x row; y = Concat r wide axis=1").proto();
    let graph = proto.graph.as_mut().unwrap();
    let input = graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
    input.shape.as_mut().unwrap().dim[0] = DimensionProto { dim_value: Some(1), dim_param: None };
    let model = import(&proto.encode_to_vec(), None, None).unwrap();
    expect_test::expect![[r#"
        input x : B×6
        param wide : 1×2
        E = ones(B, 1) * wide
        y = hcat(x, E)
        target Y : B×8
        L = mse(y, Y)
        minimize L
    "#]]
    .assert_eq(&model.network.source);
}
