//! A computational graph as SVG: values in layers from top to bottom, what they use above them.
//!
//! Layers by longest path, order within a layer by the means of the neighbours (Sugiyama et al.
//! 1981).

use crate::escape;

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertex {
    /// Its name, which is also the `data-name` of its group.
    pub name: String,
    /// A second line, such as its shape.
    pub note: String,
    /// What it is said to be to those who cannot see it.
    pub label: String,
    /// A class of the style sheet, such as `param`.
    pub class: String,
    /// The numbers of the vertices that it uses, all before it in the list.
    pub uses: Vec<usize>,
}

const LAYER: f64 = 62.0;
const HIGH: f64 = 36.0;
const GAP: f64 = 18.0;
/// An edge over more layers than this goes straight, past whatever is between.
const LONG: usize = 12;
const SWEEPS: usize = 6;

/// A place in a layer: a vertex, or where a long edge passes.
struct Place {
    vertex: Option<usize>,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
    width: f64,
    layer: usize,
}

/// Draws it. With `selectable`, each value can be reached by the keyboard.
pub fn graph(title: &str, vertices: &[Vertex], selectable: bool) -> String {
    let layers = layers(vertices);
    let (mut places, mut rows, edges) = places(vertices, &layers);
    order(&mut places, &mut rows);
    settle(&mut places, &rows);
    let left = places.iter().map(|p| p.x - p.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = places.iter().map(|p| p.x + p.width / 2.0).fold(0.0, f64::max);
    let (from, wide) = (left.min(right) - 8.0, (right - left).max(0.0) + 16.0);
    let high = rows.len() as f64 * LAYER - LAYER + HIGH + 16.0;
    let y = |layer: usize| layer as f64 * LAYER + 8.0;
    let mut svg = String::new();
    for (name, chain) in &edges {
        svg += &format!("<path class=\"edge\" data-edge=\"{}\" d=\"", escape(name));
        for pair in chain.windows(2) {
            let (a, b) = (&places[pair[0]], &places[pair[1]]);
            let (top, bottom) = (y(a.layer) + HIGH, y(b.layer));
            // A passing edge keeps going straight through its layer.
            let top = if a.vertex.is_none() { y(a.layer) + HIGH / 2.0 } else { top };
            let bottom = if b.vertex.is_none() { y(b.layer) + HIGH / 2.0 } else { bottom };
            let middle = (top + bottom) / 2.0;
            svg += &format!(
                "M{:.1} {top:.1}C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {bottom:.1}",
                a.x, a.x, b.x, b.x
            );
        }
        svg += "\"/>";
    }
    for place in &places {
        let Some(vertex) = place.vertex.map(|v| &vertices[v]) else { continue };
        let focus = if selectable { " tabindex=\"0\" role=\"button\"" } else { "" };
        let (x, top) = (place.x - place.width / 2.0, y(place.layer));
        svg += &format!(
            "<g class=\"vertex {}\" data-name=\"{}\" aria-label=\"{}\"{focus}>\
             <rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{HIGH}\" rx=\"6\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
            escape(&vertex.class),
            escape(&vertex.name),
            escape(&vertex.label),
            place.width,
            place.x,
            top + 16.0,
            escape(&vertex.name),
            place.x,
            top + 30.0,
            escape(&vertex.note)
        );
    }
    format!(
        "<svg class=\"graph\" viewBox=\"{from:.1} 0 {wide:.1} {high:.1}\" width=\"{wide:.0}\" \
         height=\"{high:.0}\" role=\"group\" aria-label=\"{}\">{svg}</svg>\n",
        escape(title)
    )
}

/// Each vertex below all that it uses; what uses nothing just above its first user.
fn layers(vertices: &[Vertex]) -> Vec<usize> {
    let mut layers = vec![0usize; vertices.len()];
    let given = |v: usize| vertices[v].uses.is_empty();
    for (v, vertex) in vertices.iter().enumerate() {
        let below = vertex.uses.iter().map(|&u| layers[u] + 1).max();
        layers[v] = below.unwrap_or(0);
    }
    for v in (0..vertices.len()).filter(|&v| given(v)) {
        let users = vertices.iter().enumerate().filter(|(_, user)| user.uses.contains(&v));
        layers[v] = users.map(|(u, _)| layers[u]).min().map_or(0, |l| l.saturating_sub(1));
    }
    layers
}

/// An edge by the names of its ends, and the places it goes through.
type Edge = (String, Vec<usize>);

fn places(vertices: &[Vertex], layers: &[usize]) -> (Vec<Place>, Vec<Vec<usize>>, Vec<Edge>) {
    let letters = |text: &str| text.chars().count() as f64;
    let mut places: Vec<Place> = Vec::new();
    let mut rows = vec![Vec::new(); layers.iter().max().map_or(0, |l| l + 1)];
    let mut add = |places: &mut Vec<Place>, vertex: Option<usize>, layer: usize, width: f64| {
        rows[layer].push(places.len());
        let (above, below) = (Vec::new(), Vec::new());
        places.push(Place { vertex, above, below, x: 0.0, width, layer });
        places.len() - 1
    };
    for (v, vertex) in vertices.iter().enumerate() {
        let width = (letters(&vertex.name) * 9.0).max(letters(&vertex.note) * 6.6) + 18.0;
        add(&mut places, Some(v), layers[v], width.max(44.0));
    }
    let mut edges = Vec::new();
    for (v, vertex) in vertices.iter().enumerate() {
        for &u in &vertex.uses {
            let mut chain = vec![u];
            if layers[v] - layers[u] <= LONG {
                for layer in layers[u] + 1..layers[v] {
                    chain.push(add(&mut places, None, layer, 10.0));
                }
            }
            chain.push(v);
            for pair in chain.windows(2) {
                places[pair[0]].below.push(pair[1]);
                places[pair[1]].above.push(pair[0]);
            }
            edges.push((format!("{} {}", vertices[u].name, vertex.name), chain));
        }
    }
    (places, rows, edges)
}

/// Sorts each row by the means of the places above, then below, and again.
fn order(places: &mut [Place], rows: &mut [Vec<usize>]) {
    let number = |places: &mut [Place], row: &[usize]| {
        row.iter().enumerate().for_each(|(i, &p)| {
            places[p].x = i as f64 - (row.len() as f64 - 1.0) / 2.0;
        });
    };
    rows.iter().for_each(|row| number(places, row));
    for sweep in 0..SWEEPS {
        let count = rows.len();
        for k in 0..count {
            let (row, down) = if sweep % 2 == 0 {
                (&mut rows[k], true)
            } else {
                (&mut rows[count - 1 - k], false)
            };
            let mean = |p: usize| {
                let near = if down { &places[p].above } else { &places[p].below };
                let sum: f64 = near.iter().map(|&n| places[n].x).sum();
                if near.is_empty() { places[p].x } else { sum / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|&p| (mean(p), p)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = keyed.into_iter().map(|(_, p)| p).collect();
            number(places, row);
        }
    }
}

/// Gives each place its x: near its neighbours, without overlap.
fn settle(places: &mut [Place], rows: &[Vec<usize>]) {
    for row in rows {
        let whole: f64 = row.iter().map(|&p| places[p].width + GAP).sum();
        let mut x = -whole / 2.0;
        for &p in row {
            places[p].x = x + (places[p].width + GAP) / 2.0;
            x += places[p].width + GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let count = rows.len();
        for k in 0..count {
            let row = if sweep % 2 == 0 { &rows[k] } else { &rows[count - 1 - k] };
            let wish = |p: usize| {
                let near = || places[p].above.iter().chain(&places[p].below);
                let n = near().count();
                let sum: f64 = near().map(|&n| places[n].x).sum();
                if n == 0 { places[p].x } else { sum / n as f64 }
            };
            let wishes: Vec<f64> = row.iter().map(|&p| wish(p)).collect();
            // From the left each as far right as it must be, from the right as far left; the mean
            // of both keeps all gaps.
            let least = |a: usize, b: usize| (places[a].width + places[b].width) / 2.0 + GAP;
            let mut right = wishes.clone();
            for i in 1..row.len() {
                right[i] = right[i].max(right[i - 1] + least(row[i - 1], row[i]));
            }
            let mut left = wishes;
            for i in (1..row.len()).rev() {
                left[i - 1] = left[i - 1].min(left[i] - least(row[i - 1], row[i]));
            }
            for (i, &p) in row.iter().enumerate() {
                places[p].x = (left[i] + right[i]) / 2.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_all_is_above_its_users() {
        let vertex = |k: usize, uses: &[usize]| Vertex {
            name: format!("V{k}"),
            note: "B×4".into(),
            label: String::new(),
            class: "param".into(),
            uses: uses.to_vec(),
        };
        let uses: [&[usize]; 8] = [&[], &[], &[0, 1], &[], &[2, 3], &[2, 4], &[0, 5], &[6, 3]];
        let vertices: Vec<Vertex> =
            uses.iter().enumerate().map(|(k, uses)| vertex(k, uses)).collect();
        let layers = layers(&vertices);
        for (v, uses) in uses.iter().enumerate() {
            assert!(uses.iter().all(|&u| layers[u] < layers[v]));
        }
        let (mut places, mut rows, edges) = places(&vertices, &layers);
        order(&mut places, &mut rows);
        settle(&mut places, &rows);
        assert_eq!(edges.len(), 10);
        for row in &rows {
            for pair in row.windows(2) {
                let (a, b) = (&places[pair[0]], &places[pair[1]]);
                assert!(b.x - a.x >= (a.width + b.width) / 2.0 + GAP - 1e-9);
            }
        }
        let svg = graph("G", &vertices, true);
        assert_eq!(svg.matches("data-name=").count(), 8);
        assert_eq!(svg.matches("class=\"edge\"").count(), 10);
    }
}
