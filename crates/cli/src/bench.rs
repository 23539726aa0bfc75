//! The verb `bench`: times a stored workload.

use std::path::{Path, PathBuf};
use std::time::Instant;

use matgrad::Timed;
use matgrad::workload::Workload;
use serde_json::{Value, json};

use crate::prepare::useful_threads;
use crate::{Failure, Talk, say};

/// The folder of a workload: as given, that of a seed in it, or by name below $BENCH_DATA.
fn folder(workload: &Path, seed: u64) -> PathBuf {
    let seeded = format!("seed{seed}");
    let stored = std::env::var_os("BENCH_DATA").map(|root| Path::new(&root).join("work"));
    let mut places = vec![workload.to_path_buf(), workload.join(&seeded)];
    places.extend(stored.map(|root| root.join(workload).join(&seeded)));
    places.iter().find(|p| p.join("meta.json").exists()).unwrap_or(&places[0]).clone()
}

/// Seconds of all threads of this process so far, where the system has Linux's /proc.
fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds * 1e-9)
}

fn processor_since(before: Option<f64>) -> Option<f64> {
    Some(processor_seconds()? - before?)
}

/// Largest resident size of this process so far.
fn peak_megabytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// Times a workload and prints one JSON line.
///
/// # Errors
/// A folder that holds no workload, or one of a family that is not known.
pub fn bench(
    workload: &Path,
    threads: usize,
    seed: u64,
    seconds: f64,
    profile: bool,
    talk: &Talk,
) -> Result<(), Failure> {
    let threads = useful_threads(threads);
    let started = Instant::now();
    let workload = Workload::read(&folder(workload, seed))?;
    let setup = started.elapsed().as_secs_f64();
    let mut report = json!({
        "peer": "matgrad", "workload": workload.name, "threads": threads, "seed": seed,
        "setup_s": setup,
    });
    let more = if workload.inference {
        infer(&workload, seconds, threads)?
    } else {
        train(&workload, threads, profile, talk)?
    };
    if let (Value::Object(report), Value::Object(more)) = (&mut report, more) {
        report.extend(more);
    }
    say(format!("{report}\n"))
}

fn train(
    workload: &Workload,
    threads: usize,
    profile: bool,
    talk: &Talk,
) -> Result<Value, Failure> {
    let start = Instant::now();
    let mut warm = workload.step()?;
    warm.set_threads(threads);
    workload.train(&mut warm, Some(3))?;
    drop(warm);
    let mut step = workload.step()?;
    step.set_threads(threads);
    let compile = start.elapsed().as_secs_f64();
    let (start, processor) = (Instant::now(), processor_seconds());
    workload.train(&mut step, None)?;
    let seconds = start.elapsed().as_secs_f64();
    let processor = processor_since(processor);
    let peak = peak_megabytes();
    let (train, test) = workload.measure(&step)?;
    let scored = workload.name != "mazur";
    let mut report = json!({
        "compile_s": compile, "train_s": seconds, "cpu_s": processor, "epochs": workload.epochs,
        "samples_per_s": (workload.rows() * workload.epochs) as f64 / seconds,
        "final_loss": train.map(|t| t.loss),
        "train_acc": train.filter(|_| scored).map(|t| t.score),
        "test_acc": scored.then_some(test.score),
        "peak_rss_mb": peak,
    });
    if profile {
        // About a second of steps.
        let steps = (step.steps() as f64 / seconds).clamp(5.0, 10_000.0) as usize;
        let timed = step.engine.profile(steps)?;
        let peak = step.engine.peak() * threads as f64;
        report["peak_gflops"] = json!(peak * 1e-9);
        report["profile"] = instructions(&timed, steps, peak, talk);
    }
    Ok(report)
}

/// The time of each instruction, as JSON and, where there is talk, as lines.
fn instructions(timed: &[Timed], steps: usize, peak: f64, talk: &Talk) -> Value {
    let whole: f64 = timed.iter().map(|t| t.seconds).sum();
    let mut found = Vec::new();
    for Timed { equation, instruction, flops, seconds } in timed {
        let (micros, share) = (seconds * 1e6, 100.0 * seconds / whole);
        let rate = flops / seconds.max(1e-9) * 1e-9;
        let of_peak = 100.0 * rate / (peak * 1e-9);
        let work = format!("{micros:9.2} µs {share:5.1} % {rate:7.1} GFLOP/s {of_peak:3.0} %");
        talk.tell(format!("{work}  {instruction}  {equation}"));
        found.push(json!({
            "equation": equation, "instruction": instruction, "us": micros, "gflops": rate,
            "of_peak": of_peak / 100.0,
        }));
    }
    let (step, peak) = (whole * 1e6, peak * 1e-9);
    talk.tell(format!("{step:9.2} µs a step, medians of {steps}; at most {peak:.0} GFLOP/s"));
    json!(found)
}

fn infer(workload: &Workload, seconds: f64, threads: usize) -> Result<Value, Failure> {
    let start = Instant::now();
    workload.calls(0.0, threads)?;
    let compile = start.elapsed().as_secs_f64();
    let processor = processor_seconds();
    let mut times = workload.calls(seconds, threads)?;
    let processor = processor_since(processor);
    times.sort_by(f64::total_cmp);
    let (_, test) = workload.measure(&workload.step()?)?;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e6;
    let count = times.len() as f64;
    Ok(json!({
        "compile_s": compile, "train_s": null, "cpu_s": null, "epochs": 0,
        "samples_per_s": workload.batch as f64 / at(0.5) * 1e6,
        "final_loss": null, "train_acc": null, "test_acc": test.score,
        "peak_rss_mb": peak_megabytes(), "cpu_us": processor.map(|seconds| seconds / count * 1e6),
        "lat_us": at(0.5), "lat_p99_us": at(0.99),
        "lat_mean_us": times.iter().sum::<f64>() / count * 1e6, "iters": times.len(),
    }))
}
