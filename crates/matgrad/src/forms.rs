//! One derivation in the forms of the textbooks, beside the matrix form that it prints itself.
//!
//! After `calculus`: each form is a walk over the derived graph, driven by the op table, and each
//! can be evaluated, so that the tests hold it against the matrix form.

pub mod block;
pub mod convolution;
pub mod differential;
pub mod index;
pub mod jacobian;
pub mod rolled;
pub mod typeset;
pub mod vector;
