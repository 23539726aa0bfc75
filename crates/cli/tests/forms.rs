//! The notations of a derivation: LaTeX through TeX, MathML as XML, ASCII as ASCII.

use std::process::Command;

use crate::{file, matgrad, root};

/// Pages that use, together, what the forms write: layers, losses, pictures, slices, inverses.
const PAGES: [(&str, &str); 7] = [
    (
        "layers",
        "input X : B×n\ntarget Y : B×p\nparam W1 : n×m\nparam b1 : 1×m\nparam W2 : m×m\n\
         param b2 : 1×m\nparam W3 : m×p\nparam b3 : 1×p\nZ1 = X W1 + b1\nA1 = tanh(Z1)\n\
         Z2 = A1 W2 + b2\nA2 = tanh(Z2)\nZ3 = A2 W3 + b3\nL = cross_entropy(Z3, Y)\nminimize L\n",
    ),
    (
        "rows",
        "input X1 : B×n\nparam W1 : n×n\nparam g_plus : 1×n\nS = softmax(X1 W1)\n\
         D = S - rowmean(S)\nR_rest = D ⊘ sqrt(rowmean(D .^ 2) + 1e-5)\n\
         minimize sum(R_rest ⊙ g_plus) + 0.5 norm2(W1)^2\n",
    ),
    (
        "inverse",
        "input X : m×n\nparam S : n×n\nminimize m / 2 logdet(S) + tr(X inv(S) X') + det(S)\n",
    ),
    (
        "layout",
        "param A : 4×3\nparam B : 2×3\nparam η : 1×1\n\
         minimize η sum(tanh(vcat(A[2:3, :], B)) .^ 2) + sum(reshape(exp(A), 3×4)) + sum(rowmax(A))\n",
    ),
    (
        "pictures",
        "input X : B×36\ntarget Y : B×3\nparam K : 9×2\nparam W : 8×3\nU = unfold(X, 6×6×1, 3×3)\n\
         P = maxpool(reshape(relu(U K), rows = B), 4×4×2, 2×2)\nZ = P W\nminimize mse(Z, Y)\n",
    ),
    (
        "convolutions",
        "input X : B×49\ntarget Y : B×2\nparam K : 9×2\nparam M : 8×2\n\
         F = tanh(unfold(X, 7×7×1, 3×3, pad 1) K)\n\
         G = unfold(reshape(F, rows = B), 7×7×2, 2×2, stride 2) M\n\
         Z = global_avgpool(reshape(G, rows = B), 3×3×2)\nminimize mse(Z, Y)\n",
    ),
    ("shared", "input X : B×n\nparam W : n×m\nH = sigmoid(X W)\nR = H W'\nminimize mse(R, X)\n"),
];

const FORMS: [&[&str]; 6] = [
    &["--form", "matrix"],
    &["--form", "index"],
    &["--form", "vec"],
    &["--form", "differential"],
    &["--form", "convolution"],
    &["--rolled"],
];

/// Every page, and the ten derivations of the tests, in every form that they have: not all have
/// equal layers or convolutions.
fn written(format: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let ten = std::fs::read_dir(root().join("tests/derivations")).expect("the ten derivations");
    let mut pages: Vec<(String, String)> = ten
        .map(|f| f.expect("a file").path().display().to_string())
        .map(|path| (path.clone(), path))
        .collect();
    pages.sort();
    assert_eq!(pages.len(), 10);
    for (name, page) in PAGES {
        // A folder of its own: tests run side by side, and a page that is being written is empty.
        let path = file(&format!("forms-{format}"), &format!("{name}.eq"), page.as_bytes());
        pages.push((name.to_string(), path));
    }
    for (name, path) in &pages {
        let has = |form: &&&[&str]| match form[form.len() - 1] {
            "--rolled" => name == "layers",
            "convolution" => name == "convolutions",
            _ => true,
        };
        for form in FORMS.iter().filter(has) {
            let out = matgrad(&[&["derive", path, "--format", format][..], form].concat());
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(out.status.success(), "{name} {form:?}: {said}");
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            assert!(!text.trim().is_empty(), "{name} {form:?}");
            all.push((format!("{name} {}", form.join(" ")), text));
        }
    }
    all
}

#[test]
fn latex_of_all_forms_compiles() {
    let mut document = String::from(
        "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\
         \\usepackage[landscape,margin=1cm]{geometry}\n\\begin{document}\n",
    );
    for (what, text) in written("latex") {
        assert!(text.is_ascii(), "{what}: {text}");
        let alone = !text.contains("\\begin{align*}");
        for line in text.lines().filter(|l| !l.is_empty()) {
            // Matrix form is a formula a line.
            document += &if alone { format!("\\[{line}\\]\n") } else { format!("{line}\n") };
        }
        document += "\n";
    }
    document += "\\end{document}\n";
    compiles("forms", &document);
    let row = file("forms", "row.csv", b"0.05,0.10,0.01,0.99\n");
    let explain = ["explain", "examples/two-layers.eq", &row, "--no-header", "--format", "latex"];
    compiles("explain", &String::from_utf8_lossy(&matgrad(&explain).stdout));
}

fn compiles(name: &str, document: &str) {
    let path = file("forms", &format!("{name}.tex"), document.as_bytes());
    let folder = std::path::Path::new(&path).parent().expect("a folder");
    let tex = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", name])
        .current_dir(folder)
        .output();
    let Ok(tex) = tex else {
        eprintln!(
            "CHECK NOT RUN: there is no pdflatex to compile LaTeX with; install texlive-latex-base"
        );
        return;
    };
    let log = String::from_utf8_lossy(&tex.stdout).into_owned();
    assert!(tex.status.success(), "{log}\n{document}");
    assert!(!log.contains("Missing character") && log.contains("Output written"), "{log}");
}

#[test]
fn mathml_of_all_forms_is_well_formed() {
    for (what, text) in written("mathml") {
        let mut open: Vec<&str> = Vec::new();
        for part in text.split('<').skip(1) {
            let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("{what}: {part}"));
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{what}: {text}"),
                None => open.push(tag.split(' ').next().unwrap_or(tag)),
            }
        }
        assert!(open.is_empty() && text.contains("<math"), "{what}: {open:?}");
    }
}

#[test]
fn ascii_is_ascii_and_json_has_all_notations() {
    for (what, text) in written("ascii") {
        assert!(text.is_ascii(), "{what}: {text}");
    }
    for (what, text) in written("json") {
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let rows = ["gradients", "lines", "backward"];
        let rows = rows.iter().find_map(|key| value[key].as_array()).expect("its equations");
        assert!(!rows.is_empty(), "{what}");
        for key in ["unicode", "latex", "ascii"] {
            assert!(rows.iter().all(|row| row[key].is_string()), "{what}: {key}");
        }
    }
}
