//! The tables of Proben1's report, ours beside the published: each figure is the mean of ten runs,
//! then the published mean ± deviation, then the distance in deviations where it is above two.
//!
//! `cargo run --release -p matgrad --example proben1 -- FOLDER linear rprop_minus`, where the folder
//! holds the problems and `published-results.json` (or `pivot_shortcut`, `pivot_no_shortcut`; any
//! update rule with a U, such as `rprop_plus`; then names of problems)

use std::path::Path;

mod protocol;

use protocol::{FIGURES, Kind, Problem};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, kind, rule, names @ ..] = &arguments[..] else {
        eprintln!("say FOLDER KIND RULE [PROBLEM]…, such as proben1 linear rprop_minus");
        std::process::exit(2);
    };
    let folder = Path::new(folder);
    let kinds = [Kind::Linear, Kind::Shortcut, Kind::Layered];
    let kind = kinds.into_iter().find(|k| k.key() == kind).expect("a kind of network");
    let published = protocol::published(folder);
    println!("| problem | {} |\n|---{}|", FIGURES.join(" | "), "|---".repeat(FIGURES.len()));
    for (name, figures) in published["results"][kind.key()].as_object().expect("problems") {
        let wanted = names.is_empty() || names.contains(name);
        let Some(problem) = Problem::read(folder, name).filter(|_| wanted) else { continue };
        let page = problem.page(kind, &published["pivot_architectures"][name]);
        let means = protocol::means(&problem, &page, rule, 10);
        let cells = FIGURES.iter().zip(means).map(|(figure, mean)| {
            let of = |what: &str| figures[format!("{figure}_{what}")].as_f64();
            let deviation = of("sd").map(|sd| format!(" ± {sd}")).unwrap_or_default();
            let known = of("mean").map(|m| format!(" ({m}{deviation})")).unwrap_or_default();
            let far = protocol::distance(figures, figure, mean).filter(|d| d.abs() > 2.0);
            let far = far.map(|d| format!(" **{d:+.1}**")).unwrap_or_default();
            format!("{mean:.2}{known}{far}")
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}
