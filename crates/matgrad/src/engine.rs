//! A program with its machine, in either precision, spoken to in f64.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use matgrad_expr::dim::Symbol;
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_plan::extent::Slot;
use matgrad_plan::plan::{Request, plan};
use matgrad_run::machine::{Machine, RunError};
use matgrad_run::peak::peak;
use matgrad_run::real::Real;

use crate::rows::Numbers;
use crate::{Error, Kept, Rows, room};

/// Numbers inside a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

/// A program that runs.
pub enum Engine {
    /// In 32 bits.
    F32(Machine<f32>),
    /// In 64 bits.
    F64(Machine<f64>),
}

/// An instruction of a program with its median time.
#[derive(Clone, Debug)]
pub struct Timed {
    /// What it computes.
    pub equation: String,
    /// What it is.
    pub instruction: String,
    /// Floating-point operations; a function counts as one.
    pub flops: f64,
    /// Seconds.
    pub seconds: f64,
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// Writes rows that are not as the program has its numbers, each where it is to be.
///
/// Generic, as a program's numbers are of 32 or 64 bits.
fn converted<T: Real>(
    machine: &mut Machine<T>,
    variable: NodeId,
    from: &Rows,
    rows: &[usize],
) -> Result<(), Error> {
    let Some(slot) = machine.program().variable(variable).copied() else { return Ok(()) };
    let place = machine.slice_mut(&slot);
    if place.len() != rows.len() * from.cols() {
        let (given, wanted) = (rows.len() * from.cols(), place.len());
        return Err(Error::Run(format!("{given} numbers are given, {wanted} are wanted")));
    }
    if let Some(row) = rows.iter().find(|&&row| row >= from.len()) {
        return Err(Error::Run(format!("row {row} is asked for, there are {}", from.len())));
    }
    for (to, &row) in place.chunks_exact_mut(from.cols().max(1)).zip(rows) {
        to.iter_mut().zip(from.row(row)).for_each(|(to, x)| *to = T::from_f64(x));
    }
    Ok(())
}

macro_rules! either {
    ($engine:expr, $machine:ident => $then:expr) => {
        match $engine {
            Engine::F32($machine) => $then,
            Engine::F64($machine) => $then,
        }
    };
}

impl Engine {
    /// Plans a graph and makes its machine.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn new(
        graph: &Graph,
        outputs: &[NodeId],
        updates: &[(NodeId, NodeId)],
        dims: &HashMap<Symbol, usize>,
        rows: Option<(Symbol, usize)>,
        precision: Precision,
    ) -> Result<Engine, Error> {
        Engine::of(&Request { graph, outputs, updates, fixed: &[], dims, rows }, precision)
    }

    /// The same, for whatever can be asked of a plan.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn of(request: &Request, precision: Precision) -> Result<Engine, Error> {
        let program = Arc::new(plan(request).map_err(|e| Error::Run(e.to_string()))?);
        let each = if precision == Precision::F32 { 4 } else { 8 };
        room::ask("the matrices of a step", Some(program.arena_len()), each)?;
        Ok(match precision {
            Precision::F32 => Engine::F32(Machine::new(program)),
            Precision::F64 => Engine::F64(Machine::new(program)),
        })
    }

    /// Steps use up to so many threads where that pays; the same bits for any number.
    pub fn set_threads(&mut self, threads: usize) {
        either!(self, m => m.set_threads(threads));
    }

    /// Sets the number of rows of the batch.
    ///
    /// # Errors
    /// Past the capacity.
    pub fn set_rows(&mut self, rows: usize) -> Result<(), Error> {
        either!(self, m => m.set_rows(rows)).map_err(|e| Error::Run(e.to_string()))
    }

    /// The number of rows of the batch.
    pub fn batch(&self) -> usize {
        either!(self, m => m.rows())
    }

    /// Writes a variable; one that the program does not use is passed over.
    ///
    /// # Errors
    /// The wrong number of values.
    pub fn write(&mut self, variable: NodeId, values: &[f64]) -> Result<(), Error> {
        if either!(self, m => m.program().variable(variable).is_none()) {
            return Ok(());
        }
        either!(self, m => m.write(variable, values)).map_err(|e| Error::Run(e.to_string()))
    }

    /// Gives all entries of a variable one value; one that the program does not use is passed over.
    pub(crate) fn fill(&mut self, variable: NodeId, value: f64) {
        match self {
            Engine::F32(m) => {
                let slot = m.program().variable(variable).copied();
                slot.iter().for_each(|slot| m.slice_mut(slot).fill(value as f32));
            }
            Engine::F64(m) => {
                let slot = m.program().variable(variable).copied();
                slot.iter().for_each(|slot| m.slice_mut(slot).fill(value));
            }
        }
    }

    /// Reads an output or a variable.
    ///
    /// # Errors
    /// Neither of them.
    pub fn read(&self, node: NodeId) -> Result<Vec<f64>, Error> {
        either!(self, m => m.read(node)).map_err(|e| Error::Run(e.to_string()))
    }

    /// Reads a variable, or an output, as the program has it.
    ///
    /// # Errors
    /// Neither of them.
    pub fn keep(&self, node: NodeId) -> Result<Kept, Error> {
        Ok(match self {
            Engine::F32(m) => {
                let slot = m.program().output(node).or_else(|| m.program().variable(node));
                let unknown = || Error::Run(RunError::Unknown(node.0).to_string());
                Kept::F32(m.slice(slot.ok_or_else(unknown)?).to_vec())
            }
            Engine::F64(_) => Kept::F64(self.read(node)?),
        })
    }

    /// Writes what [`Engine::keep`] gave; a variable that the program does not use is passed over.
    ///
    /// # Errors
    /// The wrong number of values.
    pub fn put_back(&mut self, variable: NodeId, kept: &Kept) -> Result<(), Error> {
        match (&mut *self, kept) {
            (Engine::F32(m), Kept::F32(values)) if m.program().variable(variable).is_some() => {
                // All of it is one row of so many numbers.
                let done = m.write_rows_from(variable, values, values.len(), &[0]);
                done.map_err(|e| Error::Run(e.to_string()))
            }
            (engine, Kept::F64(values)) => engine.write(variable, values),
            (engine, Kept::F32(_)) => engine.write(variable, &kept.to_f64()),
        }
    }

    /// Runs the program once.
    pub fn step(&mut self) {
        either!(self, m => m.step());
    }

    /// Runs the program this often with all its rows, and tells of each instruction how long it
    /// took.
    ///
    /// # Errors
    /// A program that does not allow all its rows.
    pub fn profile(&mut self, steps: usize) -> Result<Vec<Timed>, Error> {
        either!(self, m => {
            let program = Arc::clone(m.program());
            m.set_rows(program.capacity()).map_err(|e| Error::Run(e.to_string()))?;
            let mut seconds = vec![Vec::with_capacity(steps); program.instructions().len()];
            for _ in 0..steps {
                let mut last = Instant::now();
                // Some instructions are done in parts.
                let mut step = vec![0.0; program.instructions().len()];
                m.step_observed(|number| {
                    let now = Instant::now();
                    step[number] += (now - last).as_secs_f64();
                    last = Instant::now();
                });
                seconds.iter_mut().zip(step).for_each(|(all, seconds)| all.push(seconds));
            }
            let seconds = seconds.into_iter().map(median);
            let rows = m.rows();
            // What is done once is no part of a step.
            let timed = seconds.zip(program.costs(rows)).enumerate().skip(program.once());
            let timed = timed.map(|(number, (seconds, cost))| Timed {
                equation: program.equations()[number].clone(),
                instruction: program.instructions()[number].to_string(),
                flops: cost.flops as f64,
                seconds,
            });
            Ok(timed.collect())
        })
    }

    /// Floating-point operations a second of one thread at most, measured, in its precision.
    pub fn peak(&self) -> f64 {
        match self {
            Engine::F32(_) => peak::<f32>(),
            Engine::F64(_) => peak::<f64>(),
        }
    }

    /// The precision of its numbers.
    pub fn precision(&self) -> Precision {
        match self {
            Engine::F32(_) => Precision::F32,
            Engine::F64(_) => Precision::F64,
        }
    }

    /// The rows of a matrix, to gather batches from.
    pub fn rows(&self, matrix: &Matrix) -> Rows<'static> {
        Rows::of(matrix, self.precision())
    }

    /// Writes these rows, in this order, into a variable; one that the program does not use is
    /// passed over. Allocates nothing, unless they are compressed.
    ///
    /// # Errors
    /// A row that is not there, or the wrong number of them.
    pub fn gather(&mut self, variable: NodeId, from: &Rows, rows: &[usize]) -> Result<(), Error> {
        if either!(self, m => m.program().variable(variable).is_none()) {
            return Ok(());
        }
        let done = match (self, &from.numbers) {
            (Engine::F32(m), Numbers::F32(x)) => m.write_rows_from(variable, x, from.cols(), rows),
            (Engine::F64(m), Numbers::F64(x)) => m.write_rows_from(variable, x, from.cols(), rows),
            (Engine::F32(m), Numbers::F64(_) | Numbers::Sparse(_)) => {
                return converted(m, variable, from, rows);
            }
            (Engine::F64(m), Numbers::F32(_) | Numbers::Sparse(_)) => {
                return converted(m, variable, from, rows);
            }
        };
        done.map_err(|e| Error::Run(e.to_string()))
    }

    /// The one entry of a 1×1 output. Allocates nothing.
    ///
    /// # Errors
    /// No output of the program.
    pub fn number(&self, output: NodeId) -> Result<f64, Error> {
        let slot = |found: Option<&Slot>| {
            found.copied().ok_or_else(|| Error::Run("this is no output of the program".into()))
        };
        Ok(match self {
            Engine::F32(m) => f64::from(m.slice(&slot(m.program().output(output))?)[0]),
            Engine::F64(m) => m.slice(&slot(m.program().output(output))?)[0],
        })
    }
}
