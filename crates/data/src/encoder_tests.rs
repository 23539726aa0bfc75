use super::*;
use crate::{Column, ReadOptions, Values, read_bytes};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;

fn table(text: &str) -> Table {
    read_bytes(text.as_bytes(), "t.csv", &ReadOptions::default()).unwrap()
}

fn options(targets: &[usize]) -> EncoderOptions {
    EncoderOptions { targets: targets.to_vec(), ..EncoderOptions::default() }
}

fn all(table: &Table) -> Vec<usize> {
    (0..table.rows).collect()
}

fn fit(text: &str, target: &str) -> (Table, Encoder) {
    let table = table(text);
    let target = table.column(target).unwrap();
    let encoder = Encoder::fit(&table, &all(&table), &options(&[target])).unwrap();
    (table, encoder)
}

fn fails(text: &str, options: &EncoderOptions, message: Expect) {
    let table = table(text);
    let error = Encoder::fit(&table, &all(&table), options).unwrap_err();
    message.assert_eq(&error.to_string());
}

const TOYS: &str = "size,colour,old,kind
1,red,yes,a
3,blue,no,b
?,red,yes,a
5,?,?,c
";

#[test]
fn numbers_booleans_categories() {
    let (table, encoder) = fit(TOYS, "kind");
    assert_eq!(encoder.input_names(), ["size", "colour=blue", "colour=red", "old=yes"]);
    let deviation = (8.0f64 / 3.0).sqrt();
    let inputs = encoder.inputs(&table, &all(&table)).unwrap();
    assert_eq!(inputs.row(0), [-2.0 / deviation, 0.0, 1.0, 1.0]);
    assert_eq!(inputs.row(1), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(inputs.row(2), [0.0, 0.0, 1.0, 1.0], "the mean stands for ?");
    assert_eq!(inputs.row(3), [2.0 / deviation, 0.0, 1.0, 1.0], "the usual levels for ?");
    assert_eq!(encoder.labels(), ["a", "b", "c"]);
    assert_eq!(encoder.targets(&table, &[3, 0]).unwrap().data, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(encoder.class_codes(&table, &[1]).unwrap(), [Some(1)]);
    assert_eq!(encoder.warnings(), [""; 0]);
}

#[test]
fn indicators() {
    let table = table(TOYS);
    let missing = Missing::ImputeAndIndicate;
    let options = EncoderOptions { missing, scaling: Scaling::None, ..options(&[3]) };
    let encoder = Encoder::fit(&table, &all(&table), &options).unwrap();
    expect!["size size=missing colour=blue colour=red colour=missing old=yes old=missing"]
        .assert_eq(&encoder.input_names().join(" "));
    let inputs = encoder.inputs(&table, &[2, 3]).unwrap();
    assert_eq!(inputs.row(0), [3.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(inputs.row(1), [5.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
}

#[test]
fn only_training_rows_teach() {
    let table = table("x,c,y\n0,a,0\n2,b,1\n100,z,0\n");
    let encoder = Encoder::fit(&table, &[0, 1], &options(&[2])).unwrap();
    assert_eq!(encoder.input_names(), ["x", "c=a", "c=b"]);
    let inputs = encoder.inputs(&table, &[0, 2]).unwrap();
    assert_eq!(inputs.data, [-1.0, 1.0, 0.0, 99.0, 0.0, 0.0]);
    let warning = encoder.unseen(&table, &all(&table)).unwrap().join("\n");
    expect![[
        r#"column "c": 1 of 3 values were not seen in training and count as none of its levels"#
    ]]
    .assert_eq(&warning);
}

#[test]
fn kinds_of_targets() {
    let kind = |values: &[f64]| {
        let matrix = Matrix::new(values.len(), 1, values.to_vec()).unwrap();
        let table = Table::from_matrix(&matrix, "t");
        TargetKind::Auto.resolve(&table, &[0], &all(&table))
    };
    assert_eq!(kind(&[0.0, 1.0, 1.0, 0.0]), TargetKind::Classes);
    assert_eq!(kind(&[0.0, 1.0, 2.0, 0.0]), TargetKind::Numbers);
    assert_eq!(kind(&[0.0, 1.0, 2.0].repeat(5)), TargetKind::Classes);
    assert_eq!(kind(&[0.5, 1.0, 2.0].repeat(5)), TargetKind::Numbers);
    assert_eq!(kind(&[f64::NAN; 3]), TargetKind::Numbers);
    let many: Vec<f64> = (0..21).map(f64::from).collect();
    assert_eq!(kind(&many.repeat(10)), TargetKind::Numbers);

    let (table, encoder) = fit("x,y\n1,10\n2,9\n3,10\n4,9\n", "y");
    assert_eq!(encoder.labels(), ["9", "10"]);
    assert_eq!(encoder.class_codes(&table, &[0, 1]).unwrap(), [Some(1), Some(0)]);
}

#[test]
fn several_numbers_scaled_and_back() {
    let table = table("x,y,z\n1,1.5,7\n2,2.5,7\n3,4.5,7\n");
    let encoder = Encoder::fit(&table, &all(&table), &options(&[1, 2])).unwrap();
    assert_eq!((encoder.target_kind(), encoder.target_width()), (TargetKind::Numbers, 2));
    assert_eq!(encoder.target_names(), ["y", "z"]);
    let mut targets = encoder.targets(&table, &all(&table)).unwrap();
    assert!(targets.column(0).iter().sum::<f64>().abs() < 1e-12);
    assert_eq!(targets.column(1), [0.0; 3]);
    encoder.unscale_targets(&mut targets);
    for (x, y) in targets.data.iter().zip([1.5, 7.0, 2.5, 7.0, 4.5, 7.0]) {
        assert!((x - y).abs() < 1e-12, "{x} {y}");
    }
    expect![[r#"the target column "z" is constant in the training rows (7)"#]]
        .assert_eq(&encoder.warnings().join("\n"));
}

#[test]
fn warnings() {
    let rows: String = (0..60).map(|i| format!("n{i},7,a,?,{}\n", i % 2)).collect();
    let (table, encoder) = fit(&format!("id,k,w,m,y\n{rows}"), "y");
    expect![[r#"
        column "id" has 60 levels in 60 rows and becomes as many inputs; leave it out if it is a name or a number of the row
        column "m" has no value in the training rows
        column "k" (7) is constant in the training rows
        column "w" ("a") is constant in the training rows"#]].assert_eq(&encoder.warnings().join("\n"));
    let inputs = encoder.inputs(&table, &[4]).unwrap();
    assert_eq!(inputs.data.iter().sum::<f64>(), 1.0, "constant columns are 0");
    let options = EncoderOptions { inputs: Some(vec![4, 0]), ..options(&[4]) };
    let encoder = Encoder::fit(&table, &all(&table), &options).unwrap();
    expect![[r#"column "y" is both an input and a target"#]].assert_eq(&encoder.warnings()[0]);
}

#[test]
fn columns_by_name_and_by_position() {
    let (_, encoder) = fit("x,c,kind\n0,r,a\n2,s,b\n", "kind");
    let shuffled = table("extra,c,x\n9,s,0\n9,r,2\n");
    assert_eq!(encoder.inputs(&shuffled, &[0]).unwrap().data, [-1.0, 0.0, 1.0]);
    assert!(!encoder.has_targets(&shuffled));
    let missing = |text: &str| encoder.inputs(&table(text), &[0]).unwrap_err().to_string();
    expect![[r#"t.csv: the model needs the column "x", which the table does not have; did you mean "X"? The columns are "X", "c""#]].assert_eq(&missing("X,c\n1,s\n"));
    expect![[r#"t.csv: the model needs the column "kind", which the table does not have. The columns are "extra", "c", "x""#]].assert_eq(&encoder.targets(&shuffled, &[0]).unwrap_err().to_string());
    expect!["t.csv: the model was trained on 3 columns (1 of them targets, which may be left out), but the table has 1; without names on both sides columns go by position, so give all of them in that order"].assert_eq(&missing("1\n"));

    let (_, encoder) = fit("a,0,r\nb,2,s\nb,2,s\n", "1");
    let without = table("0,s\n5,s\n");
    assert_eq!(encoder.inputs(&without, &[0]).unwrap().cols, 3);
    assert!(!encoder.has_targets(&without));
    expect!["t.csv: the model was trained on 3 columns (1 of them targets, which may be left out), but the table has 2; without names on both sides columns go by position, so give all of them in that order"].assert_eq(&encoder.targets(&without, &[0]).unwrap_err().to_string());
    let wider = table("b,0,s,1,1\na,0,r,1,1\n");
    assert!(encoder.has_targets(&wider));
    assert_eq!(encoder.class_codes(&wider, &[0]).unwrap(), [Some(1)]);
}

#[test]
fn columns_that_change_their_looks() {
    let (_, encoder) = fit("x,c,y\n1,1,a\n2,2,b\n3,w,b\n", "y");
    let numbers = table("x,c,y\n1,2.0,a\n2,1,b\n");
    assert_eq!(encoder.inputs(&numbers, &[0]).unwrap().row(0)[1..], [0.0, 1.0, 0.0]);
    let error = encoder.inputs(&table("x,c\n1,1\n\nl0,2\n"), &[0, 1]).unwrap_err();
    expect![[r#"t.csv, line 4, column "x": "l0" is not a number; correct it, or leave it empty if it is unknown"#]].assert_eq(&error.to_string());
    let error = encoder.targets(&table("x,y\n1,a\n1,q\n"), &[0, 1]).unwrap_err();
    expect![[r#"t.csv, line 3, column "y": the class "q" was not among the training rows, which had "a", "b"; correct it, or train with rows of that class"#]].assert_eq(&error.to_string());
}

#[test]
fn missing_targets() {
    let text = "x,y\n1,a\n2,?\n3,b\n";
    fails(
        text,
        &options(&[1]),
        expect![[
            r#"t.csv, line 3, column "y": the target is missing; remove the row, or allow missing targets"#
        ]],
    );
    fails(
        "x,y\n1,0.5\n2,\n3,1\n",
        &options(&[1]),
        expect![[
            r#"t.csv, line 3, column "y": the target is missing; remove the row, or allow missing targets"#
        ]],
    );
    let allowed = EncoderOptions { allow_missing_targets: true, ..options(&[1]) };
    let table = table(text);
    let encoder = Encoder::fit(&table, &all(&table), &allowed).unwrap();
    let targets = encoder.targets(&table, &all(&table)).unwrap();
    assert!(targets.row(1).iter().all(|x| x.is_nan()));
    assert_eq!(targets.row(2), [0.0, 1.0]);
    assert_eq!(encoder.class_codes(&table, &[0, 1]).unwrap(), [Some(0), None]);
    fails(
        "x,y\n1,?\n2,?\n",
        &allowed,
        expect!["t.csv: there are no training rows with a target; give more rows"],
    );
}

#[test]
fn messages() {
    fails(
        "x,y\n1,a\n2,a\n",
        &options(&[1]),
        expect![[
            r#"t.csv, column "y": every training row is of the class "a", so there is nothing to learn; choose another target column, or more rows"#
        ]],
    );
    fails(
        "x,y\n1,a\ninf,b\n",
        &options(&[1]),
        expect![[
            r#"t.csv, line 3, column "x": the value is infinite; correct it, or leave it empty if it is unknown"#
        ]],
    );
    fails(
        "1,a\n2,b\n-1e999,b\n",
        &options(&[1]),
        expect![
            "t.csv, line 3, column 1: the value is infinite; correct it, or leave it empty if it is unknown"
        ],
    );
    fails(
        "x,y\n1,2\n1,inf\n",
        &options(&[1]),
        expect![[
            r#"t.csv, line 3, column "y": the value is infinite; correct it, or leave it empty if it is unknown"#
        ]],
    );
    fails(
        "x,y\n1,2\n",
        &options(&[]),
        expect!["t.csv: no target column was given; name at least one"],
    );
    fails(
        "x,y\n1,2\n",
        &options(&[0, 1]),
        expect!["t.csv: no input column is left; the table needs a column that is not a target"],
    );
    fails(
        "x,y\n1,2\n",
        &options(&[7]),
        expect![[r#"t.csv: there is no column "8". The columns are "x", "y""#]],
    );
    fails(
        "x,y,z\n1,2,a\n2,2,b\n",
        &options(&[1, 2]),
        expect![[
            r#"t.csv: 2 target columns were given, of which "z" holds classes; classes come from one column, several targets must all be numbers"#
        ]],
    );
    let classes = EncoderOptions { target_kind: TargetKind::Classes, ..options(&[0, 1]) };
    fails(
        "x,y,z\n1,2,a\n2,2,b\n",
        &classes,
        expect![[
            r#"t.csv: 2 target columns were given, of which "x" holds classes; classes come from one column, several targets must all be numbers"#
        ]],
    );
    let numbers = EncoderOptions { target_kind: TargetKind::Numbers, ..options(&[1]) };
    fails(
        "x,y\n1,2\n2,two\n",
        &numbers,
        expect![[
            r#"t.csv, line 3, column "y": "two" is not a number; correct it, or leave it empty if it is unknown"#
        ]],
    );
    let table = table("x,y\n1,a\n2,b\n");
    let fit = |rows: &[usize]| Encoder::fit(&table, rows, &options(&[1])).unwrap_err().to_string();
    expect!["t.csv: there are no training rows with a target; give more rows"].assert_eq(&fit(&[]));
    expect!["t.csv: row 3 was asked for, but the table has 2; ask for a row it has"]
        .assert_eq(&fit(&[0, 2]));
}

fn through_json(encoder: &Encoder) -> Encoder {
    let text = encoder.to_json().to_string();
    Encoder::from_json(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn json_comes_back() {
    let (table, encoder) = fit(TOYS, "kind");
    assert_eq!(through_json(&encoder), encoder);
    let numbers = Encoder::fit(&table, &all(&table), &options(&[0]));
    assert!(numbers.is_err(), "a missing target");
    expect![[r#"{"version":1,"named":true,"columns":4,"allow_missing_targets":false,"inputs":[{"name":"size","position":0,"indicator":false,"numbers":{"impute":3.0,"offset":3.0,"divisor":1.632993161855452}},{"name":"colour","position":1,"indicator":false,"categories":{"levels":["blue","red"],"usual":1}},{"name":"old","position":2,"indicator":false,"boolean":{"levels":["no","yes"],"usual":1}}],"target":{"classes":{"name":"kind","position":3,"labels":["a","b","c"]}},"warnings":[]}"#]].assert_eq(&encoder.to_json().to_string());
}

#[test]
fn json_messages() {
    let (_, encoder) = fit(TOYS, "kind");
    let fails = |pointer: &str, value: Value, message: Expect| {
        let mut json = encoder.to_json();
        *json.pointer_mut(pointer).unwrap() = value;
        message.assert_eq(&Encoder::from_json(&json).unwrap_err().to_string());
    };
    fails(
        "",
        Value::Null,
        expect![
            "the table schema of the model: /version is missing; the model file is damaged or of another version, train it again"
        ],
    );
    fails(
        "/version",
        2.into(),
        expect![
            "the table schema of the model: /version is not 1 (it is 2); the model file is damaged or of another version, train it again"
        ],
    );
    fails(
        "/inputs/0/numbers/impute",
        "1".into(),
        expect![
            "the table schema of the model: /inputs/0/numbers/impute is not a number; the model file is damaged or of another version, train it again"
        ],
    );
    fails(
        "/inputs/1/categories/usual",
        2.into(),
        expect![
            "the table schema of the model: /inputs/1/categories/usual is not the index of a level; the model file is damaged or of another version, train it again"
        ],
    );
    fails(
        "/inputs/0/position",
        4.into(),
        expect![
            "the table schema of the model: /inputs/0/position is not the index of a column; the model file is damaged or of another version, train it again"
        ],
    );
    fails(
        "/target/classes/labels",
        Value::Array(vec![]),
        expect![
            "the table schema of the model: /target/classes/labels is not a list of two labels or more; the model file is damaged or of another version, train it again"
        ],
    );
}

proptest! {
    #[test]
    fn json_is_exact(values in proptest::collection::vec(proptest::num::f64::NORMAL, 4..20)) {
        let table = Table::from_matrix(&Matrix::new(values.len() / 2, 2,
            values[..values.len() / 2 * 2].to_vec()).unwrap(), "t");
        let numbers = EncoderOptions { target_kind: TargetKind::Numbers, ..options(&[1]) };
        let encoder = Encoder::fit(&table, &all(&table), &numbers).unwrap();
        prop_assert_eq!(through_json(&encoder), encoder);
    }

    /// A table put together wrongly by hand is an error or a matrix, never a panic.
    #[test]
    fn any_table(
        numbers in proptest::collection::vec(any::<f64>(), 0..6),
        codes in proptest::collection::vec(proptest::option::of(0usize..4), 0..6),
        rows in 0usize..6,
        target in 0usize..3,
    ) {
        let levels = vec!["a".to_string(), "b".to_string()];
        let columns = vec![
            Column { name: "x".into(), values: Values::Numbers(numbers.into()) },
            Column { name: "y".into(), values: Values::Categories { levels, codes: codes.into_iter().collect() } },
        ];
        let table = Table { file: "t".into(), columns, rows, named: true, lines: None };
        if let Ok(encoder) = Encoder::fit(&table, &all(&table), &options(&[target])) {
            let _ = encoder.inputs(&table, &all(&table));
        }
        let _ = table.strata(1);
    }
}
