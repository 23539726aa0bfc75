//! Charts as inline SVG. Colours are classes (`c0` to `c5`), which the page's style sheet names for
//! light and dark.

use crate::escape;

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// Marks the points too.
    pub marked: bool,
}

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
const RIGHT: f64 = 14.0;
/// More points than a chart can show are thinned to this many.
const POINTS: usize = 400;

/// Where numbers stand on the paper.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let share = |v: f64, (from, to): (f64, f64)| (v - from) / (to - from);
        (
            LEFT + share(x, self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - share(y, self.y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// Axes with round numbers.
    fn axes(&self, x_label: &str, y_label: &str) -> String {
        let mut svg = String::new();
        for value in ticks(self.x) {
            let (x, y) = self.at((value, self.y.0));
            svg += &format!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                y + 16.0,
                number(value)
            );
        }
        for value in ticks(self.y) {
            let (x, y) = self.at((self.x.0, value));
            svg += &format!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                x - 6.0,
                y + 4.0,
                number(value)
            );
        }
        let (middle, height) = ((LEFT + WIDTH - RIGHT) / 2.0, (HEIGHT - BOTTOM + TOP) / 2.0);
        svg + &format!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(13 {height}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escape(x_label),
            escape(y_label)
        )
    }
}

/// Round numbers inside a range, four to nine of them.
fn ticks((from, to): (f64, f64)) -> Vec<f64> {
    let rough = (to - from) / 5.0;
    let size = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * size).into_iter().find(|s| *s >= rough);
    let step = step.unwrap_or(size);
    let first = (from / step - 1e-9).ceil() as i64;
    (first..).map(|k| k as f64 * step).take_while(|v| *v <= to + step * 1e-9).collect()
}

fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e5) {
        return format!("{value:.0e}").replace('-', "−");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (from, to) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if from > to {
        (0.0, 1.0)
    } else if from == to {
        (from - 0.5, to + 0.5)
    } else {
        (from, to)
    }
}

fn figure(title: &str, svg: &str, legend: &[(usize, &str)]) -> String {
    let entry = |&(k, name): &(usize, &str)| {
        format!("<span><i class=\"k{}\"></i>{}</span>", k % 6, escape(name))
    };
    let legend: String = legend.iter().map(entry).collect();
    let title = escape(title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{svg}</svg>\
         <div class=\"legend\">{legend}</div></figure>\n"
    )
}

/// Lines over one pair of axes; `unit` fixes both axes to 0…1 and draws the diagonal.
pub fn lines(title: &str, x_label: &str, y_label: &str, series: &[Series], unit: bool) -> String {
    let all = || series.iter().flat_map(|s| &s.points);
    let frame = if unit {
        Frame { x: (0.0, 1.0), y: (0.0, 1.0) }
    } else {
        let (low, high) = range(all().map(|p| p.1));
        // A curve that stays above 0 is seen from 0, where that does not flatten it.
        let low = if low > 0.0 && low < 0.5 * high { 0.0 } else { low };
        Frame { x: range(all().map(|p| p.0)), y: (low, high) }
    };
    let mut svg = frame.axes(x_label, y_label);
    if unit {
        let ((x1, y1), (x2, y2)) = (frame.at((0.0, 0.0)), frame.at((1.0, 1.0)));
        svg += &format!("<line class=\"grid\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }
    for (k, s) in series.iter().enumerate() {
        let every = s.points.len().div_ceil(POINTS).max(1);
        let last = s.points.len().saturating_sub(1);
        let kept = s.points.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last);
        let finite = kept.map(|(_, p)| *p).filter(|p| p.1.is_finite());
        let points: Vec<(f64, f64)> = finite.map(|p| frame.at(p)).collect();
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        svg += &format!("<polyline class=\"c{}\" points=\"{}\"/>", k % 6, text.join(" "));
        for (x, y) in points.iter().filter(|_| s.marked) {
            svg += &format!("<circle class=\"m{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", k % 6);
        }
    }
    let legend: Vec<(usize, &str)> =
        series.iter().enumerate().map(|(k, s)| (k, s.name.as_str())).collect();
    figure(title, &svg, if series.len() > 1 { &legend } else { &[] })
}

/// How often values fall into bins of equal width.
pub fn bars(title: &str, x_label: &str, values: &[f64], bins: usize) -> String {
    let (from, to) = range(values.iter().copied());
    let mut counts = vec![0usize; bins];
    for v in values.iter().filter(|v| v.is_finite()) {
        counts[(((v - from) / (to - from) * bins as f64) as usize).min(bins - 1)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(1).max(1);
    let frame = Frame { x: (from, to), y: (0.0, most as f64) };
    let mut svg = frame.axes(x_label, "how many");
    let width = (to - from) / bins as f64;
    for (k, &count) in counts.iter().enumerate() {
        let (x1, y1) = frame.at((from + k as f64 * width, count as f64));
        let (x2, y2) = frame.at((from + (k + 1) as f64 * width, 0.0));
        let (wide, high) = ((x2 - x1 - 1.0).max(0.5), y2 - y1);
        svg += &format!(
            "<rect class=\"m0\" x=\"{x1:.1}\" y=\"{y1:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"/>"
        );
    }
    figure(title, &svg, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(ticks((0.0, 1.0)), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks((-3.0, 42.0)), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(
            [number(0.6000000000000001), number(-2.5), number(2e-5)],
            ["0.6", "−2.5", "2e−5"]
        );
    }

    #[test]
    fn every_value_is_in_a_bar() {
        let svg = bars("weights", "W", &[-1.0, -1.0, 0.0, 1.0, f64::NAN], 2);
        // Two of four on each side, so both bars are as high as the frame.
        assert_eq!(svg.matches("height=\"222.0\"").count(), 2);
    }
}
