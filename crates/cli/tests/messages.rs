//! Every message, as people meet it: pages of Markdown whose blocks are files and commands.
//!
//! A block such as ```` ```page.eq ```` is a file; a `console` block has commands, each followed by
//! its exit code (`? 3`, where it is not 0) and by what it said on standard error. A section has a
//! folder of its own, with `iris.csv` in it. The chapters of the book are such pages too: a chapter
//! has one folder, and standard output is shown before standard error. `UPDATE_EXPECT=1` writes what
//! is said into the pages.

use std::path::Path;
use std::process::Command;

use expect_test::expect_file;

/// What a page is when its commands are run now.
pub fn replay(page: &Path, chapter: bool) -> String {
    let root = crate::root();
    let name = page.file_stem().expect("a name").to_string_lossy();
    let binary = Path::new(env!("CARGO_BIN_EXE_matgrad")).parent().expect("a folder");
    let path = std::env::var("PATH").expect("there is a PATH");
    let path = format!("{}:{path}", binary.display());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}", std::process::id()));
    let page = std::fs::read_to_string(page).expect("a page");
    let mut said = String::new();
    let mut blocks = page.split("```");
    while let Some(prose) = blocks.next() {
        said += prose;
        let begins = said.len() == prose.len();
        if begins || !chapter && (prose.contains("\n#") || prose.starts_with('#')) {
            std::fs::remove_dir_all(&folder).ok();
            std::fs::create_dir_all(&folder).expect("a folder for temporary files");
            std::fs::copy(root.join("datasets/iris.csv"), folder.join("iris.csv")).expect("copied");
        }
        let Some((kind, text)) = blocks.next().and_then(|block| block.split_once('\n')) else {
            break;
        };
        if kind == "text" {
            said += &format!("```{kind}\n{text}```");
            continue;
        }
        if kind != "console" {
            std::fs::write(folder.join(kind), text).expect("writable");
            said += &format!("```{kind}\n{text}```");
            continue;
        }
        said += "```console\n";
        for command in text.lines().filter(|line| line.starts_with("$ ")) {
            let output = Command::new("sh")
                .args(["-c", &command[2..]])
                .current_dir(&folder)
                .env("PATH", &path)
                .env("NO_COLOR", "1")
                .env("RUST_BACKTRACE", "0")
                .output()
                .expect("there is a shell");
            said += &format!("{command}\n");
            match output.status.code() {
                Some(0) => {}
                code => said += &format!("? {}\n", code.expect("it ends by itself")),
            }
            if chapter {
                let shown = String::from_utf8_lossy(&output.stdout).into_owned();
                for line in shown.lines().filter(|line| !line.contains(" epochs of ")) {
                    said += &format!("{}\n", line.trim_end());
                }
            }
            // The progress of a fit has times in it.
            let talk = String::from_utf8_lossy(&output.stderr).into_owned();
            for line in talk.lines().filter(|line| !line.starts_with("epoch ")) {
                said += &format!("{}\n", line.trim_end());
            }
        }
        said += "```";
    }
    std::fs::remove_dir_all(&folder).ok();
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn message(name: &str) -> std::path::PathBuf {
    crate::root().join("tests/messages").join(name)
}

#[test]
fn equations_that_are_wrong() {
    expect_file!["../../../tests/messages/equations.md"]
        .assert_eq(&replay(&message("equations.md"), false));
}

#[test]
fn commands_that_go_wrong() {
    expect_file!["../../../tests/messages/commands.md"]
        .assert_eq(&replay(&message("commands.md"), false));
}
