//! Files that are written whole or not at all.

use std::fs::Permissions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes a file whole or not at all: to a temporary one beside it first, then in its place, with
/// the permissions of the one that was there. A symbolic link is followed. What is no regular file,
/// such as a pipe or a device, is written into as it stands.
///
/// # Errors
/// Where it cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let written = followed(path).and_then(|target| match std::fs::metadata(&target) {
        Ok(found) if !found.is_file() => {
            std::fs::File::options().write(true).open(&target)?.write_all(bytes)
        }
        found => replace(&target, bytes, found.ok().map(|f| f.permissions())),
    });
    written.map_err(|e| Error::Run(format!("{} cannot be written: {e}", path.display())))
}

/// Where a path leads: the end of its symbolic links, also where nothing is there yet.
///
/// # Errors
/// Links in a circle.
pub fn followed(path: &Path) -> std::io::Result<PathBuf> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => return path.canonicalize(),
        // The name of what a pipe's link points at is no path.
        Ok(_) => return Ok(path.to_path_buf()),
        Err(_) => {}
    }
    let mut end = path.to_path_buf();
    // As many as the system follows; a circle ends here too.
    for _ in 0..40 {
        let Ok(next) = end.read_link() else { return Ok(end) };
        end = end.parent().unwrap_or(Path::new(".")).join(next);
    }
    Err(std::io::Error::other("too many levels of symbolic links"))
}

/// Puts a file of these bytes in the place of another.
fn replace(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> std::io::Result<()> {
    let folder = folder(path);
    let name = path.file_name().map_or("file".into(), |n| n.to_string_lossy().into_owned());
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create(&temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| permissions.map_or(Ok(()), |p| std::fs::set_permissions(&temporary, p)))
        .and_then(|()| std::fs::rename(&temporary, path));
    // Nothing half written stays.
    written.inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

/// The folder that a file is in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
