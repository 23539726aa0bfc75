//! Numbers of a file: what a `TensorProto` says, checked before anything is allocated.

use std::path::{Component, Path};
use std::rc::Rc;

use matgrad::half;

use crate::Error;
use crate::proto::{TensorProto, data_type};

/// The most entries that a tensor may have; files that declare more are refused.
pub(crate) const MOST: u64 = 1 << 28;

/// The most entries that folding and repeating may make of those that a file has.
pub(crate) const MOST_MADE: u64 = 1 << 24;

/// Known numbers, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub name: String,
    pub dims: Vec<u64>,
    pub data: Rc<Vec<f64>>,
    /// Whether they are weights: numbers of an initializer, which training may change.
    pub trained: bool,
}

impl Tensor {
    /// The entries as whole numbers; the largest of 64 bits stand for all that is larger.
    pub fn whole(&self) -> Option<Vec<i64>> {
        let whole = |&x: &f64| (x.fract() == 0.0).then_some(x as i64);
        self.data.iter().map(whole).collect()
    }

    /// The same entries in another shape of the same size.
    pub fn reshaped(&self, dims: Vec<u64>) -> Tensor {
        Tensor { dims, ..self.clone() }
    }

    /// Axis `k` of the result is axis `order[k]` of this one.
    pub fn transposed(&self, order: &[usize]) -> Tensor {
        let dims: Vec<u64> = order.iter().map(|&axis| self.dims[axis]).collect();
        let mut strides = vec![1usize; self.dims.len()];
        for axis in (1..self.dims.len()).rev() {
            strides[axis - 1] = strides[axis] * self.dims[axis] as usize;
        }
        let mut data = Vec::with_capacity(self.data.len());
        let mut at = vec![0u64; order.len()];
        for _ in 0..self.data.len() {
            let place = at.iter().zip(order).map(|(&i, &axis)| i as usize * strides[axis]);
            data.push(self.data[place.sum::<usize>()]);
            for k in (0..order.len()).rev() {
                at[k] += 1;
                if at[k] < dims[k] {
                    break;
                }
                at[k] = 0;
            }
        }
        Tensor { dims, data: Rc::new(data), ..self.clone() }
    }
}

/// The number of entries of a shape.
pub(crate) fn size(name: &str, dims: &[i64]) -> Result<(Vec<u64>, usize), Error> {
    let wrong = |why: &str| Error::File(format!("{name} is declared {dims:?}: {why}"));
    let mut size: u64 = 1;
    let mut all = Vec::new();
    for &dim in dims {
        let dim = u64::try_from(dim).map_err(|_| wrong("a dimension is negative"))?;
        size = size.checked_mul(dim).filter(|&s| s <= MOST).ok_or_else(|| {
            wrong(&format!("that is more than {MOST} entries, which is the limit of an import"))
        })?;
        all.push(dim);
    }
    Ok((all, size as usize))
}

/// Reads a tensor. Entries in another file are looked for in `folder` only.
pub(crate) fn read(proto: &TensorProto, folder: Option<&Path>) -> Result<Tensor, Error> {
    let name = proto.name().to_string();
    let (dims, size) = size(&name, &proto.dims)?;
    let wrong = |why: String| Error::File(format!("the tensor {name:?} {why}"));
    let outside;
    let raw = match &proto.raw_data {
        _ if proto.data_location() == 1 => {
            outside = external(proto, folder)?;
            Some(outside.as_slice())
        }
        raw => raw.as_deref(),
    };
    let kind = proto.data_type();
    let short = |found: usize| wrong(format!("has {found} entries; its shape says {size}"));
    let data: Vec<f64> = match raw {
        Some(bytes) => {
            let width = match kind {
                data_type::FLOAT | data_type::INT32 | UINT32 => 4,
                data_type::DOUBLE | data_type::INT64 | UINT64 => 8,
                FLOAT16 | BFLOAT16 | INT16 | UINT16 => 2,
                INT8 | UINT8 | data_type::BOOL => 1,
                _ => return Err(wrong(format!("has entries of type {kind}, which is not read"))),
            };
            if bytes.len() != size * width {
                return Err(short(bytes.len() / width));
            }
            bytes.chunks_exact(width).map(|b| number(kind, b)).collect()
        }
        None => match kind {
            data_type::FLOAT => proto.float_data.iter().map(|&x| x.into()).collect(),
            data_type::DOUBLE => proto.double_data.clone(),
            data_type::INT64 => proto.int64_data.iter().map(|&x| x as f64).collect(),
            UINT32 | UINT64 => proto.uint64_data.iter().map(|&x| x as f64).collect(),
            FLOAT16 | BFLOAT16 => {
                let bits = proto.int32_data.iter();
                bits.map(|&x| number(kind, &(x as u16).to_le_bytes())).collect()
            }
            data_type::INT32 | data_type::BOOL | INT8 | UINT8 | INT16 | UINT16 => {
                proto.int32_data.iter().map(|&x| x.into()).collect()
            }
            _ => return Err(wrong(format!("has entries of type {kind}, which is not read"))),
        },
    };
    if data.len() != size {
        return Err(short(data.len()));
    }
    let trained = matches!(kind, data_type::FLOAT | data_type::DOUBLE | FLOAT16 | BFLOAT16);
    Ok(Tensor { name, dims, data: Rc::new(data), trained })
}

const UINT8: i32 = 2;
const INT8: i32 = 3;
const UINT16: i32 = 4;
const INT16: i32 = 5;
const FLOAT16: i32 = 10;
const UINT32: i32 = 12;
const UINT64: i32 = 13;
const BFLOAT16: i32 = 16;

/// One entry from its bytes, as many as its type has.
fn number(kind: i32, b: &[u8]) -> f64 {
    let mut wide = [0u8; 8];
    wide[..b.len()].copy_from_slice(b);
    let bits = u64::from_le_bytes(wide);
    match kind {
        data_type::FLOAT => f32::from_bits(bits as u32).into(),
        data_type::DOUBLE => f64::from_bits(bits),
        data_type::INT64 => bits as i64 as f64,
        data_type::INT32 => (bits as i32).into(),
        INT16 => (bits as i16).into(),
        INT8 => (bits as i8).into(),
        BFLOAT16 => f32::from_bits((bits as u32) << 16).into(),
        FLOAT16 => half(bits as u16),
        _ => bits as f64,
    }
}

/// The bytes of a tensor in a file beside the model.
fn external(proto: &TensorProto, folder: Option<&Path>) -> Result<Vec<u8>, Error> {
    let name = proto.name();
    let wrong = |why: String| Error::File(format!("the tensor {name:?} is in another file: {why}"));
    let entry = |key: &str| {
        proto.external_data.iter().find(|e| e.key() == key).map(|e| e.value().to_string())
    };
    let location = entry("location").ok_or_else(|| wrong("it does not say in which".into()))?;
    let path = Path::new(&location);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(wrong(format!("{location:?} leaves the folder of the model")));
    }
    let folder = folder.ok_or_else(|| wrong("a model in memory has no folder".into()))?;
    let file = |e: std::io::Error| wrong(format!("{location:?}: {e}"));
    // A link may lead elsewhere, so where the path ends counts.
    let root = folder.canonicalize().map_err(file)?;
    let path = root.join(path).canonicalize().map_err(file)?;
    if !path.starts_with(&root) {
        return Err(wrong(format!("{location:?} leads out of the folder of the model")));
    }
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => {
            let parsed = text.parse::<u64>();
            parsed.map(Some).map_err(|_| wrong(format!("its {key} is {text:?}")))
        }
    };
    let length = std::fs::metadata(&path).map_err(file)?.len();
    let from = number("offset")?.unwrap_or(0);
    let count = number("length")?.unwrap_or_else(|| length.saturating_sub(from));
    if from.checked_add(count).is_none_or(|end| end > length) {
        return Err(wrong(format!(
            "{location:?} has {length} bytes, {from} and {count} are asked"
        )));
    }
    let mut bytes = Vec::new();
    let mut open = std::fs::File::open(&path).map_err(file)?;
    std::io::Seek::seek(&mut open, std::io::SeekFrom::Start(from)).map_err(file)?;
    let mut part = std::io::Read::take(open, count);
    std::io::Read::read_to_end(&mut part, &mut bytes).map_err(file)?;
    Ok(bytes)
}
