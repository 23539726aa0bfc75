//! The standard library: activations, losses, layers and update rules, all as equations.
//!
//! To add one, add lines to a file here and nothing else.

use std::sync::LazyLock;

use matgrad_expr::library::Library;

/// The files, in the order in which they are read.
pub const FILES: [(&str, &str); 4] = [
    ("activations.eq", include_str!("activations.eq")),
    ("losses.eq", include_str!("losses.eq")),
    ("layers.eq", include_str!("layers.eq")),
    ("optimizers.eq", include_str!("optimizers.eq")),
];

/// The library, read once.
///
/// # Panics
/// Never: the tests read the same files.
pub fn standard() -> &'static Library {
    static STANDARD: LazyLock<Library> =
        LazyLock::new(|| Library::parse(&FILES).unwrap_or_else(|e| panic!("{e}")));
    &STANDARD
}

/// The text of the optimizers, which the spans of its rules point into.
pub const OPTIMIZERS: &str = FILES[3].1;

#[cfg(test)]
mod tests {
    use super::standard;
    use matgrad_expr::syntax::name::canonical;

    #[test]
    fn the_library_reads() {
        assert!(standard().functions.len() > 25);
        assert!(standard().optimizer("rprop").is_some());
    }

    #[test]
    fn its_names_are_canonical() {
        let names = standard().names.iter();
        let others: Vec<&String> = names.filter(|name| canonical(name) != **name).collect();
        assert!(others.is_empty(), "{others:?} would not be found");
    }
}
