//! The tables people begin with, read and encoded as they come.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use matgrad_data::{
    Encoder, EncoderOptions, Header, ReadOptions, Table, TargetKind, Values, read, split,
};
use std::path::{Path, PathBuf};

/// A file of the shared data, unless it is not there; then the check is not run, and says so.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MATGRAD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join("data").join(name);
    if !path.exists() {
        eprintln!("CHECK NOT RUN: {} is not there (set MATGRAD_SHARED)", path.display());
        return None;
    }
    Some(path)
}

fn dataset(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name);
    read(&path, &ReadOptions::default()).unwrap()
}

/// Fits the last column on all rows.
fn fit(table: &Table) -> (Vec<usize>, Encoder) {
    let rows: Vec<usize> = (0..table.rows).collect();
    let targets = vec![table.columns.len() - 1];
    let options = EncoderOptions { targets, ..EncoderOptions::default() };
    let encoder = Encoder::fit(table, &rows, &options).unwrap();
    (rows, encoder)
}

#[test]
fn our_own_datasets() {
    let iris = dataset("iris.csv");
    let (rows, encoder) = fit(&iris);
    assert_eq!(encoder.labels(), ["setosa", "versicolor", "virginica"]);
    assert_eq!(encoder.input_names()[3], "petal width (cm)");
    let inputs = encoder.inputs(&iris, &rows).unwrap();
    for j in 0..4 {
        let column = inputs.column(j);
        let mean = column.iter().sum::<f64>() / 150.0;
        let square = column.iter().map(|x| x * x).sum::<f64>() / 150.0;
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12, "{mean} {square}");
    }
    // scikit-learn's StandardScaler gives this first row.
    for (x, y) in inputs.row(0).iter().zip([-0.90068117, 1.01900435, -1.34022653, -1.3154443]) {
        assert!((x - y).abs() < 1e-8, "{x} {y}");
    }
    let strata = iris.strata(4);
    let (train, test) = split(&rows, Some(&strata), 0.3, 1);
    assert_eq!((train.len(), test.len()), (105, 45));
    for class in 0..3 {
        assert_eq!(test.iter().filter(|&&row| strata[row] == class).count(), 15);
    }

    let cancer = dataset("breast_cancer.csv");
    let (_, encoder) = fit(&cancer);
    assert_eq!((cancer.rows, encoder.input_width()), (569, 30));
    assert_eq!(encoder.labels(), ["benign", "malignant"]);
}

#[test]
fn shapes_of_shared_tables() {
    // file, header, rows, columns, classes of the last column (0: numbers)
    for (name, named, rows, columns, classes) in [
        ("tabular/iris.csv", true, 150, 5, 3),
        ("tabular/wine.csv", true, 178, 14, 3),
        ("tabular/breast_cancer.csv", true, 569, 31, 2),
        ("tabular/diabetes_sklearn.csv", true, 442, 11, 0),
        ("tabular/digits8x8.csv", true, 1797, 65, 10),
        ("tabular/german.csv", false, 1000, 21, 2),
        ("tabular/australian.csv", false, 690, 15, 2),
        ("tabular/ionosphere.csv", false, 351, 34, 2),
        ("tabular/letter.csv.gz", false, 20000, 17, 26),
        ("tabular/optdigits.csv.gz", false, 5620, 65, 10),
        ("tabular/segment.csv.gz", false, 2310, 20, 7),
        ("tabular/spambase.csv.gz", false, 4597, 58, 2),
        ("tabular/vehicle.csv", false, 846, 19, 4),
        ("tabular/vowel.csv", false, 990, 14, 11),
        ("tabular/adult.csv.gz", false, 32561, 15, 2),
        ("tabular/california_housing.csv.gz", true, 20640, 10, 5),
        ("dermatology/dermatology.data", false, 366, 35, 6),
    ] {
        let Some(path) = shared(name) else { continue };
        let start = std::time::Instant::now();
        let table = read(&path, &ReadOptions::default()).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let (_, encoder) = fit(&table);
        eprintln!(
            "{name}: {seconds:.3} s, {} inputs, warnings {:?}",
            encoder.input_width(),
            encoder.warnings()
        );
        assert_eq!(
            (table.named, table.rows, table.columns.len()),
            (named, rows, columns),
            "{name}"
        );
        assert_eq!(encoder.labels().len(), classes, "{name}");
    }
}

#[test]
fn german_credit_in_detail() {
    let Some(path) = shared("tabular/german.csv") else { return };
    let table = read(&path, &ReadOptions::default()).unwrap();
    let (rows, encoder) = fit(&table);
    // 7 numbers, and 13 attributes of 54 levels in all.
    assert_eq!(encoder.input_width(), 61);
    assert_eq!(encoder.input_names()[..3], ["1=A11", "1=A12", "1=A13"]);
    assert_eq!(encoder.labels(), ["1", "2"]);
    let inputs = encoder.inputs(&table, &rows).unwrap();
    assert_eq!(inputs.row(0)[..4], [1.0, 0.0, 0.0, 0.0]);
    let good =
        encoder.class_codes(&table, &rows).unwrap().iter().filter(|c| **c == Some(0)).count();
    assert_eq!(good, 700);
}

#[test]
fn missing_values_in_detail() {
    let Some(path) = shared("dermatology/dermatology.data") else { return };
    let table =
        read(&path, &ReadOptions { header: Header::Absent, ..ReadOptions::default() }).unwrap();
    let Values::Numbers(age) = &table.columns[33].values else { panic!("age is a number") };
    assert_eq!(age.iter().filter(|x| x.is_nan()).count(), 8);
    assert!(age.get(33).unwrap().is_nan() && table.place(33) == "line 34");

    let Some(path) = shared("tabular/california_housing.csv.gz") else { return };
    let table = read(&path, &ReadOptions::default()).unwrap();
    let target = table.column("median_house_value").unwrap();
    let rows: Vec<usize> = (0..table.rows).collect();
    let options = EncoderOptions { targets: vec![target], ..EncoderOptions::default() };
    let encoder = Encoder::fit(&table, &rows, &options).unwrap();
    assert_eq!((encoder.target_kind(), encoder.input_width()), (TargetKind::Numbers, 13));
    let mut targets = encoder.targets(&table, &rows).unwrap();
    encoder.unscale_targets(&mut targets);
    let mean = targets.data.iter().sum::<f64>() / targets.rows as f64;
    assert!((mean - 206855.8169).abs() < 1e-3, "{mean}");
}

#[test]
fn mnist_with_its_labels() {
    let Some(path) = shared("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let table = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(
        (table.rows, table.columns.len(), table.column("label").unwrap()),
        (10_000, 785, 784)
    );
    let Values::Categories { levels, codes } = &table.columns[784].values else {
        panic!("labels are classes")
    };
    assert_eq!(levels.concat(), "0123456789");
    assert!(codes.iter().take(5).eq([7, 2, 1, 0, 4].map(Some)));
    let Values::Numbers(pixel) = &table.columns[7 * 28 + 6].values else { panic!("a number") };
    assert_eq!(
        (table.columns[7 * 28 + 6].name.as_str(), pixel.get(0)),
        ("p8_7", Some(84.0 / 255.0))
    );
}
