use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn file(header: &str, values: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [MAGIC, &[1, 0], &length, header.as_bytes(), values].concat()
}

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn values(descr: &str, shape: &str, raw: &[u8]) -> Vec<f64> {
    parse(&file(&header(descr, false, shape), raw), "x.npy").unwrap().matrix.data
}

#[test]
fn element_types() {
    assert_eq!(values("|b1", "(2,)", &[0, 1]), [0.0, 1.0]);
    assert_eq!(values("|i1", "(2,)", &[0xff, 0x7f]), [-1.0, 127.0]);
    assert_eq!(values("|u1", "(2,)", &[0xff, 0x7f]), [255.0, 127.0]);
    assert_eq!(values("<i2", "(1,)", &(-300i16).to_le_bytes()), [-300.0]);
    assert_eq!(values(">i4", "(1,)", &(-70_000i32).to_be_bytes()), [-70_000.0]);
    assert_eq!(values("<i8", "(1,)", &i64::MIN.to_le_bytes()), [i64::MIN as f64]);
    assert_eq!(values("<u8", "(1,)", &u64::MAX.to_le_bytes()), [u64::MAX as f64]);
    assert_eq!(values("<f4", "(1,)", &0.1f32.to_le_bytes()), [f64::from(0.1f32)]);
    assert_eq!(values(">f8", "(1,)", &0.1f64.to_be_bytes()), [0.1]);
}

#[test]
fn dimensions_and_order() {
    let array = |fortran, shape: &str, count: u8| {
        let raw: Vec<u8> = (1..=count).collect();
        parse(&file(&header("|u1", fortran, shape), &raw), "x.npy").unwrap()
    };
    let scalar = array(false, "()", 1);
    assert_eq!((scalar.dims.len(), scalar.matrix.rows, scalar.matrix.cols), (0, 1, 1));
    let vector = array(true, "(3,)", 3);
    let pictures = array(false, "(2, 1, 3)", 6);
    assert_eq!((pictures.matrix.rows, pictures.matrix.cols), (2, 3));
    assert_eq!((&vector.dims[..], vector.matrix.rows, vector.matrix.cols), (&[3][..], 3, 1));
    assert_eq!(array(false, "(2, 3)", 6).matrix.data, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(array(true, "(2, 3)", 6).matrix.data, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
}

#[test]
fn version_two_has_a_long_header() {
    let header = header("|u1", false, "(1, 2)");
    let length = (header.len() as u32).to_le_bytes();
    let bytes = [MAGIC, &[2, 0], &length, header.as_bytes(), &[7, 8]].concat();
    assert_eq!(parse(&bytes, "x.npy").unwrap().matrix.data, [7.0, 8.0]);
}

/// The bytes that `numpy.save` of NumPy 2 writes for `np.array([[1.5, -2.0]])`.
#[test]
fn writes_what_numpy_writes() {
    let matrix = Matrix::new(1, 2, vec![1.5, -2.0]).unwrap();
    let mut numpy =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
            .to_vec();
    numpy.resize(127, b' ');
    numpy.push(b'\n');
    numpy.extend_from_slice(&1.5f64.to_le_bytes());
    numpy.extend_from_slice(&(-2.0f64).to_le_bytes());
    assert_eq!(to_bytes(&matrix, Precision::F64), numpy);
}

#[test]
fn files() {
    let path = crate::scratch(&format!("matgrad-npy-{}.npy", std::process::id()));
    let matrix = Matrix::new(2, 2, vec![0.1, f64::NAN, f64::INFINITY, -0.0]).unwrap();
    write(&path, &matrix, Precision::F64).unwrap();
    let bits = |matrix: &Matrix| matrix.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&read(&path).unwrap()), bits(&matrix));
    std::fs::remove_file(&path).unwrap();
    let error = write(Path::new("no/such/x.npy"), &matrix, Precision::F32).unwrap_err();
    assert!(error.to_string().starts_with("no/such/x.npy: cannot be written: "), "{error}");
}

#[test]
fn messages() {
    let fails = |bytes: &[u8], message: Expect| {
        message.assert_eq(&parse(bytes, "x.npy").unwrap_err().to_string());
    };
    fails(b"hello", expect!["x.npy: this is no .npy file; write it with numpy.save"]);
    fails(
        b"\x93NUMPY\x01\x00\xff",
        expect!["x.npy: the .npy header is cut off; write the file again"],
    );
    fails(b"\x93NUMPY\x09\x00....", expect!["x.npy: .npy version 9 is not known; write version 1"]);
    fails(&file("{}", &[]), expect!["x.npy: the .npy header has no 'descr'; write the file again"]);
    fails(
        &file(&header("<c16", false, "(1,)"), &[0; 16]),
        expect![
            "x.npy: the array holds values of type '<c16'; convert it to numbers first (f4, f8, i1 to i8, u1 to u8, bool)"
        ],
    );
    fails(
        &file("{'descr': [('a', '<f8')]}", &[]),
        expect!["x.npy: the array holds records, not numbers; save one field of it at a time"],
    );
    fails(
        &file(&header("<f8", true, "(1, 2, 3)"), &[0; 48]),
        expect![
            "x.npy: the array has 3 dimensions in Fortran order; save numpy.ascontiguousarray of it"
        ],
    );
    fails(
        &file(&header("<f8", false, "(3, 2)"), &[0; 40]),
        expect![
            "x.npy: an array of 3×2 values of 8 bytes was announced, but 40 bytes follow; the file is cut off, write it again"
        ],
    );
    fails(
        &file(&header("<f8", false, "(99999999999, 99999999999)"), &[]),
        expect![
            "x.npy: an array of 99999999999×99999999999 values of 8 bytes was announced, but 0 bytes follow; the file is cut off, write it again"
        ],
    );
    fails(
        &file(&header("<f8", false, "(-1,)"), &[]),
        expect!["x.npy: 'shape' in the .npy header is (-1,); write the file again"],
    );
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let _ = parse(&bytes, "x.npy");
        let _ = parse(&[MAGIC, &bytes].concat(), "x.npy");
    }

    #[test]
    fn any_damage(at in 0usize..140, byte: u8, cut in 0usize..200) {
        let matrix = Matrix::new(2, 3, vec![1.0; 6]).unwrap();
        let mut bytes = to_bytes(&matrix, Precision::F32);
        bytes[at] = byte;
        let _ = parse(&bytes, "x.npy");
        let _ = parse(&bytes[..cut.min(bytes.len())], "x.npy");
    }

    #[test]
    fn any_shape(rows in 0usize..5, cols in 0usize..5, seed: u64) {
        let mut random = crate::Random::seed(seed);
        let data = (0..rows * cols).map(|_| f64::from(random.normal() as f32)).collect();
        let matrix = Matrix::new(rows, cols, data).unwrap();
        for precision in [Precision::F32, Precision::F64] {
            let array = parse(&to_bytes(&matrix, precision), "x.npy").unwrap();
            prop_assert_eq!(&array.matrix, &matrix);
            prop_assert_eq!(&array.dims, &[rows, cols]);
        }
    }
}

#[test]
fn single_precision_is_read_without_a_copy_of_the_file() {
    let folder = crate::scratch(&format!("matgrad-npy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let matrix = Matrix::new(700, 101, (0..70_700).map(|i| f64::from(i) * 0.5).collect()).unwrap();
    for precision in [Precision::F32, Precision::F64] {
        let path = folder.join("x.npy");
        write(&path, &matrix, precision).unwrap();
        let Single { rows, cols, data, .. } = read_f32(&path).unwrap();
        assert_eq!((rows, cols), (700, 101));
        assert!(data.iter().zip(&matrix.data).all(|(&a, &b)| f64::from(a) == b));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(read_f32(&path).unwrap_err().to_string().contains("cut off"));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
