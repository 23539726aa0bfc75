//! Pages about models, rendered by a browser where there is one.

use std::process::Command;

use crate::{file, matgrad};

/// In frames of both widths: whether the page is wider than its frame, and what is missing.
const PROBE: &str = "<script>onload = () => { document.title = [...document.querySelectorAll('iframe')]\
    .map(f => { const d = f.contentDocument, e = d.documentElement; return f.width + \
    (e.scrollWidth <= f.clientWidth ? ' fits' : ' overflows') + ' ' + d.querySelectorAll('section').length + \
    ' sections ' + [...d.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 100).length \
    + ' charts ' + d.querySelectorAll('math').length + ' equations' }).join(', ') }</script>";

#[test]
fn a_page_shows_all_and_fits_narrow_and_wide() {
    let page = file("pages", "page.html", b"");
    let run = ["train", "datasets/iris.csv", "--target", "class", "--epochs", "5", "--force"];
    let more = ["--test-fraction", "0.3", "--validation-fraction", "0.2", "--report", &page];
    assert!(matgrad(&[&run[..], &more].concat()).status.success());
    let html = std::fs::read_to_string(&page).expect("the page");
    for absent in ["<script", "http://", "https://", "src=", "@import", "url("] {
        // The name of MathML is an address that nobody visits.
        let html = html.replace("xmlns=\"http://www.w3.org/1998/Math/MathML\"", "");
        assert!(!html.contains(absent), "{absent} in a page that is to stand alone");
    }
    for present in
        ["SHA-256 of the data", "logistic regression, test", "majority class, test", "matgrad 0."]
    {
        assert!(html.contains(present), "no {present}");
    }
    let quoted = html.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |width| format!("<iframe width={width} height=900 srcdoc=\"{quoted}\"></iframe>");
    let probe = format!("<!doctype html>{}{}{PROBE}", frame(360), frame(1920));
    let probe = file("pages", "probe.html", probe.as_bytes());
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--virtual-time-budget=4000", &format!("file://{probe}")])
        .output();
    let Ok(browser) = browser else {
        eprintln!("CHECK NOT RUN: there is no chromium to render the page; install it");
        return;
    };
    let dom = String::from_utf8_lossy(&browser.stdout);
    let title = dom.split("<title>").nth(1).and_then(|t| t.split("</title>").next());
    // Five values of the page and seven gradients, each a name and its equation.
    let all = "6 sections 8 charts 24 equations";
    assert_eq!(title, Some(format!("360 fits {all}, 1920 fits {all}").as_str()));
}

#[test]
fn a_page_of_numbers_and_of_an_evaluation() {
    let data: String = (0..40).map(|i| format!("{},{}\n", i, f64::from(i).sin())).collect();
    let data = file("pages", "sine.csv", format!("x,y\n{data}").as_bytes());
    let (page, model) = (file("pages", "n.html", b""), file("pages", "n.model", b""));
    let run = ["train", &data, "--target", "y", "--epochs", "3", "--force", "-o", &model];
    assert!(matgrad(&run).status.success());
    let run = ["evaluate", &model, &data, "--force", "--report", &page];
    assert!(matgrad(&run).status.success());
    let html = std::fs::read_to_string(&page).expect("the page");
    assert!(html.contains("RMSE") && !html.contains("ROC"), "{html}");
}
