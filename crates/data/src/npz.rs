//! NumPy's `.npz` files: a zip archive of `.npy` files, stored or deflated.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.savez.html>.

use std::io::Read;
use std::path::Path;

use crate::Error;
use crate::npy::{Array, parse};

/// Most bytes of one array, against archives that announce or deflate to more than they should.
const MOST: u64 = 1 << 31;

/// The arrays of an archive by their names, in the order of the archive.
///
/// # Errors
/// [`Error::Read`] when the file cannot be read, [`Error::Format`] when it is no archive of
/// arrays, is cut off or damaged.
pub fn read(path: &Path) -> Result<Vec<(String, Array)>, Error> {
    let file = path.display().to_string();
    let failed = |reason: String| Error::Format { file: file.clone(), reason };
    let source = std::fs::File::open(path)
        .map_err(|error| Error::Read { file: file.clone(), reason: error.to_string() })?;
    let broken = |error: &dyn std::fmt::Display| {
        failed(format!("this is no .npz archive, or it is damaged ({error}); write it again"))
    };
    let mut archive =
        zip::ZipArchive::new(std::io::BufReader::new(source)).map_err(|error| broken(&error))?;
    let mut arrays = Vec::new();
    for k in 0..archive.len() {
        let member = archive.by_index(k).map_err(|error| broken(&error))?;
        let name = member.name().map_err(|error| broken(&error))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else { continue };
        let mut bytes = Vec::new();
        member.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if bytes.len() as u64 > MOST {
            return Err(failed(format!("{name} has more than {MOST} bytes, which is the limit")));
        }
        arrays.push((name.clone(), parse(&bytes, &format!("{file}: {name}"))?));
    }
    Ok(arrays)
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
