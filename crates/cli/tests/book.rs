//! The book: its commands print what it shows, its table of laws is the op table, and it builds.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect_file;
use matgrad::expr::op::Op;

use crate::messages::replay;
use crate::root;

/// The chapters; pictures are beside them.
fn chapters() -> Vec<PathBuf> {
    let folder = root().join("book/src").canonicalize().expect("the book");
    let files = std::fs::read_dir(folder).expect("the book").map(|f| f.expect("a file").path());
    let mut chapters: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    chapters.sort();
    assert!(chapters.len() > 10, "{chapters:?}");
    chapters
}

#[test]
fn every_chapter_prints_what_it_shows() {
    for chapter in chapters() {
        let shown = replay(&chapter, true);
        let kept = std::fs::read_to_string(&chapter).expect("a chapter");
        if without_rounding(&shown) != without_rounding(&kept) {
            expect_file![chapter].assert_eq(&shown);
        }
    }
}

/// Differences that are rounding (or quotients of such) depend on the processor: only that they
/// are so small or so large is compared.
fn without_rounding(text: &str) -> String {
    let word = |w: &str| match w.parse::<f64>() {
        Ok(x) if w.contains('e') && !(1e-8..1e8).contains(&x.abs()) => "rounding".to_string(),
        _ => w.to_string(),
    };
    text.split(' ').map(|part| part.split('\n').map(word).collect::<Vec<_>>().join("\n")).collect()
}

#[test]
fn the_table_of_laws_is_the_op_table() {
    let mut table = String::from(
        "| operation | differential | inner product | gradient |\n|---|---|---|---|\n",
    );
    let code = |text: &str| match text {
        "" => String::new(),
        text => format!("`{}`", text.replace('|', "\\|")),
    };
    let mut seen = BTreeSet::new();
    for op in Op::all() {
        let definition = op.def();
        let laws = definition.laws;
        if !seen.insert((definition.name, laws)) || definition.adjoint.is_empty() {
            continue;
        }
        // Entry by entry, both laws are those of the text above.
        let laws = if op.is_elementwise() { ["", ""] } else { laws };
        let adjoint: Vec<String> = definition.adjoint.iter().map(|a| code(a)).collect();
        let (first, second) = (code(laws[0]), code(laws[1]));
        table +=
            &format!("| {} | {first} | {second} | {} |\n", definition.name, adjoint.join(", "));
    }
    let table = table.replace("transposed(", "opᵀ(");
    expect_file!["../../../book/listings/laws.md"].assert_eq(&table);
}

#[test]
fn every_chapter_is_in_the_summary_and_every_link_leads_somewhere() {
    let folder = root().join("book/src");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).expect("the summary");
    for path in chapters() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let listed = summary.contains(&format!("({name})")) || name == "SUMMARY.md";
        assert!(listed, "{name} is not in the summary");
        let text = std::fs::read_to_string(&path).expect("text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(folder.join(link).exists(), "{name} links to {link}");
        }
    }
}

#[test]
fn the_book_builds() {
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("book-{}", std::process::id()));
    let build = Command::new("mdbook")
        .args(["build", "--dest-dir"])
        .arg(&target)
        .current_dir(root().join("book"))
        .output();
    let Ok(build) = build else {
        eprintln!("CHECK NOT RUN: there is no mdbook to build the book; cargo install mdbook");
        return;
    };
    let said = String::from_utf8_lossy(&build.stderr).into_owned();
    assert!(build.status.success() && !said.contains("ERROR"), "{said}");
    let rules = std::fs::read_to_string(target.join("rules.html")).expect("a page");
    assert!(rules.contains("transpose.product") && rules.contains("<td>matmul</td>"), "{rules}");
    std::fs::remove_dir_all(&target).ok();
}
