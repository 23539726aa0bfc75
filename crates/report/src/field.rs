//! Numbers over two axes as SVG: heat maps of matrices, and decision surfaces.

use crate::escape;

/// A colour (`m0` to `m5`) and how strong it is, from 0 to 1.
pub type Shade = (usize, f64);

/// Shades are drawn in so many steps, so that equal neighbours are one rectangle.
const STEPS: f64 = 12.0;

/// The rectangles of a grid of shades, each cell `size` wide and high.
fn cells(rows: usize, cols: usize, size: f64, shade: impl Fn(usize, usize) -> Shade) -> String {
    let mut svg = String::new();
    for i in 0..rows {
        let row: Vec<(usize, i64)> = (0..cols)
            .map(|j| {
                let (color, strength) = shade(i, j);
                (color % 6, (strength.clamp(0.0, 1.0) * STEPS).round() as i64)
            })
            .collect();
        let mut j = 0;
        while j < cols {
            let run = row[j..].iter().take_while(|&&s| s == row[j]).count();
            let (color, step) = row[j];
            if step > 0 {
                svg += &format!(
                    "<rect class=\"m{color}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                     height=\"{size:.1}\" fill-opacity=\"{:.2}\"/>",
                    j as f64 * size,
                    i as f64 * size,
                    run as f64 * size,
                    step as f64 / STEPS
                );
            }
            j += run;
        }
    }
    svg
}

/// A matrix as shades: colour 0 above zero, colour 1 below, the strongest at `most`.
pub fn heat(title: &str, rows: usize, cols: usize, values: &[f64], most: f64) -> String {
    let shade = |i: usize, j: usize| {
        let value = values[i * cols + j];
        let strength = if most > 0.0 { value.abs() / most } else { 0.0 };
        (usize::from(value < 0.0), if strength.is_finite() { strength } else { 1.0 })
    };
    format!(
        "<svg class=\"heat\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" \
         shape-rendering=\"crispEdges\">{}</svg>\n",
        cols * 8,
        rows * 8,
        escape(title),
        cells(rows, cols, 8.0, shade)
    )
}

/// Where a decision surface is drawn.
pub struct Plane<'a> {
    /// What is said of the picture.
    pub title: &'a str,
    /// Names of the axes.
    pub axes: [&'a str; 2],
    /// From and to on both axes.
    pub range: [(f64, f64); 2],
    /// Cells on each side.
    pub side: usize,
}

/// What a network says over two inputs, with the points it learnt from (place and colour).
pub fn surface(
    plane: &Plane,
    shade: impl Fn(usize, usize) -> Shade,
    points: &[((f64, f64), usize)],
) -> String {
    let (side, size) = (plane.side, 320.0 / plane.side as f64);
    let [(x0, x1), (y0, y1)] = plane.range;
    // The second axis goes up.
    let mut svg = cells(side, side, size, |i, j| shade(side - 1 - i, j));
    for &((x, y), color) in points {
        svg += &format!(
            "<circle class=\"m{} point\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
            color % 6,
            (x - x0) / (x1 - x0) * 320.0,
            320.0 - (y - y0) / (y1 - y0) * 320.0
        );
    }
    let [across, up] = plane.axes.map(escape);
    format!(
        "<svg class=\"surface\" viewBox=\"-24 0 344 344\" role=\"img\" aria-label=\"{}\">{svg}\
         <text x=\"160\" y=\"338\" text-anchor=\"middle\">{across}</text>\
         <text transform=\"translate(-8 160) rotate(-90)\" text-anchor=\"middle\">{up}</text></svg>\n",
        escape(plane.title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_are_one_rectangle() {
        let svg = heat("W", 2, 3, &[1.0, 1.0, -0.5, 0.0, 0.0, 0.0], 1.0);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("<rect class=\"m0\" x=\"0.0\" y=\"0.0\" width=\"16.0\""));
        assert!(svg.contains("<rect class=\"m1\" x=\"16.0\" y=\"0.0\" width=\"8.0\""));
    }
}
