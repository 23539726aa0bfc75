//! A person at the page, in a real browser.

use std::path::Path;
use std::process::Command;

use matgrad_studio::Session;

use crate::{circles, iris, serve};

/// Edits, steps, trains, reloads, at three widths, light and dark. `STUDIO_SCREENSHOTS` names a
/// folder for pictures.
#[test]
fn a_person_edits_steps_and_trains() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let chromium = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".into());
    for (there, what) in [
        (has("node"), "there is no node; install it"),
        (has(&chromium), "there is no chromium; install it, or name one by CHROMIUM"),
        (folder.join("node_modules").exists(), "run `npm ci` in crates/studio/tests/browser"),
    ] {
        if !there {
            eprintln!("CHECK NOT RUN: the studio is not tried in a browser: {what}");
            return;
        }
    }
    let mut command = Command::new("node");
    command.arg(folder.join("studio.mjs"));
    command.args([serve(Session::worked_example()), serve(iris()), serve(circles())]);
    command.args(std::env::var_os("STUDIO_SCREENSHOTS"));
    let output = command.output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}
