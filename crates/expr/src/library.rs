//! What a page may use without defining it: built-in functions and those of a library.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Errors;
use crate::op::{Form, Op};
use crate::syntax::{Dialect, Function, Optimizer, Statement, parse_page};

/// What stands before the name of a function that is built in or of the library, where it is meant
/// whatever the page calls by its name.
pub(crate) const BUILT_IN: &str = "builtin_";

/// Functions and update rules, written in the language itself.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Functions and layers.
    pub functions: Vec<Arc<Function>>,
    /// Update rules.
    pub optimizers: Vec<Arc<Optimizer>>,
    /// All names that are calls when `(` follows.
    pub names: BTreeSet<String>,
}

/// Built-in functions that are no op of their own name.
const OTHERS: [&str; 10] =
    ["rows", "cols", "reshape", "place", "vec", "ones", "eye", "vector", "matrix", "transposed"];

impl Library {
    /// Reads files, each of which sees those before it.
    ///
    /// # Errors
    /// What is wrong in the first file that does not parse.
    pub fn parse(files: &[(&str, &str)]) -> Result<Library, Errors> {
        let calls = Op::all().into_iter().map(Op::def).filter(|d| d.form == Form::Call);
        let names = calls.map(|d| d.name).chain(OTHERS).map(str::to_string).collect();
        let mut library = Library { names, ..Library::default() };
        for (file, source) in files {
            let page = parse_page(source, &library.dialect()).map_err(|diagnostics| Errors {
                file: file.to_string(),
                source: source.to_string(),
                diagnostics,
            })?;
            for item in page.items {
                match item.statement {
                    Statement::Function(f) => {
                        library.names.insert(f.name.text.clone());
                        library.functions.push(Arc::new(f));
                    }
                    Statement::Optimizer(o) => library.optimizers.push(Arc::new(o)),
                    Statement::Declaration(_)
                    | Statement::Definition(_)
                    | Statement::Minimize(_) => {}
                }
            }
        }
        let meant: Vec<String> =
            library.names.iter().map(|name| format!("{BUILT_IN}{name}")).collect();
        library.names.extend(meant);
        Ok(library)
    }

    /// How pages that use this library are read.
    pub fn dialect(&self) -> Dialect<'_> {
        Dialect { functions: &self.names, left_to_right: false }
    }

    /// The update rule with this canonical name.
    pub fn optimizer(&self, name: &str) -> Option<Arc<Optimizer>> {
        self.optimizers.iter().find(|o| o.name.text == name).cloned()
    }
}
