//! Files that are broken, or made to harm: an error each time, no panic, little memory, and no
//! file read outside of the model's folder.

use matgrad::data::Random;
use matgrad_onnx::proto::{AttributeProto, ModelProto, NodeProto, StringStringEntryProto};
use matgrad_onnx::{equations, export, import};
use prost::Message;

use crate::models::{mnist, own};

/// Reads a changed model and wants an error, and none that is a panic.
fn fails(change: impl FnOnce(&mut ModelProto)) -> String {
    let (bytes, _) = mnist().unwrap();
    let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
    change(&mut proto);
    import(&proto.encode_to_vec(), Some(&std::env::temp_dir()), None).err().unwrap().to_string()
}

fn input_dim(m: &mut ModelProto, axis: usize, length: i64) {
    let input = m.graph.as_mut().unwrap().input[0].r#type.as_mut().unwrap();
    let shape = input.tensor_type.as_mut().unwrap().shape.as_mut().unwrap();
    shape.dim[axis].dim_value = Some(length);
}

fn ints<'a>(m: &'a mut ModelProto, node: usize, name: &str) -> &'a mut AttributeProto {
    let all = &mut m.graph.as_mut().unwrap().node[node].attribute;
    all.iter_mut().find(|a| a.name() == name).unwrap()
}

#[test]
fn hostile_files_are_errors() {
    let Some((bytes, _)) = mnist() else { return };
    for length in (0..bytes.len()).step_by(bytes.len() / 300) {
        assert!(import(&bytes[..length], None, None).is_err(), "{length} bytes");
    }
    let external = |location: &str| {
        let location = location.to_string();
        fails(move |m| {
            let tensor = &mut m.graph.as_mut().unwrap().initializer[0];
            tensor.raw_data = None;
            tensor.data_location = Some(1);
            tensor.external_data = vec![StringStringEntryProto {
                key: Some("location".into()),
                value: Some(location),
            }];
        })
    };
    let said = [
        fails(|m| m.graph.as_mut().unwrap().node[1].input[0] = "Plus214_Output_0".into()),
        fails(|m| m.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 40, 1 << 40]),
        fails(|m| m.graph.as_mut().unwrap().initializer[0].dims = vec![-16, 4, 4, 10]),
        fails(|m| m.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 20, 1 << 8]),
        fails(|m| input_dim(m, 3, 1 << 30)),
        fails(|m| input_dim(m, 3, 1 << 18)),
        fails(|m| input_dim(m, 3, -28)),
        // A window with so many pads that it has more places than a machine has memory for.
        fails(|m| {
            let node = m.graph.as_mut().unwrap().node.iter().position(|n| n.op_type() == "MaxPool");
            let node = node.unwrap();
            m.graph.as_mut().unwrap().node[node].op_type = Some("AveragePool".into());
            ints(m, node, "pads").ints = vec![60_000; 4];
            ints(m, node, "auto_pad").s = Some(b"NOTSET".to_vec());
        }),
        fails(|m| {
            let nodes = &mut m.graph.as_mut().unwrap().node;
            nodes.insert(1, nodes[1].clone());
        }),
        fails(|m| m.opset_import[0].version = Some(99)),
        external("/etc/passwd"),
        external("../../../../etc/passwd"),
        external("none.bin"),
    ];
    expect_test::expect![[r#"
        Conv (node "Convolution28") is refused: "Plus214_Output_0" is used before it is computed, or the graph has a cycle
        Parameter193 is declared [1099511627776, 1099511627776]: that is more than 268435456 entries, which is the limit of an import
        Parameter193 is declared [-16, 4, 4, 10]: a dimension is negative
        the tensor "Parameter193" has 2560 entries; its shape says 268435456
        Input3 is declared [1, 28, 1073741824]: that is more than 268435456 entries, which is the limit of an import
        Conv (node "Convolution28") is refused: a side of the image is not known, or longer than 65,535
        Input3 is declared [1, 28, -28]: a dimension is negative
        AveragePool (node "Pooling66") is refused: with it, more than 16777216 numbers are made of the file's
        Conv (node "Convolution28") is refused: "Convolution28_Output_0" is computed twice
        its operators are of opset 99; 7 to 26 are read
        the tensor "Parameter193" is in another file: "/etc/passwd" leaves the folder of the model
        the tensor "Parameter193" is in another file: "../../../../etc/passwd" leaves the folder of the model
        the tensor "Parameter193" is in another file: "none.bin": No such file or directory (os error 2)"#]].assert_eq(&said.join("\n"));
}

/// A column plus a row of numbers in the file, and the result with itself again: each addition of
/// a few bytes would square the size.
#[test]
fn folding_makes_no_more_than_a_file_may_have() {
    let Some((bytes, _)) = mnist() else { return };
    let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
    let graph = proto.graph.as_mut().unwrap();
    for (name, dims) in [("column", vec![1 << 14, 1]), ("row", vec![1, 1 << 14])] {
        let mut tensor = graph.initializer[0].clone();
        tensor.name = Some(name.into());
        tensor.dims = dims;
        tensor.data_type = Some(1);
        tensor.float_data = vec![1.0; 1 << 14];
        tensor.raw_data = None;
        graph.initializer.push(tensor);
    }
    let add = NodeProto {
        op_type: Some("Add".into()),
        input: vec!["column".into(), "row".into()],
        output: vec!["large".into()],
        ..NodeProto::default()
    };
    graph.node.insert(0, add);
    graph.node[2].input[1] = "large".into();
    let said = import(&proto.encode_to_vec(), None, None).err().unwrap().to_string();
    expect_test::expect![[r#"Add (node "large") is refused: with it, more than 16777216 numbers are made of the file's"#]].assert_eq(&said);
}

/// Names of operands are all that a file needs to ask for an expression of any depth. Equal pairs
/// are one line; sums go on line by line.
#[test]
fn many_operands_are_read_or_refused() {
    let Some((bytes, _)) = mnist() else { return };
    let mut found = Vec::new();
    for (op, count) in [("Concat", 50), ("Concat", 500), ("Sum", 5000)] {
        let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
        let graph = proto.graph.as_mut().unwrap();
        let output = graph.output[0].name.clone().unwrap();
        graph.node.truncate(2);
        let mut node = graph.node.remove(1);
        node.op_type = Some(op.into());
        node.attribute.truncate(1);
        let axis = &mut node.attribute[0];
        (axis.name, axis.i, axis.r#type) = (Some("axis".into()), Some(1), Some(2));
        (node.input, node.output) = (vec!["Input3".into(); count], vec![output]);
        graph.node = vec![node];
        let read = import(&proto.encode_to_vec(), None, None);
        let lines = read.map(|model| model.network.source.lines().count());
        let lines = lines.map_err(|e| e.to_string()).unwrap();
        found.push(format!("{op} of {count}: {lines} lines"));
    }
    expect_test::expect![[r#"
        Concat of 50: 11 lines
        Concat of 500: 17 lines
        Sum of 5000: 5003 lines"#]]
    .assert_eq(&found.join("\n"));
}

#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let folder = crate::export::folder("link");
    let model = folder.join("model");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(folder.join("secret.bin"), [0; 10240]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.join("secret.bin"), model.join("weights.bin")).unwrap();
    let Some((bytes, _)) = mnist() else { return };
    let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
    let tensor = &mut proto.graph.as_mut().unwrap().initializer[0];
    tensor.raw_data = None;
    tensor.data_location = Some(1);
    let location = ("location".to_string(), "weights.bin".to_string());
    let entry = StringStringEntryProto { key: Some(location.0), value: Some(location.1) };
    tensor.external_data = vec![entry];
    let said = import(&proto.encode_to_vec(), Some(&model), None).err().unwrap().to_string();
    assert!(said.contains("leads out of the folder"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The most memory that this process has had, in MiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn models() -> Option<Vec<Vec<u8>>> {
    let mut models = vec![mnist()?.0];
    models.extend(own().iter().map(|(model, _)| export(model).unwrap().encode_to_vec()));
    Some(models)
}

/// A changed weight is another model, and fine; anything else is an error.
fn read(bytes: &[u8], found: &mut [usize; 2]) {
    found[usize::from(import(bytes, None, None).is_ok())] += 1;
    drop(equations(bytes, None));
}

/// Four bytes changed, left out or put in.
#[test]
fn a_thousand_mutations_of_each_model_are_read_or_refused() {
    let Some(models) = models() else { return };
    let mut random = Random::seed(11);
    let mut found = [0; 2];
    for model in &models {
        for _ in 0..1000 {
            let mut changed = model.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(changed.len());
                match random.below(4) {
                    0 => changed[at] = random.below(256) as u8,
                    1 => changed[at] ^= 1 << random.below(8),
                    2 => drop(changed.remove(at)),
                    _ => changed.insert(at, random.below(256) as u8),
                }
            }
            read(&changed, &mut found);
        }
    }
    println!("{} refused, {} read", found[0], found[1]);
    assert!(found[0] > 1000 && found[1] > 100, "{found:?}");
    small();
}

/// Well-formed files that say something else: shapes, attributes, operators, edges.
#[test]
fn a_thousand_lies_of_each_model_are_read_or_refused() {
    let Some(models) = models() else { return };
    let mut random = Random::seed(12);
    let mut found = [0; 2];
    for model in &models {
        let proto = ModelProto::decode(model.as_slice()).unwrap();
        for _ in 0..1000 {
            let mut changed = proto.clone();
            // Else our own metadata are held against the graph, and all that differs is foreign.
            changed.metadata_props.clear();
            for _ in 0..=random.below(2) {
                lie(&mut changed, &mut random);
            }
            read(&changed.encode_to_vec(), &mut found);
        }
    }
    println!("{} refused, {} read", found[0], found[1]);
    assert!(found[0] > 1000 && found[1] > 100, "{found:?}");
    small();
}

fn lie(m: &mut ModelProto, random: &mut Random) {
    let number = |random: &mut Random| {
        let all = [-(1 << 40), -2, -1, 0, 1, 2, 3, 7, 255, 65_535, 1 << 20, 1 << 31, i64::MAX];
        all[random.below(all.len())]
    };
    let graph = m.graph.as_mut().unwrap();
    let node = random.below(graph.node.len());
    let other = random.below(graph.node.len());
    match random.below(7) {
        0 => {
            let k = random.below(graph.initializer.len());
            let dims = &mut graph.initializer[k].dims;
            match dims.is_empty() {
                true => dims.push(number(random)),
                false => {
                    let at = random.below(dims.len());
                    dims[at] = number(random);
                }
            }
        }
        1 => {
            let k = random.below(graph.input.len());
            let shape = graph.input[k].r#type.as_mut().and_then(|t| t.tensor_type.as_mut());
            let Some(shape) = shape.and_then(|t| t.shape.as_mut()) else { return };
            let at = random.below(shape.dim.len().max(1));
            if let Some(dim) = shape.dim.get_mut(at) {
                dim.dim_value = Some(number(random));
            }
        }
        2 => {
            let attributes = &mut graph.node[node].attribute;
            let Some(a) = attributes.first_mut() else { return };
            a.i = a.i.map(|_| number(random));
            a.ints.iter_mut().for_each(|i| *i = number(random));
            a.f = a.f.map(|_| f32::NAN);
        }
        3 => graph.node[node].op_type = graph.node[other].op_type.clone(),
        4 => {
            let Some(from) = graph.node[other].output.first().cloned() else { return };
            if let Some(input) = graph.node[node].input.first_mut() {
                *input = from;
            }
        }
        5 => drop(graph.node.remove(node)),
        _ => {
            let inputs = &mut graph.node[node].input;
            if !inputs.is_empty() {
                let at = random.below(inputs.len());
                inputs.remove(at);
            }
        }
    }
}

/// All tests of this binary together, whose largest honest matrices are those of 10,000 pictures.
fn small() {
    match peak() {
        Some(most) => {
            println!("peak of memory {most} MiB");
            assert!(most < 1024, "{most} MiB");
        }
        None => eprintln!("NOT CHECKED: /proc/self/status does not say how much memory was used"),
    }
}
