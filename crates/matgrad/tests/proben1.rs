//! Proben1's linear networks by its own protocol, against the figures of its report. The whole
//! tables, and the multilayer networks, are the example `proben1`.

#[path = "../examples/proben1/protocol.rs"]
mod protocol;

use std::path::Path;

use protocol::{FIGURES, Kind, Problem};

/// Those that take a second together; the example runs all.
const PROBLEMS: [&str; 9] = [
    "building1",
    "building2",
    "cancer1",
    "diabetes1",
    "flare1",
    "glass2",
    "heart1",
    "heartc2",
    "horse1",
];

/// Figures of a problem that lie outside: on both sides of the published ones, or above alone.
fn outside(kind: Kind, name: &str, both: bool) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var("MATGRAD_SHARED").map_or(root.join("../shared"), Into::into);
    let Some(folder) = Some(shared.join("data/proben1")).filter(|folder| folder.is_dir()) else {
        eprintln!("NOT RUN: Proben1 is absent; set MATGRAD_SHARED");
        return Vec::new();
    };
    let published = protocol::published(&folder);
    let problem = Problem::read(&folder, name).expect("in the collection");
    let page = problem.page(kind, &published["pivot_architectures"][name]);
    let figures = &published["results"][kind.key()][name];
    let means = FIGURES.iter().zip(protocol::means(&problem, &page, "rprop_minus", 10)).take(4);
    let far = means.filter(|(figure, mean)| {
        protocol::distance(figures, figure, *mean).is_some_and(|d| d > 2.0 || both && d < -2.0)
    });
    far.map(|(figure, mean)| format!("{name} {figure} {mean:.3}: {figures}")).collect()
}

#[test]
fn linear_networks_are_as_published() {
    let outside: Vec<String> =
        PROBLEMS.iter().flat_map(|name| outside(Kind::Linear, name, true)).collect();
    assert!(outside.is_empty(), "{}", outside.join("\n"));
}

#[test]
fn multilayer_networks_are_no_worse_than_published() {
    for kind in [Kind::Shortcut, Kind::Layered] {
        let outside = outside(kind, "glass1", false);
        assert!(outside.is_empty(), "{}: {}", kind.key(), outside.join("\n"));
    }
}
