//! What is refused, and what is said of it.

use crate::{fails, file};

const PAGE: &str = "examples/logistic.eq";
const IRIS: [&str; 4] = ["train", "datasets/iris.csv", "--target", "class"];

fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&IRIS[..], more].concat()
}

#[test]
fn numbers_that_make_no_sense() {
    for (flags, wanted) in [
        (["--weight-decay", "nan"], "a number from 0 is wanted"),
        (["--l1", "-1"], "a number from 0 is wanted"),
        (["--max-norm", "0"], "a number above 0 is wanted"),
        (["--target-loss", "nan"], "a finite number is wanted"),
        (["--time-limit", "inf"], "a number from 0 is wanted"),
    ] {
        fails(&train(&flags), 2, &[wanted]);
    }
    fails(&["check", PAGE, "--tolerance", "nan"], 2, &["a number from 0 is wanted"]);
}

#[test]
fn weights_of_classes_name_their_line() {
    let all = "setosa,1\nversicolor,2\nvirginica,3\n";
    for (name, text, words) in [
        (
            "unknown",
            format!("{all}tulip,1\n"),
            ["line 4: there is no label \"tulip\"", "setosa, v"],
        ),
        ("twice", format!("{all}setosa,2\n"), ["line 4: the label setosa is already", "line 1"]),
        ("word", all.replace('2', "x"), ["word, line 2", "\"x\" is no number"]),
        ("negative", all.replace('2', "-2"), ["line 2", "numbers from 0"]),
        ("few", all.replace("virginica,3\n", ""), ["few has no label virginica", "setosa"]),
    ] {
        let weights = file("weights-of-classes", name, text.as_bytes());
        fails(&train(&["--class-weight", &weights]), 3, &words);
    }
}
