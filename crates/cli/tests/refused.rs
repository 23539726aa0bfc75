//! What is refused, and what is said of it.

use crate::{fails, file, matgrad};

const PAGE: &str = "examples/logistic.eq";
const IRIS: [&str; 4] = ["train", "datasets/iris.csv", "--target", "class"];

fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&IRIS[..], more].concat()
}

#[test]
fn numbers_that_make_no_sense() {
    for (flags, wanted) in [
        (["--weight-decay", "nan"], "a number from 0 is wanted"),
        (["--l1", "-1"], "error: --l1 -1: a number from 0 is wanted"),
        (["--max-norm", "0"], "a number above 0 is wanted"),
        (["--target-loss", "nan"], "a finite number is wanted"),
        (["--time-limit", "inf"], "a number from 0 is wanted"),
        (["--set", "lr=-1"], "--set lr=-1: a number from 0 is wanted"),
        (["--set", "ε=nan"], "a finite number is wanted"),
        (["--epochs", "x"], "error: --epochs x: a whole number is wanted"),
        (["--epochs", "-1"], "error: --epochs -1: a whole number from 0 is wanted"),
        (["--seed", "99999999999999999999"], "a smaller number is wanted"),
        (["--hidden", "8,x"], "error: --hidden x: a whole number is wanted"),
        (["--dropout", "half"], "error: --dropout half: a number is wanted"),
        (["--input-noise", "-1"], "--input-noise -1: a deviation from 0 is wanted"),
        (["--checkpoint-every", "0"], "a whole number from 1 is wanted"),
        (["--schedule", "step:0:0.5"], "EVERY is a whole number of epochs from 1"),
    ] {
        fails(&train(&flags), 2, &[wanted]);
    }
    fails(&["check", PAGE, "--tolerance", "nan"], 2, &["a number from 0 is wanted"]);
}

#[test]
fn flags_that_do_not_go_together() {
    fails(&train(&["--optimizer", "scg", "--batch", "32"]), 2, &["scg takes all rows at once"]);
    let proof = "--steps is the proof of the matrix equations, as text or JSON";
    for more in [["--format", "latex"], ["--format", "index"], ["--form", "vec"]] {
        fails(&[&["derive", PAGE, "--steps"], &more[..]].concat(), 2, &[proof]);
    }
    fails(&["derive", PAGE, "--steps", "--rolled"], 2, &[proof]);
    let jacobian = ["derive", PAGE, "--jacobian", "Z:W", "--format", "numpy"];
    fails(&jacobian, 2, &["--jacobian is printed as text or JSON"]);
    fails(&["explain", PAGE, IRIS[1], "-e", "3"], 2, &["-e"]);
}

#[test]
fn a_jacobian_asked_for_in_another_way() {
    let asked = |of: &str, code: i32, words: &[&str]| {
        fails(&["derive", "-e", "A*x", "--jacobian", of], code, words);
    };
    for of in ["x", ":x", "f:", "f:x:y"] {
        let wanted = "write OUT:IN, a name for the value of the expression, and one of its names";
        asked(of, 2, &[&format!("--jacobian {of}: {wanted}")]);
    }
    asked("A:x", 3, &["A is a name of the expression already", "`--jacobian f:A`"]);
    asked("A*x:x", 3, &["`A*x` is no name", "`--jacobian f:A`"]);
    asked("f:z", 3, &["--jacobian f:z: there is no z", "the names are A, x, f"]);
    asked("d_x:x", 3, &["the objective is not a number", "`--jacobian f:x`"]);
    fails(&["derive", PAGE, "--jacobian", "Z"], 2, &["--jacobian Z: write OUT:IN, two names of"]);
    fails(&["derive", "-e", "A*x", "--wrt", ""], 2, &["--wrt"]);
    fails(&["derive", "-e", "A*x", "--wrt", "x, z"], 3, &["there is no z to derive by"]);
}

#[test]
fn names_that_are_not_there() {
    fails(
        &["derive", PAGE, "--wrt", "Q"],
        3,
        &["--wrt: there is no Q", "the names are X, Y, W, b, Z, L"],
    );
    fails(&["explain", PAGE, IRIS[1]], 3, &["\"class\" holds words", "--target"]);
    let rule = file("refused", "rule.eq", "optimizer mine(η = 0.1)\n  W ← W - η H\n".as_bytes());
    fails(&train(&["--optimizer", &rule]), 3, &["there is no H", &format!("{rule}:2:13")]);
}

#[test]
fn functions_that_are_not_there_are_told_with_their_flag() {
    fails(&train(&["--loss", "foo"]), 3, &["--loss: there is no function foo", "mse"]);
    fails(&train(&["--activation", "rellu"]), 3, &["--activation: there is no", "relu?"]);
}

#[test]
fn a_column_whose_name_holds_a_comma_is_a_target() {
    let table = "\"size, cm\",b,c\n1,2,x\n2,3,y\n3,1,x\n4,5,y\n";
    let table = file("commas", "table.csv", table.as_bytes());
    for (target, wanted) in [("size, cm", true), ("b,size", false), ("1,2", true)] {
        let run = ["train", &table, "--epochs", "1", "--quiet", "--target", target];
        assert_eq!(matgrad(&run).status.success(), wanted, "{target}");
    }
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

#[test]
fn arrays_of_a_wrong_size() {
    let page = "input X : B×4\nparam w : 4×1 = 1\nconst s : 1×1\nZ = s X w\nminimize sum(Z)\n";
    let page = file("sizes", "page.eq", page.as_bytes());
    let said = "X has 1 column, but the page says 4";
    fails(&["compute", &page, "--set", "X=1"], 3, &[said]);
    let said = "declares no Q; it declares X, w, s";
    fails(&["compute", &page, "--set", "Q=1"], 3, &[said]);
    fails(&["compute", &page, "--set", "s=1", "--set", "s=2"], 2, &["s is set above"]);
    let binary = file("sizes", "binary", b"\xff\0");
    fails(&["compute", &binary], 3, &["this is binary; a file of text is wanted here"]);
}

#[test]
fn a_column_named_twice_is_one_target() {
    let told = |target: &str| {
        let run = ["train", "datasets/iris.csv", "--epochs", "2", "--quiet", "--target", target];
        let text = String::from_utf8(matgrad(&run).stdout).expect("text");
        text.lines().skip(1).map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told("5,class,5"), told("class"));
}

#[test]
fn a_share_that_holds_back_no_row_is_told() {
    let said = |more: &[&str]| {
        let out = matgrad(&[&train(&["--epochs", "2"]), more].concat());
        assert!(out.status.success());
        String::from_utf8(out.stderr).expect("text")
    };
    let told = "warning: --test-fraction 0.001 of 150 rows holds back none";
    assert!(said(&["--test-fraction", "0.001"]).contains(told));
    assert!(said(&["--validation-fraction", "0.001"]).contains("holds back none"));
    assert!(!said(&["--test-fraction", "0.1"]).contains("warning"));
}
