//! Tract on a workload of prediction: `matgrad-peer-tract FOLDER` prints a line of JSON, as `peers.py`
//! does. One thread; status 3 where there is no model to predict with.

use std::path::Path;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;

fn main() -> TractResult<()> {
    let folder = std::env::args().nth(1).expect("the folder of a workload");
    let folder = Path::new(&folder);
    let model = folder.join("model.onnx");
    if !model.exists() {
        std::process::exit(3);
    }
    let model = tract_onnx::onnx().model_for_path(model)?.into_optimized()?;
    let shape = model.input_fact(0)?.shape.as_concrete().expect("a number of rows and columns");
    let shape = shape.to_vec();
    let model = model.into_runnable()?;
    let numbers = numbers(&std::fs::read(folder.join("X_test.npy"))?);
    let calls: Vec<&[f32]> = numbers.chunks_exact(shape.iter().product()).take(64).collect();
    let predict = |call: usize| -> TractResult<Duration> {
        let start = Instant::now();
        let rows = Tensor::from_shape(&shape, calls[call % calls.len()])?;
        std::hint::black_box(model.run(tvec!(rows.into()))?);
        Ok(start.elapsed())
    };
    for call in 0..100 {
        predict(call)?;
    }
    let (mut times, start) = (Vec::new(), Instant::now());
    while start.elapsed() < Duration::from_secs(1) || times.len() < 20 {
        times.push(predict(times.len())?);
    }
    times.sort_unstable();
    println!("{{\"us\": {}}}", times[times.len() / 2].as_secs_f64() * 1e6);
    Ok(())
}

/// What a `.npy` file of 32-bit numbers holds, behind a header whose length is in two bytes.
fn numbers(file: &[u8]) -> Vec<f32> {
    let header = usize::from(u16::from_le_bytes([file[8], file[9]]));
    let entries = file[10 + header..].chunks_exact(4);
    entries.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
}
