//! The local page: equations, their gradients, their matrices and their training.
//!
//! A [`Session`] holds all there is; a [`Server`] shows it to one browser on this machine. The
//! numbers are those of [`matgrad`], the pictures those of [`matgrad_report`]; here is no second
//! engine, and nothing is fetched from elsewhere.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed"))]

mod course;
mod examples;
mod message;
mod server;
mod session;
mod training;
mod view;

pub use message::Settings;
pub use server::Server;
pub use session::Session;
