//! Whether numbers have room in memory. An allocation that the system refuses ends the process;
//! asked before, it is an error that says what is too large.

use crate::Error;

/// So many bytes are not asked for: memory that the allocator has given back to it, unlike more, it
/// keeps, and the next matrices would lie beside that.
const FEW: usize = 64 << 20;

/// Asks for room for so many numbers of so many bytes, and gives it back.
///
/// # Errors
/// [`Error::Run`] where there is none.
pub(crate) fn ask(what: &str, numbers: Option<usize>, each: usize) -> Result<(), Error> {
    let bytes = numbers.and_then(|numbers| numbers.checked_mul(each));
    let had = |&bytes: &usize| bytes <= FEW || Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if bytes.filter(had).is_some() {
        return Ok(());
    }
    let size = match bytes {
        Some(bytes) => format!("{:.1} GB of memory", bytes as f64 / 1e9),
        None => "more memory than there are addresses".to_string(),
    };
    Err(Error::Run(format!("{what} would take {size}, which is not to be had; ask for less")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_an_error() {
        assert!(ask("a row", Some(1000), 8).is_ok() && ask("nothing", Some(0), 8).is_ok());
        let said = |numbers| ask("W", numbers, 8).unwrap_err().to_string();
        let size = "W would take 800000000.0 GB of memory, which is not to be had; ask for less";
        assert_eq!(said(Some(100_000_000_000_000_000)), size);
        assert!(said(None).contains("addresses"));
    }
}
