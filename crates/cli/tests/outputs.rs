//! Where files go: links, pipes and standard output; and what happens when nobody reads.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::{fails, file, matgrad, root};

const IRIS: &str = "datasets/iris.csv";

/// An empty folder of a test.
fn folder(test: &str) -> PathBuf {
    let first = PathBuf::from(file(test, "first", b""));
    let folder = first.parent().expect("a folder").to_path_buf();
    std::fs::remove_dir_all(&folder).expect("it was made just now");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Flags of a short fit.
fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train", IRIS, "--target", "class", "--epochs", "3"], more].concat()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name of letters")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matgrad"));
    command.args(arguments).current_dir(root()).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs with these bytes on standard input.
fn fed(arguments: &[&str], bytes: &[u8]) -> Output {
    let mut child = command(arguments).spawn().expect("the binary runs");
    child.stdin.take().expect("piped").write_all(bytes).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[cfg(unix)]
fn what_is_written_to_a_link_is_written_to_its_target() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = folder("links");
    let (real, link) = (folder.join("real"), folder.join("link"));
    std::fs::write(&real, b"old").expect("writable");
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o600)).expect("it is ours");
    symlink("real", &link).expect("a link");
    done(&matgrad(&short(&["-o", text(&link), "--force"])));
    assert!(link.is_symlink(), "the link was replaced");
    done(&matgrad(&["evaluate", text(&real), IRIS]));
    let mode = std::fs::metadata(&real).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its permissions are kept");

    let nowhere = folder.join("nowhere");
    symlink("none", &nowhere).expect("a link");
    fails(&short(&["-o", text(&nowhere)]), 3, &["--force"]);
    done(&matgrad(&short(&["-o", text(&nowhere), "--force"])));
    assert!(nowhere.is_symlink() && folder.join("none").is_file());
    let circle = folder.join("circle");
    symlink("circle", &circle).expect("a link");
    fails(&short(&["-o", text(&circle), "--force"]), 1, &["circle cannot be written"]);
}

#[cfg(unix)]
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

#[test]
#[cfg(unix)]
fn what_is_written_to_a_pipe_goes_through_it() {
    let pipe_at = folder("pipe").join("pipe");
    pipe(&pipe_at);
    let reader = std::thread::spawn({
        let path = pipe_at.clone();
        move || std::fs::read(path).expect("the model")
    });
    done(&matgrad(&short(&["-o", text(&pipe_at), "--force"])));
    let model = reader.join().expect("it is read");
    assert!(!std::fs::metadata(&pipe_at).expect("it is there").is_file());
    done(&fed(&["evaluate", "-", IRIS], &model));
}

#[test]
#[cfg(unix)]
fn a_log_that_takes_no_more_does_not_end_the_fit() {
    let folder = folder("full");
    let (log, model) = (folder.join("log"), folder.join("m"));
    pipe(&log);
    let reader = std::thread::spawn({
        let path = log.clone();
        move || {
            let mut line = String::new();
            let log = std::fs::File::open(path).expect("the log");
            BufReader::new(log).read_line(&mut line).expect("a line");
            line
        }
    });
    let more = ["--epochs", "5000", "-o", text(&model), "--force", "--log", text(&log), "--quiet"];
    let flags = [&["train", IRIS, "--target", "class", "--batch", "full"], &more[..]].concat();
    fails(&flags, 1, &[text(&log), "cannot be written", "all else is done"]);
    assert!(reader.join().expect("it is read").contains("\"epoch\":1"));
    done(&matgrad(&["evaluate", text(&model), IRIS]));
}

#[test]
fn a_dash_is_standard_output() {
    let model = matgrad(&short(&["-o", "-"]));
    done(&model);
    assert!(String::from_utf8_lossy(&model.stderr).contains("accuracy"), "metrics are talk here");
    let predicted = fed(&["predict", "-", IRIS], &model.stdout);
    assert!(predicted.stdout.starts_with(b"class\nsetosa\n"));
    let page = fed(&["export", "-", "--numpy", "-"], &model.stdout);
    assert!(String::from_utf8_lossy(&page.stdout).contains("import numpy"));
    assert!(!String::from_utf8_lossy(&page.stdout).contains(" bytes)"));
    let graph = fed(&["export", "-", "--onnx", "-"], &model.stdout);
    done(&fed(&["import", "-", "-o", "-"], &graph.stdout));
    let report = matgrad(&short(&["--report", "-"]));
    assert!(report.stdout.starts_with(b"<!") && report.stdout.ends_with(b"</html>\n"));
    let log = matgrad(&short(&["--log", "-", "--json"]));
    let lines = String::from_utf8_lossy(&log.stdout).into_owned();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[3]["epochs"]), (4, &3.into()));
    assert!(!root().join("-").exists());

    fails(&short(&["-o", "-", "--json"]), 2, &["both write to standard output"]);
    fails(&short(&["-o", "-", "--resume"]), 2, &["a file"]);
    fails(&short(&["--tensorboard", "-"]), 2, &["a folder is wanted"]);
    fails(&["export", "m", "--c", "-"], 2, &["a folder is wanted"]);
    fails(&["compute", "examples/logistic.eq", "--out", "-"], 2, &["a folder is wanted"]);
    fails(&["evaluate", "-", "-"], 2, &["MODEL and DATA are both standard input"]);
}

#[test]
fn two_outputs_are_two_files() {
    let folder = folder("same");
    let (file, other) = (folder.join("s"), folder.join(".").join("s"));
    let (file, other) = (text(&file), text(&other));
    fails(&short(&["-o", file, "--report", file]), 2, &["--output and --report are both"]);
    fails(&short(&["-o", file, "--log", other]), 2, &["--output and --log are both"]);
    fails(&short(&["--report", "-", "--log", "-"]), 2, &["--report and --log are both -"]);
    let search = ["tune", IRIS, "--target", "class", "-o", file, "--trials", file];
    fails(&search, 2, &["--output and --trials are both"]);
    assert!(!Path::new(file).exists(), "nothing ran");
}

#[test]
fn a_folder_is_no_file_and_a_file_no_folder_before_anything_runs() {
    let folder = folder("folder");
    let out = matgrad(&short(&["-o", text(&folder), "--force"]));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.starts_with("error") && said.contains("cannot be written"), "{said}");
    assert_eq!(out.status.code(), Some(1), "it is no wrong input");
    fails(&short(&["--tensorboard", IRIS]), 1, &["cannot be written: it is no folder"]);
}

/// Progress and warnings stop nothing when nobody listens.
#[test]
fn a_closed_standard_error_does_not_end_a_fit() {
    let model = folder("closed").join("m");
    let mut child = command(&short(&["-o", text(&model)])).spawn().expect("the binary runs");
    drop(child.stderr.take());
    assert!(child.wait().expect("it ends").success());
    done(&matgrad(&["evaluate", text(&model), IRIS]));
}

#[test]
fn completions_nobody_reads_are_no_panic() {
    let mut child = command(&["completions", "bash"]).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    done(&output);
    assert!(output.stderr.is_empty());
}

#[test]
fn quiet_is_quiet() {
    let folder = folder("quiet");
    let (data, model) = (folder.join("d.csv"), folder.join("m"));
    std::fs::write(&data, "a,c\nred,x\nblue,y\nred,x\nblue,y\n").expect("writable");
    let train = ["train", text(&data), "--target", "c", "--epochs", "2", "-o", text(&model)];
    done(&matgrad(&train));
    std::fs::write(&data, "a\ngreen\n").expect("writable");
    let predict = ["predict", text(&model), text(&data)];
    assert!(String::from_utf8_lossy(&matgrad(&predict).stderr).contains("warning"));
    assert!(matgrad(&[&predict[..], &["--quiet"]].concat()).stderr.is_empty());
}

#[test]
fn more_threads_than_a_machine_has_are_no_harm() {
    done(&matgrad(&short(&["--threads", "20000"])));
}
