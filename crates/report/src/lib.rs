//! Pages of fits: one HTML file without script or network, its charts inline SVG, its equations
//! MathML; and event files for TensorBoard.
//!
//! A [`Report`] is gathered by the caller, and prints itself.

mod chart;
mod field;
mod graph;
mod page;
pub mod tensorboard;

pub use chart::{Series, bars, lines};
pub use field::{Plane, Shade, heat, surface};
pub use graph::{Vertex, graph};
pub use page::{Part, Report};

/// Text inside HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
