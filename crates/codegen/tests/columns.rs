//! The head of generated code says how a row of the table becomes a row of the input.

use matgrad::data::{Encoder, EncoderOptions, Missing, ReadOptions, TargetKind, read};
use matgrad::{Network, data::Table};
use matgrad_codegen::{Language, Real, Style, columns, inference};

/// Numbers, a constant, two values, three levels, one level.
const TABLE: &str = "age,five,flag,colour,one,y\n20,5,yes,red,a,1\n30,5,no,green,a,2\n\
                     ,5,yes,,a,3\n40,5,,red,,4\n30,5,no,blue,a,6\n50,5,no,red,a,8\n";

fn table() -> Table {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("columns-{}.csv", std::process::id()));
    std::fs::write(&path, TABLE).unwrap();
    let table = read(&path, &ReadOptions::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    table
}

fn encoder(missing: Missing, table: &Table) -> Encoder {
    let target_kind = TargetKind::Numbers;
    let options =
        EncoderOptions { targets: vec![5], target_kind, missing, ..EncoderOptions::default() };
    Encoder::fit(table, &(0..table.rows).collect::<Vec<_>>(), &options).unwrap()
}

#[test]
fn notes_say_what_each_column_is_and_what_stands_for_a_missing_value() {
    let table = table();
    let plain = encoder(Missing::Impute, &table);
    let notes = columns(&plain).join("\n");
    expect_test::expect![[r#"
        Columns of the input, x as it stands in the table:
        1: age, (x - 34) / 10.198039027185569; a missing x is 34
        2: five, always 0, since it is constant in the training rows
        3: flag, 1 where it is "yes", 0 where it is "no" or missing
        4: 1 where colour is "blue", else 0
        5: 1 where colour is "green", else 0
        6: 1 where colour is "red" or missing, else 0
        7: one, always 0, since it is constant in the training rows
        A word that stands on no line is 0 in each column of its name.
        Output: y, times 2.3804761428476167 plus 4.0"#]]
    .assert_eq(&notes);
    // So does the encoder: the third row lacks age and colour.
    assert_eq!(plain.inputs(&table, &[2]).unwrap().row(0), [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    let encoder = encoder(Missing::ImputeAndIndicate, &table);
    let notes = columns(&encoder).join("\n");
    expect_test::expect![[r#"
        Columns of the input, x as it stands in the table:
        1: age, (x - 34) / 10.198039027185569; a missing x is 34
        2: 1 where age is missing, else 0
        3: five, always 0, since it is constant in the training rows
        4: flag, 1 where it is "yes", 0 where it is "no" or missing
        5: 1 where flag is missing, else 0
        6: 1 where colour is "blue", else 0
        7: 1 where colour is "green", else 0
        8: 1 where colour is "red" or missing, else 0
        9: 1 where colour is missing, else 0
        10: one, always 0, since it is constant in the training rows
        11: 1 where one is missing, else 0
        A word that stands on no line is 0 in each column of its name.
        Output: y, times 2.3804761428476167 plus 4.0"#]]
    .assert_eq(&notes);
    // As many lines as columns.
    let numbered = notes.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).count();
    assert_eq!(numbered, encoder.input_width());
}

#[test]
fn a_note_stays_inside_its_comment() {
    let network = Network::parse("p.eq", &Network::layers(2, 1).loss("mse").equations()).unwrap();
    let notes = ["a */ int x; /* b\nint y;\r\nint z;".to_string()];
    for (language, begin) in [(Language::C, " * "), (Language::Rust, "//! ")] {
        let style = Style { language, real: Real::F32, name: "net", notes: &notes };
        let source = inference(&network, &network.initial(1).unwrap(), 1, &style).unwrap();
        let found =
            source.files.iter().find_map(|(_, text)| text.lines().find(|l| l.contains("int x")));
        assert_eq!(found, Some(format!("{begin}a * / int x; / * b int y;  int z;").as_str()));
    }
}
