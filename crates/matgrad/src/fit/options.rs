//! How to train.

use crate::engine::Precision;
use crate::{Around, Clip, Method, Schedule, Stop};

/// How to train.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// The update rule or the solver.
    pub method: Method,
    /// Hyperparameters that differ from its defaults.
    pub settings: Vec<(String, f64)>,
    /// How many times over the training rows.
    pub epochs: usize,
    /// Rows of a batch; `None` is all. A solver always takes all.
    pub batch: Option<usize>,
    /// Of initial weights and row order.
    pub seed: u64,
    /// Inside the program of an update rule; a solver searches in 64 bits.
    pub precision: Precision,
    /// When to stop before the last epoch.
    pub stop: Stop,
    /// Of the learning rate.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises to its full size.
    pub warmup: usize,
    /// What is done around an update rule.
    pub around: Around,
    /// Most threads of a step; they change no bit.
    pub threads: usize,
    /// A search is over behind the iteration that evaluates the objective more often in all.
    pub max_evaluations: Option<usize>,
}

impl FitOptions {
    /// 300 epochs with its defaults, on all rows at once, in 32 bits.
    ///
    /// Generic, since an [`UpdateRule`](crate::UpdateRule) and a [`Solver`](crate::Solver) both do.
    pub fn new(method: impl Into<Method>) -> FitOptions {
        FitOptions {
            method: method.into(),
            settings: Vec::new(),
            epochs: 300,
            batch: None,
            seed: 0,
            precision: Precision::F32,
            stop: Stop::default(),
            schedule: Schedule::Constant,
            warmup: 0,
            around: Around::default(),
            threads: 1,
            max_evaluations: None,
        }
    }

    /// The precision that weights have.
    pub fn weights_precision(&self) -> Precision {
        match self.method {
            Method::Rule(_) => self.precision,
            Method::Search(_) => Precision::F64,
        }
    }
}

impl FitOptions {
    /// What the course of a fit hangs on beside rule, settings, seed and precision, named as the
    /// flags of the command line are: a checkpoint is gone on from with the same alone. What only
    /// ends a fit, such as patience, may differ.
    pub fn course(&self) -> Vec<(String, String)> {
        let Around { clip, decay, max_norm } = self.around;
        let Stop { min_improvement, metric, generalization_loss, progress, .. } = &self.stop;
        let (clip_value, clip_norm) = match clip {
            Clip::None => (None, None),
            Clip::Value(bound) => (Some(bound), None),
            Clip::Norm(bound) => (None, Some(bound)),
        };
        let strips = generalization_loss.is_some() || progress.is_some();
        let cosine = self.schedule == Schedule::Cosine;
        let or_none = |bound: Option<f64>| bound.map_or("none".into(), |bound| bound.to_string());
        let lines = [
            ("batch", self.batch.map_or("full".into(), |rows| rows.to_string())),
            ("schedule", self.schedule.to_string()),
            ("epochs", if cosine { self.epochs.to_string() } else { "any".into() }),
            ("warmup", self.warmup.to_string()),
            ("clip-value", or_none(clip_value)),
            ("clip-norm", or_none(clip_norm)),
            ("decoupled-weight-decay", decay.to_string()),
            ("max-norm", or_none(max_norm)),
            ("stop-metric", metric.clone()),
            ("min-improvement", min_improvement.to_string()),
            // The best weights are those of all epochs, or of each fifth.
            ("generalization-loss or progress", if strips { "given" } else { "none" }.into()),
        ];
        lines.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}
