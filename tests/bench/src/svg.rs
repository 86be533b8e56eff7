//! Plots as SVG, drawn by hand: bars beside one another, and lines over a linear or logarithmic axis. No fonts, no scripts; colours that can
//! be read on white and apart from one another.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 60.0;
const COLOURS: [&str; 6] = ["#0b5fa5", "#d95f02", "#1b9e77", "#7a3e9d", "#a6761d", "#555555"];

/// An axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Logarithmic,
}

/// One line or one colour of bars: its name, and its points or values.
pub type Line = (String, Vec<(f64, f64)>);

/// What stands around a plot.
pub struct Frame<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// From a value to a place in 0..=1.
#[derive(Clone, Copy)]
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    fn over(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let high = values.clone().fold(f64::MIN, f64::max).max(1e-9);
        let low = values.fold(f64::MAX, f64::min);
        match scale {
            Scale::Linear => Self { scale, low: 0.0, high: nice_above(high) },
            Scale::Logarithmic => {
                Self { scale, low: 10f64.powf(low.max(1e-6).log10().floor()), high: 10f64.powf(high.log10().ceil()).max(low * 10.0) }
            }
        }
    }

    fn place(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
        }
    }

    fn ticks(self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=5).map(|at| self.low + (self.high - self.low) * f64::from(at) / 5.0).collect(),
            Scale::Logarithmic => {
                let (low, high) = (self.low.log10().round() as i32, self.high.log10().round() as i32);
                (low..=high).map(|power| 10f64.powi(power)).collect()
            }
        }
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn nice_above(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        v if v >= 1e4 => format!("{}k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn begin(frame: &Frame<'_>, names: &[&str]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>{0}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{0}</text>\n",
        escaped(frame.title)
    );
    let mut at = LEFT;
    for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.0}\" y=\"36\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{:.0}\" y=\"46\">{}</text>",
            at + 17.0,
            escaped(name)
        );
        at += 40.0 + 6.6 * name.chars().count() as f64;
    }
    let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, (TOP + HEIGHT - BOTTOM) / 2.0);
    let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>", HEIGHT - 12.0, escaped(frame.x));
    let _ = writeln!(svg, "<text transform=\"translate(18 {y:.0}) rotate(-90)\" text-anchor=\"middle\">{}</text>", escaped(frame.y));
    svg
}

fn vertical(svg: &mut String, axis: Axis) {
    for tick in axis.ticks() {
        let y = down(axis, tick);
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>", WIDTH - RIGHT);
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, y + 4.0, number(tick));
    }
}

fn down(axis: Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.place(value).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

/// Groups of bars: a group per label, a colour per line, whose points are (number of the label, value).
pub fn bars(frame: &Frame<'_>, labels: &[String], lines: &[Line], scale: Scale) -> String {
    let mut svg = begin(frame, &lines.iter().map(|line| line.0.as_str()).collect::<Vec<_>>());
    let axis = Axis::over(scale, lines.iter().flat_map(|line| line.1.iter().map(|point| point.1)));
    vertical(&mut svg, axis);
    let group = (WIDTH - LEFT - RIGHT) / labels.len().max(1) as f64;
    let bar = (group * 0.8 / lines.len().max(1) as f64).min(60.0);
    for (at, label) in labels.iter().enumerate() {
        let middle = LEFT + group * (at as f64 + 0.5);
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.0}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"10\">{}</text>",
            HEIGHT - BOTTOM + 18.0,
            escaped(label)
        );
        for (line, (_, points)) in lines.iter().enumerate() {
            let Some((_, value)) = points.iter().find(|point| point.0 as usize == at) else { continue };
            let x = middle + bar * (line as f64 - lines.len() as f64 / 2.0);
            let y = down(axis, *value);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                bar - 2.0,
                HEIGHT - BOTTOM - y,
                COLOURS[line % COLOURS.len()]
            );
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"9\">{}</text>",
                x + bar / 2.0 - 1.0,
                y - 3.0,
                number(*value)
            );
        }
    }
    svg + "</svg>\n"
}

/// Lines. Where `percent` is set, x are percentiles, drawn by how few lie above.
pub fn lines(frame: &Frame<'_>, lines: &[Line], y_scale: Scale, percent: bool) -> String {
    let mut svg = begin(frame, &lines.iter().map(|line| line.0.as_str()).collect::<Vec<_>>());
    // 50 %, 90 %, 99 % … are as far from one another; 100 % stands where 99.999 % would.
    let across = |x: f64| if percent { 1.0 / (1.0 - x.min(99.999) / 100.0) } else { x };
    let points = || lines.iter().flat_map(|line| line.1.iter());
    let x_axis = Axis::over(if percent { Scale::Logarithmic } else { Scale::Linear }, points().map(|point| across(point.0)));
    let y_axis = Axis::over(y_scale, points().map(|point| point.1));
    vertical(&mut svg, y_axis);
    let place = |x: f64| LEFT + x_axis.place(across(x)).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let ticks: Vec<(f64, String)> = if percent {
        [50.0, 90.0, 99.0, 99.9, 99.99].iter().map(|p| (*p, format!("{p} %"))).chain([(100.0, "max".to_owned())]).collect()
    } else {
        x_axis.ticks().into_iter().map(|tick| (tick, number(tick))).collect()
    };
    for (tick, text) in ticks {
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{text}</text>", place(tick), HEIGHT - BOTTOM + 18.0);
    }
    for ((_, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", place(*x), down(y_axis, *y))).collect();
        let _ = writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", path.join(" "));
        for point in path {
            let (x, y) = point.split_once(',').unwrap_or_default();
            let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"2.5\" fill=\"{colour}\"/>");
        }
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_begin_and_end_at_round_numbers() {
        let linear = Axis::over(Scale::Linear, [3.0, 70.0].into_iter());
        assert!((linear.place(100.0) - 1.0).abs() < 1e-9 && linear.place(0.0).abs() < 1e-9);
        let logarithmic = Axis::over(Scale::Logarithmic, [0.2, 30.0].into_iter());
        assert_eq!(logarithmic.ticks().len(), 4);
        assert_eq!([number(12_345.0), number(2.50), number(1_000_000.0)], ["12.3k", "2.5", "1M"]);
    }
}
