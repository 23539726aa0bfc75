//! The verb `studio`: the local page.

use std::net::SocketAddr;
use std::path::PathBuf;

use matgrad::data::Header;
use matgrad_studio::{Server, Session, Settings};

use crate::tables::table;
use crate::{Failure, Talk, read_text, say};

/// Serves the page of a file, of a table, of both, or of the worked example.
///
/// # Errors
/// What cannot be read, or an address that cannot be listened on.
pub fn studio(files: &[PathBuf], listen: SocketAddr, talk: &Talk) -> Result<(), Failure> {
    let (page, data) = match files {
        [only] if only.extension().is_none_or(|e| e != "eq") => (None, Some(only)),
        files => (files.first(), files.get(1)),
    };
    let data = data.map(|path| table(path, Header::Auto, &crate::tables::memory())).transpose()?;
    let session = match (page, data) {
        (None, None) => Session::worked_example(),
        (None, Some(data)) => Session::of_table(data, Settings::default())?,
        (Some(path), data) => {
            let text = read_text(path)?;
            Session::new(&path.display().to_string(), &text, data, Settings::default())
        }
    };
    let server = Server::bind(session, listen)?;
    say(format!("{}\n", server.url()))?;
    talk.tell("open this address in a browser on this machine; Ctrl-C ends it");
    if !listen.ip().is_loopback() {
        talk.warn("the network can reach it, and only the token keeps others out");
    }
    if listen.ip().is_unspecified() {
        let address = listen.ip();
        talk.tell(format!("elsewhere, put an address of this machine in the place of {address}"));
    }
    Ok(server.run()?)
}
