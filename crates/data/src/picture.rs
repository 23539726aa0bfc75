//! Pictures as tables: a row a picture, channel last, each column the share of full brightness,
//! 0 to 1, of one channel of one pixel.
//!
//! A folder of folders is a table with the column `label`, which holds the names of the inner
//! folders; a folder of pictures, or one picture, is a table without it. IDX files, as MNIST comes
//! in, are known by their first bytes; labels stand in the file beside them whose name has
//! `labels` and `idx1` in the place of `images` and `idx3`.

use crate::sheet::Growth;
use crate::table::Words;
use crate::{Error, Memory, Table};
use std::path::{Path, PathBuf};

/// The sign of a PNG.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The sign of a JPEG.
pub(crate) const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
/// The sign of an IDX file of bytes.
pub(crate) const IDX: &[u8] = &[0, 0, 8];

/// Most pixels of a picture, against files that announce more than they hold.
const MOST: usize = 1 << 24;

/// A decoded picture.
struct Picture {
    /// Height, width, channels (1 or 3).
    size: [usize; 3],
    bytes: Vec<u8>,
}

fn format(file: &str, reason: impl Into<String>) -> Error {
    Error::Format { file: file.to_string(), reason: reason.into() }
}

/// Reads a folder.
///
/// # Errors
/// A folder without pictures; a picture that is damaged or of another size than the first.
pub(crate) fn folder(path: &Path, memory: &Memory) -> Result<Table, Error> {
    let file = path.display().to_string();
    let mut paths: Vec<(Option<String>, PathBuf)> = Vec::new();
    for entry in entries(path)? {
        let name = entry.file_name().map(|n| n.to_string_lossy().into_owned());
        if entry.is_dir() {
            let inner = entries(&entry)?;
            paths.extend(inner.into_iter().filter(|p| is_picture(p)).map(|p| (name.clone(), p)));
        } else if is_picture(&entry) {
            paths.push((None, entry));
        }
    }
    let labelled = paths.iter().filter(|(label, _)| label.is_some()).count();
    if paths.is_empty() {
        return Err(format(
            &file,
            "the folder has no pictures (.png, .jpg, .jpeg); put those of each class into a \
             folder named as the class",
        ));
    }
    if labelled != 0 && labelled != paths.len() {
        return Err(format(
            &file,
            "some pictures are in folders of classes and some are not; move the latter",
        ));
    }
    let mut pictures = Vec::with_capacity(paths.len());
    for (_, path) in &paths {
        let file = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|e| Error::Read { file: file.clone(), reason: e.to_string() })?;
        pictures.push(decode(&bytes, &file)?);
    }
    let [height, width, _] = pictures[0].size;
    let channels = pictures.iter().map(|p| p.size[2]).max().unwrap_or(1);
    for (picture, (_, path)) in pictures.iter_mut().zip(&paths) {
        let [h, w, _] = picture.size;
        if [h, w] != [height, width] {
            return Err(format(
                &path.display().to_string(),
                format!(
                    "the picture is {h}×{w} pixels, but {} is {height}×{width}; bring all to one size",
                    paths[0].1.display()
                ),
            ));
        }
        picture.widen(channels);
    }
    let rows: Vec<&[u8]> = pictures.iter().map(|p| p.bytes.as_slice()).collect();
    let labels: Option<Vec<String>> = paths.into_iter().map(|(label, _)| label).collect();
    table(&file, &rows, [height, width, channels], labels, memory)
}

/// What is in a folder, in the order of names; hidden files are left out.
fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed =
        |e: std::io::Error| Error::Read { file: path.display().to_string(), reason: e.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

/// One picture as a table of one row.
pub(crate) fn single(bytes: &[u8], file: &str, memory: &Memory) -> Result<Table, Error> {
    let picture = decode(bytes, file)?;
    table(file, &[&picture.bytes], picture.size, None, memory)
}

/// IDX files: pictures of bytes, with their labels where the file of labels is given.
pub(crate) fn idx(
    bytes: &[u8],
    labels: Option<(&[u8], &str)>,
    file: &str,
    memory: &Memory,
) -> Result<Table, Error> {
    let (sizes, values) = idx_parts(bytes, file)?;
    let (rows, size) = match sizes[..] {
        [n, h, w] => (n, [h, w, 1]),
        [n, h, w, c] => (n, [h, w, c]),
        [n] => (n, [1, 1, 1]),
        _ => {
            let count = sizes.len();
            return Err(format(file, format!("the IDX file has {count} dimensions, not 3 or 4")));
        }
    };
    let width = size.iter().product::<usize>();
    if rows == 0 || width == 0 {
        return Err(Error::NoRows { file: file.to_string() });
    }
    let words = match labels {
        None => None,
        Some((bytes, beside)) => {
            let (sizes, values) = idx_parts(bytes, beside)?;
            if sizes != [rows] {
                return Err(format(
                    beside,
                    format!("it holds {sizes:?} labels, but {file} holds {rows} pictures"),
                ));
            }
            Some(values.iter().map(u8::to_string).collect())
        }
    };
    table(file, &values.chunks(width).collect::<Vec<_>>(), size, words, memory)
}

/// Dimensions and bytes.
fn idx_parts<'a>(bytes: &'a [u8], file: &str) -> Result<(Vec<usize>, &'a [u8]), Error> {
    let cut = || format(file, "the IDX file is cut off, or holds no bytes; fetch it again");
    let (head, rest) =
        bytes.split_at_checked(4).filter(|(h, _)| h.starts_with(IDX)).ok_or_else(cut)?;
    let (dims, values) = rest.split_at_checked(4 * usize::from(head[3])).ok_or_else(cut)?;
    let sizes: Vec<usize> = dims
        .chunks_exact(4)
        .map(|d| u32::from_be_bytes([d[0], d[1], d[2], d[3]]) as usize)
        .collect();
    let total = sizes.iter().try_fold(1, |n: usize, &d| n.checked_mul(d));
    if total != Some(values.len()) {
        return Err(format(
            file,
            format!("{sizes:?} bytes were announced, but {} follow; fetch it again", values.len()),
        ));
    }
    Ok((sizes, values))
}

/// The file of labels that belongs to one of pictures, by the names in use.
pub(crate) fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let other = name.replace("images", "labels").replace("idx3", "idx1");
    let beside = path.with_file_name(&other);
    (other != name && beside.exists()).then_some(beside)
}

fn decode(bytes: &[u8], file: &str) -> Result<Picture, Error> {
    if bytes.starts_with(PNG) {
        png(bytes).map_err(|why| format(file, format!("the PNG cannot be read: {why}")))
    } else if bytes.starts_with(JPEG) {
        jpeg(bytes).map_err(|why| format(file, format!("the JPEG cannot be read: {why}")))
    } else {
        Err(format(file, "the content is no PNG or JPEG, whatever the name says; convert it"))
    }
}

fn png(bytes: &[u8]) -> Result<Picture, String> {
    use png::{ColorType, Decoder, Transformations};
    let mut decoder = Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let length = reader.output_buffer_size().filter(|&n| n <= 4 * MOST).ok_or("it is too large")?;
    let mut buffer = vec![0; length];
    let info = reader.next_frame(&mut buffer).map_err(|e| e.to_string())?;
    // Of each pixel the colours, without what says how transparent it is.
    let (stored, channels) = match info.color_type {
        ColorType::Grayscale => (1, 1),
        ColorType::GrayscaleAlpha => (2, 1),
        ColorType::Rgb => (3, 3),
        ColorType::Rgba => (4, 3),
        ColorType::Indexed => return Err("its palette was not expanded".into()),
    };
    let pixels = buffer[..info.buffer_size()].chunks_exact(stored);
    Ok(Picture {
        size: [info.height as usize, info.width as usize, channels],
        bytes: pixels.flat_map(|pixel| &pixel[..channels]).copied().collect(),
    })
}

fn jpeg(bytes: &[u8]) -> Result<Picture, String> {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    if width * height > MOST {
        return Err("it is too large".into());
    }
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, channels) = if grey { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    decoder.set_options(DecoderOptions::default().jpeg_set_out_colorspace(space));
    let bytes = decoder.decode().map_err(|e| e.to_string())?;
    Ok(Picture { size: [height, width, channels], bytes })
}

impl Picture {
    /// Grey as three equal colours.
    fn widen(&mut self, channels: usize) {
        if self.size[2] < channels {
            self.bytes =
                self.bytes.iter().flat_map(|&b| std::iter::repeat_n(b, channels)).collect();
            self.size[2] = channels;
        }
    }
}

/// The columns `p3_5` (row 3, pixel 5), with more channels `p3_5_1` …, and `label`.
fn table(
    file: &str,
    rows: &[&[u8]],
    [height, width, channels]: [usize; 3],
    labels: Option<Vec<String>>,
    memory: &Memory,
) -> Result<Table, Error> {
    let count = height * width * channels;
    let mut growth = Growth::new(count + usize::from(labels.is_some()), memory);
    let mut words = Words::default();
    for (i, row) in rows.iter().enumerate() {
        let label = labels.as_ref().map(|labels| words.code(Some(labels[i].as_bytes())));
        growth.push(row.iter().map(|&byte| f64::from(byte) / 255.0).chain(label))?;
    }
    let mut sheet = growth.finish()?;
    let name = |at: usize| {
        let (pixel, channel) = (at / channels, at % channels + 1);
        let (y, x) = (pixel / width + 1, pixel % width + 1);
        if channels == 1 { format!("p{y}_{x}") } else { format!("p{y}_{x}_{channel}") }
    };
    let words = (0..count).map(|_| None).chain(labels.map(|_| Some(words)));
    let levels = Words::finish(words.collect(), &mut sheet, 0).into_iter().enumerate();
    let name = |at: usize| if at < count { name(at) } else { "label".into() };
    let columns = levels.map(|(at, levels)| (name(at), levels));
    Ok(Table::of_sheet(file, (sheet, 0), columns, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, ReadOptions, Values, read, read_bytes};
    use expect_test::expect;

    /// A PNG of bytes, grey or in colours.
    fn png_of(width: u32, bytes: &[u8], color: png::ColorType) -> Vec<u8> {
        let mut file = Vec::new();
        let height = (bytes.len() / color.samples()) as u32 / width;
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        file
    }

    fn numbers(table: &Table, row: usize) -> Vec<f64> {
        let number = |column: &Column| match &column.values {
            Values::Numbers(values) => values.get(row),
            Values::Categories { .. } => None,
        };
        table.columns.iter().filter_map(number).collect()
    }

    #[test]
    fn a_folder_of_folders_is_a_table_with_labels() {
        let root = crate::scratch(&format!("matgrad-pictures-{}", std::process::id()));
        let put = |name: &str, bytes: &[u8]| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("cat/a.png", &png_of(2, &[0, 51, 102, 255], png::ColorType::Grayscale));
        put("dog/b.PNG", &png_of(1, &[255, 0, 0, 0, 0, 51], png::ColorType::Rgb));
        put("dog/notes.txt", b"no picture");
        let fails = || read(&root, &ReadOptions::default()).unwrap_err().to_string();
        assert!(fails().contains("the picture is 2×1 pixels, but"), "{}", fails());
        let four: Vec<u8> = [[255, 0, 0, 9], [0; 4], [0; 4], [0, 0, 51, 9]].concat();
        put("dog/b.PNG", &png_of(2, &four, png::ColorType::Rgba));
        let found = read(&root, &ReadOptions::default()).unwrap();
        assert_eq!((found.rows, found.columns.len()), (2, 13));
        assert_eq!(found.columns[11].name, "p2_2_3");
        assert_eq!(numbers(&found, 0)[..6], [0.0, 0.0, 0.0, 0.2, 0.2, 0.2]);
        assert_eq!(numbers(&found, 1)[..3], [1.0, 0.0, 0.0]);
        assert_eq!(numbers(&found, 1)[11], 0.2);
        assert!(matches!(&found.columns[12].values,
            Values::Categories { levels, codes }
                if *levels == ["cat", "dog"] && codes.iter().eq([Some(0), Some(1)])));
        let dogs = read(&root.join("dog"), &ReadOptions::default()).unwrap();
        assert_eq!((dogs.rows, dogs.columns.len()), (1, 12));
        put("dog/c.jpg", b"\xff\xd8\xff\xe0 cut off");
        assert!(fails().contains("the JPEG cannot be read"), "{}", fails());
        std::fs::remove_dir_all(&root).unwrap();
    }

    /// A JPEG that Pillow wrote: 2×2 pixels, grey, quality 95, all 128.
    #[test]
    fn a_jpeg_is_read() {
        let bytes = include_bytes!("grey.jpg");
        let table = read_bytes(bytes, "grey.jpg", &ReadOptions::default()).unwrap();
        assert_eq!(numbers(&table, 0), [128.0 / 255.0; 4]);
    }

    #[test]
    fn idx_files_that_are_damaged() {
        let whole = [&[0, 0, 8, 3], &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..], &[255, 51]].concat();
        let table = read_bytes(&whole, "x", &ReadOptions::default()).unwrap();
        assert_eq!(numbers(&table, 0), [1.0, 0.2]);
        let fails =
            |bytes: &[u8]| read_bytes(bytes, "x", &ReadOptions::default()).unwrap_err().to_string();
        expect!["x: [1, 1, 2] bytes were announced, but 1 follow; fetch it again"]
            .assert_eq(&fails(&whole[..17]));
        expect!["x: the IDX file is cut off, or holds no bytes; fetch it again"]
            .assert_eq(&fails(&whole[..9]));
        let mut huge = whole.clone();
        huge[4..16].fill(0xff);
        assert!(fails(&huge).contains("were announced, but 2 follow"));
    }
}
