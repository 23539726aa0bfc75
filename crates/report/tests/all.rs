//! The tests of this crate, one binary.

use std::process::Command;

use matgrad_report::tensorboard;

/// The package itself reads what is written; says loudly when it is absent.
#[test]
fn tensorboard_opens_the_events() {
    let found = Command::new("python3").args(["-c", "import tensorboard"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("CHECK NOT RUN: Python has no package tensorboard; pip install tensorboard");
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("events-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut file = tensorboard::version(1e9);
    for step in [1, 200] {
        file.extend(tensorboard::scalar("loss/train", 0.5 / step as f64, step, 1e9));
    }
    std::fs::write(folder.join("events.out.tfevents.1.matgrad"), file).expect("writable");
    let program = "import sys\n\
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n\
        events = EventAccumulator(sys.argv[1]); events.Reload()\n\
        print([(e.step, round(e.value, 6)) for e in events.Scalars('loss/train')])";
    let output = Command::new("python3").args(["-c", program]).arg(&folder).output();
    let output = output.expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "[(1, 0.5), (200, 0.0025)]",
        "{said}"
    );
}
