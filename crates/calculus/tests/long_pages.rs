//! What a page takes grows with its lines, not with their square.

use std::time::{Duration, Instant};

use matgrad_calculus::derive;
use matgrad_expr::elaborate::read;
use matgrad_library::standard;

/// A page of so many lines, each a layer: `{j}` is the number of the one before, `{k}` its own.
fn long_page(count: usize, layer: &str) -> String {
    let mut page = String::from("input X : B×4\nparam W : 4×4\nA_0 = X W\n");
    for k in 1..=count {
        if layer.contains("W_{k}") {
            page += &format!("param W_{k} : 4×4\n");
        }
        let layer = layer.replace("{k}", &k.to_string());
        page += &format!("A_{k} = tanh({})\n", layer.replace("{j}", &(k - 1).to_string()));
    }
    page + &format!("minimize sum(A_{count})")
}

/// The shortest of five times.
fn shortest(mut time: impl FnMut() -> Duration) -> Duration {
    (0..5).map(|_| time()).min().expect("five times")
}

/// The work of a derivation grows with the page, not with its square.
#[test]
fn a_long_page_is_walked_once() {
    let derived = |count: usize| {
        let page = long_page(count, "A_{j} W");
        let equations = read("page.eq", &page, standard()).unwrap_or_else(|e| panic!("{e}"));
        let (objective, wrt) = (equations.objective.expect("objective"), equations.parameters());
        shortest(|| {
            let began = Instant::now();
            derive(&equations.graph, objective, &wrt).expect("it derives");
            began.elapsed()
        })
    };
    let (short, long) = (derived(100), derived(1000));
    assert!(long < 30 * short, "{short:?} for 100 equations, {long:?} for 1000");
}

/// So does that of reading it and of printing what was derived.
#[test]
fn a_long_page_is_read_and_printed_once() {
    let whole = |count: usize, layer: &str| {
        let page = long_page(count, layer);
        shortest(|| {
            let began = Instant::now();
            let read = read("page.eq", &page, standard()).unwrap_or_else(|e| panic!("{e}"));
            let (objective, wrt) = (read.objective.expect("objective"), read.parameters());
            let printed = derive(&read.graph, objective, &wrt).expect("it derives").to_string();
            assert!(printed.lines().count() > count);
            began.elapsed()
        })
    };
    for layer in ["A_{j} W_{k}", "dense(A_{j}, 4)"] {
        let (short, long) = (whole(150, layer), whole(1500, layer));
        // Ten times the lines: a hundred times the work if it grew with the square.
        assert!(long < 30 * short, "{layer}: {short:?} for 150 lines, {long:?} for 1500");
    }
}
