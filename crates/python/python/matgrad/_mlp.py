"""Multi-layer perceptrons with scikit-learn's parameters, trained by matgrad."""

from __future__ import annotations

import math
import numbers as number_types
import warnings
from typing import Any

import numpy as np

from . import _matgrad
from ._estimator import Estimator
from ._validate import check_names, matrix, names_of

_ACTIVATIONS = {"identity": "", "logistic": "sigmoid"}
"""scikit-learn's names of activations; others are names of matgrad's library."""

# Each loss by row, of the output Z and the target Y, and what turns Z into a prediction.
_LOSSES = {
    "log_loss": ("-rowsum(Y ⊙ log_softmax(Z))", "softmax"),
    "binary_log_loss": ("rowsum(softplus(Z) - Y ⊙ Z)", "logistic"),
    "squared_error": ("0.5 rowmean((Z - Y)∘²)", "identity"),
    "absolute_error": ("rowmean(abs(Z - Y))", "identity"),
    "huber": ("rowmean(min(0.5 (Z - Y)∘², abs(Z - Y) - 0.5))", "identity"),
    "poisson": ("rowmean(exp(Z) - Y ⊙ Z)", "exp"),
}

_RULES = ("sgd", "adam", "adamw", "nadam", "adamax", "rmsprop", "adagrad", "lion")
# The step is part of the velocity, so that a rate that changes acts on later gradients only.
_MOMENTUM = """
optimizer velocity(η = 1e-3, μ = 0.9)
  state V = 0
  V ← μ V - η G
  W ← W + V
"""
_NESTEROV = _MOMENTUM.replace("W + V", "W + μ V - η G")
_FULL_BATCH = ("rprop", "rprop_plus", "irprop_minus", "irprop_plus", "quickprop")
_SEARCHES = ("lbfgs", "scg", "lm")


def _link(name: str, Z: np.ndarray) -> np.ndarray:
    if name == "identity":
        return Z
    if name == "exp":
        return np.exp(Z)
    if name == "logistic":
        small = np.exp(-np.abs(Z))
        return np.where(Z >= 0, 1 / (1 + small), small / (1 + small))
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def _random_state(seed: Any) -> np.random.RandomState:
    if seed is None:
        return np.random.mtrand._rand
    if isinstance(seed, number_types.Integral):
        return np.random.RandomState(seed)
    if isinstance(seed, (np.random.RandomState, np.random.Generator)):
        return seed
    raise ValueError(f"{seed!r} cannot be used to seed a numpy.random.RandomState instance")


def _bounded(name: str, value: Any, low: float, high: float, *, open_low=False, whole=False):
    kind = number_types.Integral if whole else number_types.Real
    right = isinstance(value, kind) and not isinstance(value, bool)
    if not right or not low <= value <= high or (open_low and value == low):
        left = "(" if open_low else "["
        what = "an int" if whole else "a float"
        raise ValueError(
            f"The {name!r} parameter must be {what} in the range {left}{low}, {high}]. "
            f"Got {value!r} instead."
        )


class ConvergenceWarning(UserWarning):
    """The last epoch was reached before the loss had settled."""


def _convergence_warning() -> type[Warning]:
    import sys

    if "sklearn" in sys.modules:
        from sklearn.exceptions import ConvergenceWarning as theirs

        return theirs
    return ConvergenceWarning


class _MLP(Estimator):
    """What classifier and regressor share: equations, weights, and the epochs."""

    # -- parameters ---------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        for name in self._layers():
            _bounded("hidden_layer_sizes", name, 1, math.inf, whole=True)
        activations = self._activations()
        known = set(_matgrad.functions()) | {"identity", "logistic"}
        for name in activations:
            if name not in known:
                raise ValueError(
                    f"The 'activation' parameter must be one of {sorted(known)}, or a list with "
                    f"one for each hidden layer. Got {name!r} instead."
                )
        choices = sorted(_RULES + _SEARCHES + _FULL_BATCH)
        if self.solver not in choices:
            raise ValueError(
                f"The 'solver' parameter must be one of {choices}. Got {self.solver!r} instead."
            )
        if self.learning_rate not in ("constant", "invscaling", "adaptive"):
            raise ValueError(
                "The 'learning_rate' parameter must be one of ['adaptive', 'constant', "
                f"'invscaling']. Got {self.learning_rate!r} instead."
            )
        if self.batch_size not in ("auto", "full"):
            _bounded("batch_size", self.batch_size, 1, math.inf, whole=True)
        for name, low, high, open_low in (
            ("alpha", 0, math.inf, False),
            ("learning_rate_init", 0, math.inf, True),
            ("power_t", 0, math.inf, False),
            ("tol", 0, math.inf, False),
            ("momentum", 0, 1, False),
            ("validation_fraction", 0, 1, False),
            ("beta_1", 0, 1, False),
            ("beta_2", 0, 1, False),
            ("epsilon", 0, math.inf, True),
        ):
            _bounded(name, getattr(self, name), low, high, open_low=open_low)
        _bounded("max_iter", self.max_iter, 1, math.inf, whole=True)
        _bounded("max_fun", self.max_fun, 1, math.inf, whole=True)
        if self.n_iter_no_change != math.inf:
            _bounded("n_iter_no_change", self.n_iter_no_change, 1, math.inf, whole=True)

    def _layers(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _activations(self) -> list[str]:
        count = len(self._layers())
        if isinstance(self.activation, str):
            return [self.activation] * count
        if len(self.activation) != count:
            raise ValueError(
                f"activation has {len(self.activation)} entries for {count} hidden layers"
            )
        return list(self.activation)

    # -- equations ----------------------------------------------------------------------------

    def _equations(self, units: list[int], weighted: bool = True) -> str:
        """The page that is trained; S holds the rows' weights."""
        lines = [f"input X : B×{units[0]}", f"target Y : B×{units[-1]}"]
        total, row_loss = ("sum(S)", "S ⊙ ℓ") if weighted else ("rows(X)", "ℓ")
        if weighted:
            lines.insert(1, "input S : B×1")
        last = len(units) - 1
        for k in range(1, last + 1):
            lines += [f"param W_{k} : {units[k - 1]}×{units[k]}", f"param b_{k} : 1×{units[k]}"]
        source = "X"
        for k, name in enumerate([*self._activations(), None], start=1):
            out = f"Z_{k}" if k < last else "Z"
            lines.append(f"{out} = {source} W_{k} + b_{k}")
            if name is not None:
                called = _ACTIVATIONS.get(name, name)
                lines.append(f"A_{k} = {called}({out})" if called else f"A_{k} = 1 {out}")
                source = f"A_{k}"
        lines.append(f"ℓ = {self._row_loss()[0]}")
        lines.append(f"L = sum({row_loss}) / {total}")
        squares = " + ".join(f"sum(W_{k} .^ 2)" for k in range(1, last + 1))
        decay = f" + {self.alpha / 2!r} ({squares}) / {total}" if self.alpha else ""
        lines.append(f"minimize L{decay}")
        return "\n".join(lines) + "\n"

    # -- training -----------------------------------------------------------------------------

    def _rule(self) -> tuple[str, dict[str, float]]:
        """The update rule in matgrad's words, with its hyperparameters."""
        rate = float(self.learning_rate_init)
        if self.solver == "sgd" and self.momentum:
            rule = _NESTEROV if self.nesterovs_momentum else _MOMENTUM
            return rule, {"lr": rate, "μ": float(self.momentum)}
        if self.solver in ("adam", "adamw", "nadam"):
            betas = {"β1": float(self.beta_1), "β2": float(self.beta_2), "ε": float(self.epsilon)}
            # scikit-learn adds ε before the bias of the second moment is corrected.
            rule = "adam_hat" if self.solver == "adam" else self.solver
            return rule, {"lr": rate, **betas}
        if self.solver in _FULL_BATCH:
            return self.solver, {}
        return self.solver, {"lr": rate}

    def _draw(self, units: list[int], random) -> dict[str, np.ndarray]:
        weights = {}
        names = [*self._activations(), self._activations()[-1] if self._layers() else ""]
        for k, name in enumerate(names, start=1):
            factor = 2.0 if name == "logistic" else 6.0
            bound = math.sqrt(factor / (units[k - 1] + units[k]))
            weights[f"W_{k}"] = random.uniform(-bound, bound, (units[k - 1], units[k]))
            weights[f"b_{k}"] = random.uniform(-bound, bound, (1, units[k]))
        return weights

    def _named_weights(self) -> dict[str, np.ndarray]:
        named = {f"W_{k}": W for k, W in enumerate(self.coefs_, start=1)}
        named |= {f"b_{k}": b.reshape(1, -1) for k, b in enumerate(self.intercepts_, start=1)}
        return named

    def _keep(self, weights: dict[str, np.ndarray], dtype) -> None:
        count = len(self._layers()) + 1
        self.coefs_ = [weights[f"W_{k}"].astype(dtype) for k in range(1, count + 1)]
        self.intercepts_ = [weights[f"b_{k}"].ravel().astype(dtype) for k in range(1, count + 1)]
        everything = [*self.coefs_, *self.intercepts_]
        if not all(np.isfinite(array).all() for array in everything):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed; or lower learning_rate_init."
            )

    def _trainer(self, rows: int, weights: dict[str, np.ndarray], dtype):
        rule, settings = self._rule()
        return _matgrad.Trainer(
            self._page, weights, rule, settings, rows, dtype == np.float64, self._threads()
        )

    def _threads(self) -> int:
        import os

        jobs = self.n_jobs
        if jobs is None:
            return 1
        return max(1, (os.cpu_count() or 1) + 1 + jobs) if jobs < 0 else max(1, jobs)

    def _fit(self, X, Y, weight, incremental: bool) -> None:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        random = self._random = _random_state(self.random_state)
        units = [X.shape[1], *self._layers(), Y.shape[1]]
        dtype = X.dtype
        X = self._impute(X, first)
        self._page = self._equations(units)
        self.n_layers_, self.n_outputs_ = len(units), Y.shape[1]
        self.out_activation_ = self._row_loss()[1]
        if first:
            drawn = self._draw(units, random)
            self.n_iter_, self.t_ = 0, 0
            self.loss_curve_, self.validation_loss_curve_ = [], []
            self._state = None
            self._stale = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
        else:
            drawn = self._named_weights()
            if [W.shape[0] for W in self.coefs_] != units[:-1] or units[-1] != self._width():
                raise ValueError(
                    f"the fitted network has layers {self._shape()}, the data and "
                    f"hidden_layer_sizes ask for {units}; fit it anew (warm_start=False)"
                )
        weight = np.ones((len(X), 1)) if weight is None else weight.reshape(-1, 1)
        if self.solver in _SEARCHES:
            if incremental:
                raise AttributeError(f"partial_fit is not available for solver={self.solver!r}")
            self._search(X, Y, weight, drawn, dtype)
        else:
            self._epochs(X, Y, weight, drawn, dtype, random, incremental)

    def _width(self) -> int:
        return self.coefs_[-1].shape[1]

    def _shape(self) -> list[int]:
        return [W.shape[0] for W in self.coefs_] + [self._width()]

    def _search(self, X, Y, weight, drawn, dtype) -> None:
        if (weight != weight[0]).any():
            raise ValueError(
                f"solver={self.solver!r} takes no weights of rows; use 'adam' or 'rprop' with them"
            )
        page = self._equations([X.shape[1], *self._layers(), Y.shape[1]], weighted=False)
        # As in scikit-learn: a step that gains less than this share of the loss is the last.
        weights, losses = _matgrad.search(
            page, drawn, self.solver, X, Y, int(self.max_iter), min(1.0, float(self.tol)) * 1e-5
        )
        self._keep(weights, dtype)
        self.n_iter_, self.loss_curve_ = len(losses), losses
        self.loss_ = losses[-1]
        if self.n_iter_ >= self.max_iter:
            warnings.warn(
                f"{self.solver} stopped after max_iter={self.max_iter} iterations before it "
                "converged; raise max_iter or scale the data",
                _convergence_warning(),
                stacklevel=4,
            )

    def _split(self, X, Y, weight, random):
        """Rows held back for early stopping; stratified where there are classes."""
        order = random.permutation(len(X))
        count = int(math.ceil(self.validation_fraction * len(X)))
        if count < 2 or count >= len(X):
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        classes = self._strata(Y)
        if classes is not None:
            # Spread each class evenly over the order, then take the head: proportions hold.
            rank = np.empty(len(X))
            for c in np.unique(classes):
                members = order[classes[order] == c]
                rank[members] = (np.arange(len(members)) + random.uniform()) / len(members)
            order = np.argsort(rank, kind="stable")
        held, kept = np.sort(order[:count]), np.sort(order[count:])
        return (X[kept], Y[kept], weight[kept]), (X[held], Y[held], weight[held])

    def _epochs(self, X, Y, weight, drawn, dtype, random, incremental) -> None:
        held = None
        if self.early_stopping:
            if incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            (X, Y, weight), held = self._split(X, Y, weight, random)
        rows = len(X)
        full = self.batch_size == "full" or self.solver in _FULL_BATCH
        size = rows if full else 200 if self.batch_size == "auto" else self.batch_size
        if self.batch_size not in ("auto", "full") and size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=4,
            )
        size = min(size, rows)
        trainer = self._trainer(size, drawn, dtype)
        if self._state is not None and (incremental or self.warm_start):
            trainer.restore(self._state)
        trainer.data(X, Y, weight)
        seed = int(random.randint(0, 2**31 - 1))
        rate = float(self.learning_rate_init)
        best = None
        bar = self._progress()
        try:
            for number in range(1 if incremental else self.max_iter):
                self.loss_ = trainer.epoch(size, seed + number if self.shuffle else None)
                self.n_iter_ = self.n_iter_ + 1 if incremental else number + 1
                self.t_ += rows
                self.loss_curve_.append(self.loss_)
                if not math.isfinite(self.loss_):
                    raise ValueError(
                        f"the loss is {self.loss_} in iteration {self.n_iter_}: the weights are "
                        "non-finite; scale the data or lower learning_rate_init"
                    )
                improved = self._judge(trainer, held)
                if improved and held is not None:
                    best = trainer.weights()
                if bar is not None:
                    bar(self.n_iter_, self.loss_)
                if self.learning_rate == "invscaling" and self.solver == "sgd":
                    trainer.set("lr", self.learning_rate_init / (self.t_ + 1) ** self.power_t)
                if self._stale > self.n_iter_no_change:
                    self._stale = 0
                    if self.learning_rate != "adaptive" or self.solver != "sgd" or rate <= 1e-6:
                        break
                    rate /= 5.0
                    trainer.set("lr", rate)
                if not incremental and self.n_iter_ == self.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and "
                        "the optimization hasn't converged yet.",
                        _convergence_warning(),
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        self._state = trainer.state()
        self._keep(best if best is not None else trainer.weights(), dtype)

    def _judge(self, trainer, held) -> bool:
        """Counts epochs without an improvement by ``tol``; says whether this one was the best."""
        if held is None:
            stale = self.loss_ > self.best_loss_ - self.tol
            self._stale = self._stale + 1 if stale else 0
            self.best_loss_ = min(self.best_loss_, self.loss_)
            return False
        loss, output = trainer.evaluate(*held)
        self.validation_loss_curve_.append(loss)
        score = self._score_of(output, held[1], held[2])
        self.validation_scores_.append(score)
        # Scores of few rows have ties; the loss decides between equal scores.
        stale = score < self.best_validation_score_ + self.tol
        self._stale = self._stale + 1 if stale else 0
        better = score > self.best_validation_score_
        if better:
            self.best_validation_score_ = score
        return better

    def _progress(self):
        if not self.verbose:
            return None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return lambda number, loss: print(f"Iteration {number}, loss = {loss:.8f}")
        bar = tqdm(total=self.max_iter, desc=type(self).__name__)

        def step(number, loss):
            bar.set_postfix(loss=f"{loss:.6g}", refresh=False)
            bar.update(number - bar.n)

        return step

    # -- inputs -------------------------------------------------------------------------------

    def _impute(self, X, first: bool):
        """Missing inputs become the mean of the training rows' column."""
        if first:
            lacks = np.isnan(X)
            known = (~lacks).sum(axis=0)
            sums = np.where(lacks, 0, X).sum(axis=0, dtype=np.float64)
            self.imputed_ = np.divide(sums, known, out=np.zeros(X.shape[1]), where=known > 0)
        return self._filled(X)

    def _filled(self, X):
        lacks = np.isnan(X)
        return np.where(lacks, self.imputed_.astype(X.dtype), X) if lacks.any() else X

    def _read(self, X, reset: bool):
        name = type(self).__name__
        array = matrix(X, name)
        if reset:
            found = names_of(X)
            if found is not None:
                self.feature_names_in_ = found
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            self.n_features_in_ = array.shape[1]
            return array
        check_names(getattr(self, "feature_names_in_", None), X, name)
        if array.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {array.shape[1]} features, but {name} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return array

    def _output(self, X) -> np.ndarray:
        """The last layer before its link, one row an example."""
        self._check_fitted()
        X = self._filled(self._read(X, reset=False))
        dtype = self.coefs_[0].dtype
        X = X.astype(dtype, copy=False)
        double = dtype == np.float64
        return _matgrad.output(self._page, self._named_weights(), X, double, self._threads())


def store(self, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(self, name, value)
