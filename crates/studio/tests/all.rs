//! The tests of this crate, one binary.

mod browser;
mod guard;

use matgrad::data::{Header, ReadOptions, read, read_bytes};
use matgrad_studio::{Server, Session, Settings};

/// Serves a session in a thread of its own; where it is.
fn serve(session: Session) -> String {
    let server = Server::bind(session, ([127, 0, 0, 1], 0).into()).expect("a free port");
    let url = server.url();
    std::thread::spawn(move || server.run());
    url
}

fn iris() -> Session {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/iris.csv");
    let options = ReadOptions { header: Header::Auto, ..ReadOptions::default() };
    let table = read(path.as_ref(), &options).expect("iris");
    Session::of_table(table, Settings::default()).expect("a page of layers")
}

/// Two half circles that no line parts.
fn circles() -> Session {
    let row = |i: u32| {
        let angle = f64::from(i) / 60.0 * std::f64::consts::PI;
        let (x, y, kind) = match i % 2 {
            0 => (angle.cos(), angle.sin(), "upper"),
            _ => (1.0 - angle.cos(), 0.4 - angle.sin(), "lower"),
        };
        format!("{x},{y},{kind}\n")
    };
    let text = format!("x,y,half\n{}", (0..60).map(row).collect::<String>());
    let table =
        read_bytes(text.as_bytes(), "halves.csv", &ReadOptions::default()).expect("a table");
    let settings = Settings { epochs: 300, rate: Some(0.03), ..Settings::default() };
    Session::of_table(table, settings).expect("a page of layers")
}
