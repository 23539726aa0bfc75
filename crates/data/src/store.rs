//! Long slices, in memory or, past a limit, in a file that only this process has.
//!
//! The system keeps of a file what is in use and drops what is not, so that a slice may be larger
//! than memory. The file has no name: it is gone with the process, however that ends.

#![allow(unsafe_code, reason = "files are mapped, which the operating system alone can do")]

use crate::Error;
use bytemuck::Pod;
use memmap2::{Mmap, MmapMut};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

/// How large a thing may be in memory, and where it goes when it is larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes.
    pub most: u64,
    /// A folder on a disk.
    pub folder: PathBuf,
}

impl Default for Memory {
    /// All in memory.
    fn default() -> Memory {
        let folder = match (std::env::var_os("TMPDIR"), Path::new("/var/tmp")) {
            // Often /tmp is in memory itself.
            (None, lasting) if lasting.is_dir() => lasting.to_path_buf(),
            (Some(_) | None, _) => std::env::temp_dir(),
        };
        Memory { most: u64::MAX, folder }
    }
}

impl Memory {
    /// At most this share of the memory that the process may use: that of the machine or, on
    /// Linux, of its control group; 8 GB are taken for it where neither is told.
    pub fn share(share: f64) -> Memory {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let total = total.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok());
        // Of the control group itself, by its path, and as one sees it from inside a container.
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let paths = groups.lines().filter_map(|line| line.rsplit_once(':')).map(|(_, path)| path);
        let files = paths.chain(["/"]).flat_map(|path| {
            let path = path.trim_end_matches('/');
            [
                format!("/sys/fs/cgroup{path}/memory.max"),
                format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"),
            ]
        });
        let limits = files.filter_map(|file| std::fs::read_to_string(file).ok());
        let limit = limits.filter_map(|text| text.trim().parse::<u64>().ok()).min();
        let total = total.map_or(8 << 30, |kilobytes: u64| kilobytes << 10);
        let most = total.min(limit.unwrap_or(total)) as f64 * share;
        Memory { most: most as u64, ..Memory::default() }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::Write {
            file: self.folder.display().to_string(),
            reason: format!("{error}; name a folder on a disk with room for the table"),
        }
    }
}

/// A slice that [`Growing`] has gathered.
///
/// Generic, as the numbers of a program are of 32 or 64 bits.
pub struct Store<T>(Held<T>);

enum Held<T> {
    Memory(Vec<T>),
    File(MmapMut, PhantomData<T>),
}

impl<T> From<Vec<T>> for Store<T> {
    fn from(values: Vec<T>) -> Store<T> {
        Store(Held::Memory(values))
    }
}

impl<T: Pod> Deref for Store<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::Memory(values) => values,
            Held::File(map, _) => bytemuck::cast_slice(map),
        }
    }
}

impl<T: Pod> DerefMut for Store<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Held::Memory(values) => values,
            Held::File(map, _) => bytemuck::cast_slice_mut(map),
        }
    }
}

impl<T> Store<T> {
    /// Whether it is in a file.
    pub fn is_file(&self) -> bool {
        matches!(self.0, Held::File(..))
    }

    /// Tells the system that what is next to a value in use need not be read with it, as it
    /// otherwise does, often by megabytes.
    pub fn will_be_scattered(&self) {
        #[cfg(unix)]
        if let Held::File(map, _) = &self.0 {
            // Advice that is not taken costs time alone.
            let _ = map.advise(memmap2::Advice::Random);
        }
    }

    /// Tells the system that these values are wanted soon.
    pub fn will_need(&self, values: std::ops::Range<usize>) {
        #[cfg(unix)]
        if let Held::File(map, _) = &self.0 {
            let size = size_of::<T>();
            let (from, length) = (values.start * size, values.len() * size);
            let _ = map.advise_range(memmap2::Advice::WillNeed, from, length);
        }
        #[cfg(not(unix))]
        let _ = values;
    }
}

/// A slice that grows at its end, and goes to a file when it becomes too large for memory.
pub struct Growing<T> {
    memory: Memory,
    here: Vec<T>,
    file: Option<BufWriter<File>>,
}

impl<T: Pod> Growing<T> {
    /// Of no values yet.
    pub fn new(memory: &Memory) -> Growing<T> {
        Growing { memory: memory.clone(), here: Vec::new(), file: None }
    }

    /// Adds values at the end.
    ///
    /// # Errors
    /// [`Error::Write`] for a file that cannot be made or has no room.
    pub fn extend(&mut self, values: &[T]) -> Result<(), Error> {
        let bytes = size_of_val(values) as u64 + size_of_val(&self.here[..]) as u64;
        let small = self.file.is_none() && bytes <= self.memory.most;
        // Memory that the system refuses, at a limit of the process, is too little as well.
        if small && self.here.try_reserve(values.len()).is_ok() {
            self.here.extend_from_slice(values);
            return Ok(());
        }
        let here = std::mem::take(&mut self.here);
        let mut add = || {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(BufWriter::new(tempfile::tempfile_in(&self.memory.folder)?)),
            };
            file.write_all(bytemuck::cast_slice(&here))?;
            file.write_all(bytemuck::cast_slice(values))
        };
        add().map_err(|error| self.memory.failed(error))
    }

    /// All values.
    ///
    /// # Errors
    /// Those of [`Growing::extend`].
    pub fn finish(self) -> Result<Store<T>, Error> {
        let Some(file) = self.file else { return Ok(Store(Held::Memory(self.here))) };
        let map = || {
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            // SAFETY: the file has no name and its handle is closed here, so that nobody else
            // writes to it or cuts it off while it is mapped.
            unsafe { MmapMut::map_mut(&file) }
        };
        let map = map().map_err(|error| self.memory.failed(error))?;
        Ok(Store(Held::File(map, PhantomData)))
    }
}

/// The bytes that a table is read from.
pub(crate) enum Content<'a> {
    Lent(&'a [u8]),
    Held(Store<u8>),
    Mapped(Mmap),
}

impl Deref for Content<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Content::Lent(bytes) => bytes,
            Content::Held(bytes) => bytes,
            Content::Mapped(bytes) => bytes,
        }
    }
}

impl Content<'static> {
    /// The content of a file, which stays there if it is too large for memory.
    pub(crate) fn of_file(path: &Path, memory: &Memory) -> Result<Content<'static>, Error> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| Error::Read { file: name.clone(), reason: error.to_string() };
        let mut file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_file() && about.len() > memory.most {
            // SAFETY: bytes are read only, and as bytes, for which any value will do. While the
            // table is read, nobody may cut the file off, upon which the system would end the
            // process (SIGBUS), nor write to it, upon which the table would be a mixture. The
            // manual says so; no file is mapped for longer than it is read.
            let map = unsafe { Mmap::map(&file) };
            return Ok(Content::Mapped(map.map_err(failed)?));
        }
        Content::of_stream(&mut file, &name, memory, |error| error.to_string())
    }

    /// A stream to its end; what is said of a failure.
    pub(crate) fn of_stream(
        stream: &mut dyn Read,
        file: &str,
        memory: &Memory,
        said: fn(std::io::Error) -> String,
    ) -> Result<Content<'static>, Error> {
        let mut bytes = Growing::new(memory);
        let mut part = vec![0; 1 << 16];
        loop {
            match stream.read(&mut part) {
                Ok(0) => return Ok(Content::Held(bytes.finish()?)),
                Ok(length) => bytes.extend(&part[..length])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::Read { file: file.to_string(), reason: said(error) });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn what_grows_past_the_limit_goes_to_a_file_and_is_the_same() {
        for (most, is_file) in [(u64::MAX, false), (48, false), (47, true), (0, true)] {
            let mut growing = Growing::new(&Memory { most, ..Memory::default() });
            for part in [&[1.0f64, 2.0][..], &[], &[3.0], &[4.0, 5.0, 6.0]] {
                growing.extend(part).unwrap();
            }
            let mut store = growing.finish().unwrap();
            store[5] += 1.0;
            assert_eq!((&store[..], store.is_file()), (&[1., 2., 3., 4., 5., 7.][..], is_file));
        }
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let memory = Memory { most: 0, folder: "no/such/folder".into() };
        let error = Growing::new(&memory).extend(&[1.0f32]).unwrap_err().to_string();
        let said = error.split(" (os error").next().unwrap();
        expect!["no/such/folder: cannot be written: No such file or directory"].assert_eq(said);
    }

    #[test]
    fn a_share_is_of_what_there_is() {
        let (all, half) = (Memory::share(1.0).most, Memory::share(0.5).most);
        assert!(all > 1 << 26 && half.abs_diff(all / 2) < 2, "{all} {half}");
    }
}
