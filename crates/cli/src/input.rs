//! What comes in: text, bytes and models, from files or standard input.

use std::io::Read;
use std::path::Path;

use matgrad::Model;

use crate::Failure;
use crate::output::is_stream;

/// What standard input is called in messages.
const STREAM: &str = "standard input";

/// A path as messages name it.
pub fn shown(path: &Path) -> String {
    if is_stream(path) { STREAM.into() } else { path.display().to_string() }
}

/// The bytes of a file, or of standard input.
///
/// # Errors
/// A file that cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match is_stream(path) {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(path),
    };
    read.map_err(|e| Failure::input(format!("{}: cannot be read: {e}", shown(path))))
}

/// The text of a file, or of standard input.
///
/// # Errors
/// A file that cannot be read or is no text.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path)?).map_err(|e| {
        let file = shown(path);
        if e.as_bytes().contains(&0) {
            return Failure::input(format!(
                "{file}: this is binary; a file of text is wanted here"
            ));
        }
        let good = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..good].iter().filter(|&&b| b == b'\n').count() + 1;
        Failure::input(format!("{file}: line {line} is no text in UTF-8; save the file as UTF-8"))
    })
}

/// The model of a file, or of standard input.
///
/// # Errors
/// A file that is no model.
pub fn model(path: &Path) -> Result<Model, Failure> {
    Ok(Model::read(Path::new(&shown(path)), &read_bytes(path)?)?)
}

/// A page of equations, or a model.
pub enum Source {
    /// The text of a page.
    Page(String),
    /// A model.
    Model(Box<Model>),
}

/// A page or a model, whichever it is: a page by its name, or since it is text. A model begins with
/// the length of its header, of which some bytes are 0.
///
/// # Errors
/// A file that is neither.
pub fn page_or_model(path: &Path) -> Result<Source, Failure> {
    let named = path.extension().is_some_and(|e| e == "eq");
    if named {
        return read_text(path).map(Source::Page);
    }
    let bytes = read_bytes(path)?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Source::Page(text)),
        other => {
            let bytes = other.map_or_else(|e| e.into_bytes(), String::into_bytes);
            let model = Model::read(Path::new(&shown(path)), &bytes)?;
            Ok(Source::Model(Box::new(model)))
        }
    }
}

/// The text of a page, or of that of a model.
///
/// # Errors
/// A file that is neither.
pub fn page_text(path: &Path) -> Result<String, Failure> {
    Ok(match page_or_model(path)? {
        Source::Page(text) => text,
        Source::Model(model) => model.network.source,
    })
}

/// Fails where two inputs are both standard input, which is read once.
///
/// # Errors
/// Which two.
pub fn read_once(inputs: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
    let streams: Vec<&str> =
        inputs.iter().filter(|i| i.1.is_some_and(is_stream)).map(|i| i.0).collect();
    match streams[..] {
        [first, second, ..] => Err(Failure::usage(format!(
            "{first} and {second} are both standard input, which is read once; name a file"
        ))),
        _ => Ok(()),
    }
}
