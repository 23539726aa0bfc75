//! Work that is stopped on its way and goes on, to the same bits.

use std::path::Path;
use std::process::Command;

use crate::{fails, file, matgrad, root};

/// Flags of a fit long enough to be stopped on its way.
fn long(model: &str) -> Vec<String> {
    let flags = "train datasets/breast_cancer.csv --target class --epochs 100000 --force --seed 4 \
                 --quiet --optimizer adam --validation-fraction 0.2 -o";
    flags.split_whitespace().map(str::to_string).chain([model.to_string()]).collect()
}

/// The model file of the long fit ended after so many epochs.
fn trained(model: &str, epochs: usize, more: &[&str]) -> Vec<u8> {
    let until = epochs.to_string();
    let flags = long(model);
    let flags = flags.iter().map(|f| if f == "100000" { until.as_str() } else { f });
    let out = matgrad(&flags.chain(more.iter().copied()).collect::<Vec<_>>());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::read(model).expect("the model")
}

/// What the program says that is interrupted by Ctrl-C.
fn interrupted(child: std::process::Child) -> String {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--resume"), "{said}");
    said
}

#[test]
fn an_interrupted_fit_keeps_a_checkpoint_and_goes_on_from_it() {
    let model = file("interrupt", "stopped.model", b"");
    std::fs::remove_file(&model).expect("it was made just now");
    let log = file("interrupt", "log.jsonl", b"");
    let child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(long(&model))
        .args(["--log", &log])
        .current_dir(root())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let begun = || std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 3);
    while !begun() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = interrupted(child);
    let lines = std::fs::read_to_string(&log).expect("the log");
    let done = lines.lines().count();
    assert!(said.contains(&format!("after epoch {done};")), "{said}");
    for line in lines.lines() {
        let epoch: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let fields = ["epoch", "train_loss", "validation_loss", "learning_rate", "seconds"];
        assert!(fields.iter().all(|f| epoch[*f].is_number()), "{line}");
    }

    // Some epochs more by resuming are the same epochs more without a stop.
    let until = done + 5;
    let resumed = trained(&model, until, &["--resume"]);
    let whole = file("interrupt", "whole.model", b"");
    assert!(resumed == trained(&whole, until, &[]), "a resumed fit has other bits");
    fails(
        &["train", "datasets/iris.csv", "--target", "class", "--resume", "-o", &model],
        3,
        &["cannot be resumed", "same flags"],
    );
    let other = |more: &[&str], words: &[&str]| {
        let flags = long(&model);
        let flags = flags.iter().map(String::as_str).filter(|flag| *flag != "--force");
        let flags: Vec<&str> = flags.chain(["--resume"]).chain(more.iter().copied()).collect();
        fails(&flags, 3, &[&["cannot be resumed", "that it was begun with"], words].concat());
    };
    other(
        &["--warmup", "3", "--schedule", "step:5:0.5"],
        &["schedule was constant and is step:5:0.5, warmup was 0 and is 3"],
    );
    other(&["--clip-norm", "1"], &["clip-norm was none and is 1"]);
}

#[test]
fn a_killed_fit_goes_on_from_its_last_checkpoint() {
    let model = file("kill", "killed.model", b"");
    std::fs::remove_file(&model).expect("it was made just now");
    let mut child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(long(&model))
        .args(["--checkpoint-every", "2"])
        .current_dir(root())
        .spawn()
        .expect("the binary runs");
    while !Path::new(&model).exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let epochs = |path: &str| {
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a model")).into_owned();
        let (_, rest) = text.split_once("\\\"epoch\\\":").expect("a checkpoint");
        rest.split(',').next().and_then(|n| n.parse::<usize>().ok()).expect("a number")
    };
    let until = epochs(&model) + 3;
    let resumed = trained(&model, until, &["--resume"]);
    let whole = file("kill", "whole.model", b"");
    assert!(resumed == trained(&whole, until, &[]), "a resumed fit has other bits");
}

#[test]
fn an_interrupted_search_goes_on_to_the_same_model() {
    let names = |name: &str| {
        let of = |ending: &str| file("search", &format!("{name}.{ending}"), b"");
        (of("jsonl"), of("model"))
    };
    let run = |(trials, model): &(String, String), more: &[&str]| {
        let flags = "tune datasets/breast_cancer.csv --target class --candidates 9 --epochs 90 \
                     --quiet --seed 4 --force --trials";
        let mut command = Command::new(env!("CARGO_BIN_EXE_matgrad"));
        command.args(flags.split_whitespace()).args([trials, "-o", model]).args(more);
        command.current_dir(root()).stderr(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::null());
        command
    };
    let (whole, stopped) = (names("whole"), names("stopped"));
    assert!(run(&whole, &[]).status().expect("the binary runs").success());
    let lines = |path: &str| {
        let text = std::fs::read_to_string(path).expect("the trials");
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    let child = run(&stopped, &[]).spawn().expect("the binary runs");
    while lines(&stopped.0).len() < 4 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    interrupted(child);
    let known = lines(&stopped.0).len();
    assert!((4..lines(&whole.0).len()).contains(&known), "{known} lines");
    assert!(run(&stopped, &["--resume"]).status().expect("the binary runs").success());
    assert_eq!(lines(&stopped.0), lines(&whole.0));
    let model = |path: &str| std::fs::read(path).expect("a model");
    assert!(model(&stopped.1) == model(&whole.1), "another model");
}
