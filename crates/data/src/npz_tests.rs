use super::read;
use crate::{Error, Matrix, npy};
use std::io::Write;

fn archive(name: &str, deflated: bool) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("matgrad-{name}-{}.npz", std::process::id()));
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let method =
        if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    writer.start_file("fc/kernel.npy", options).unwrap();
    writer.write_all(&npy::to_bytes(&matrix, npy::Precision::F32)).unwrap();
    writer.start_file("notes.txt", options).unwrap();
    writer.write_all(b"no array").unwrap();
    writer.finish().unwrap();
    path
}

#[test]
fn archives_stored_and_deflated() {
    for deflated in [false, true] {
        let path = archive(if deflated { "deflated" } else { "stored" }, deflated);
        let arrays = read(&path).unwrap();
        assert_eq!(arrays.len(), 1);
        assert_eq!((arrays[0].0.as_str(), &arrays[0].1.dims[..]), ("fc/kernel", &[2, 3][..]));
        assert_eq!(arrays[0].1.matrix.data, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // Cut off and changed files are errors, or the same arrays.
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert!(read(&path).is_err(), "{at} bytes");
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            std::fs::write(&path, &changed).unwrap();
            match read(&path) {
                Ok(_) | Err(Error::Format { .. }) => {}
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
