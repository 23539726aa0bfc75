"""Multi-layer perceptrons with scikit-learn's parameters, trained by matgrad."""

from __future__ import annotations

import math
import numbers as number_types
import re
import warnings
from typing import Any

import numpy as np

from . import _matgrad
from ._estimator import Estimator
from ._validate import check_names, compressed, matrix, names_of

_ACTIVATIONS = {"identity": "", "logistic": "sigmoid"}
"""scikit-learn's names of activations; others are names of matgrad's library."""

# Each loss by row or entry, of the output Z and the target Y, and what turns Z into a prediction.
_LOSSES = {
    "log_loss": ("cross_entropy_each(Z, Y)", "softmax"),
    "binary_log_loss": ("binary_cross_entropy_each(Z, Y)", "logistic"),
    "squared_error": ("0.5 mse_each(Z, Y)", "identity"),
    "absolute_error": ("mae_each(Z, Y)", "identity"),
    "huber": ("huber_each(Z, Y)", "identity"),
    "poisson": ("poisson_each(Z, Y) / cols(Z)", "exp"),
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

_BLOCK = 1024
"""Rows of sparse input that are densified at once."""


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
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.RandomState(int(seed.integers(2**31)))
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
        known = {*_matgrad.functions(), "identity", "logistic"}
        self._dropouts()
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

    def _dropouts(self) -> list[float]:
        count = len(self._layers())
        given = self.dropout
        shares = list(given) if hasattr(given, "__iter__") else [given] * count
        if len(shares) != count:
            raise ValueError(f"dropout has {len(shares)} entries for {count} hidden layers")
        for share in shares:
            _bounded("dropout", share, 0, 1)
            if share == 1:
                raise ValueError("The 'dropout' parameter must be below 1. Got 1 instead.")
        return [float(share) for share in shares]

    # -- equations ----------------------------------------------------------------------------

    def _equations(self, units: list[int], weighted: bool, total: float | None = None) -> str:
        """The page that is trained; S holds the rows' weights, whose sum is ``total``."""
        lines = [f"input X : B×{units[0]}", f"target Y : B×{units[-1]}"]
        of, row_loss = ("sum(S)", "S ⊙ ℓ") if weighted else ("rows(X)", "ℓ")
        if weighted:
            lines.insert(1, "input S : B×1")
        last = len(units) - 1
        for k in range(1, last + 1):
            lines += [f"param W_{k} : {units[k - 1]}×{units[k]}", f"param b_{k} : 1×{units[k]}"]
        source = "X"
        shares = self._dropouts()
        for k, name in enumerate([*self._activations(), None], start=1):
            out = f"Z_{k}" if k < last else "Z"
            lines.append(f"{out} = {source} W_{k} + b_{k}")
            if name is not None:
                called = _ACTIVATIONS.get(name, name)
                lines.append(f"A_{k} = {called}({out})" if called else f"A_{k} = 1 {out}")
                source = f"A_{k}"
                if shares[k - 1]:
                    lines.append(f"D_{k} = dropout(A_{k}, {shares[k - 1]!r})")
                    source = f"D_{k}"
        loss, link = self._row_loss()
        if re.search(r"\bC\b", loss):
            costs = np.asarray(self.cost_matrix, dtype=float)
            rows = "; ".join(" ".join(map(repr, row)) for row in costs.tolist())
            lines.insert(0, f"const C : {len(costs)}×{len(costs)} = [{rows}]")
        if re.search(r"\bP\b", loss):
            lines.append({"softmax": "P = softmax(Z)", "logistic": "P = sigmoid(Z)"}[link])
        lines.append(f"ℓ = {loss}")
        lines.append(f"L = sum({row_loss}) / {of}")
        squares = " + ".join(f"sum(W_{k} .^ 2)" for k in range(1, last + 1))
        count = of if total is None else repr(total)
        decay = f" + {float(self.alpha) / 2!r} ({squares}) / {count}" if self.alpha else ""
        lines.append(f"minimize L{decay}")
        return "\n".join(lines) + "\n"

    # -- training -----------------------------------------------------------------------------

    def _rule(self) -> tuple[str, dict[str, float]]:
        """The update rule in matgrad's words, with its hyperparameters."""
        rate = float(self._rate)
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
        double, threads = dtype == np.float64, self._threads()
        return _matgrad.Trainer(
            self._page, weights, rule, settings, rows, double, threads, self._seed
        )

    def _threads(self) -> int:
        import os

        jobs = self.n_jobs
        if jobs is None:
            return 1
        return max(1, (os.cpu_count() or 1) + 1 + jobs) if jobs < 0 else max(1, jobs)

    def _train(self, given, X, Y, weight, incremental: bool) -> None:
        """Fits; the hooks of scikit-learn's callbacks, if there are any, run around it."""
        if "_skl_callbacks" in self.__dict__ or hasattr(self, "_parent_callback_ctx"):
            from sklearn.callback import with_callbacks

            with_callbacks(_MLP._fit)(self, given, X, Y, weight, incremental, True)
        else:
            self._fit(given, X, Y, weight, incremental)

    def _fit(self, given, X, Y, weight, incremental: bool, hooks: bool = False) -> None:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        units = [X.shape[1], *self._layers(), Y.shape[1]]
        dtype = X.dtype
        X = self._impute(X, first)
        self._page = self._equations(units, weight is not None)
        self.n_layers_, self.n_outputs_ = len(units), Y.shape[1]
        self.out_activation_ = self._row_loss()[1]
        if first:
            random = _random_state(self.random_state)
            drawn = self._draw(units, random)
            # Of row orders, splits and dropout: epoch k of a fit is the same after any pause.
            self._seed, self._epoch = int(random.randint(0, 2**31 - 1)), 0
            self._rate = float(self.learning_rate_init)
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
        weight = None if weight is None else weight.reshape(-1, 1)
        epochs = 1 if incremental else int(self.max_iter)
        tasks = Tasks(self, given, epochs) if hooks else None
        if self.solver in _SEARCHES:
            if incremental:
                raise AttributeError(f"partial_fit is not available for solver={self.solver!r}")
            self._search(X, Y, weight, drawn, dtype, tasks)
        else:
            self._epochs(X, Y, weight, drawn, dtype, incremental, epochs, tasks)
        if tasks is not None:
            tasks.end()

    def _width(self) -> int:
        return self.coefs_[-1].shape[1]

    def _shape(self) -> list[int]:
        return [W.shape[0] for W in self.coefs_] + [self._width()]

    def _search(self, X, Y, weight, drawn, dtype, tasks) -> None:
        X, total = X.toarray() if hasattr(X, "toarray") else X, None
        if weight is not None:
            weighs = weight.ravel() > 0
            X, Y, weight = X[weighs], Y[weighs], weight[weighs]
            total = float(weight.sum())
        page = self._equations([X.shape[1], *self._layers(), Y.shape[1]], weight is not None, total)
        model = _matgrad.Model(page, 0, True, "Z")
        model.set_weights(drawn)
        bar = self._progress()

        def each(number, loss, _, weights):
            if bar is not None:
                bar(number, loss)
            return tasks is not None and tasks.epoch(lambda: self._attributes(weights, dtype))

        watched = each if bar is not None or tasks is not None else None
        # As in scikit-learn: a step that gains less than this share of the loss is the last.
        tolerance = {"tolerance": min(1.0, float(self.tol)) * 1e-5}
        losses, interrupted = model.fit(
            X, Y, weight, None, self.solver, tolerance, int(self.max_iter), None, 0,
            self._threads(), watched,
        )
        if bar is not None:
            bar.close()
        self._keep(model.weights(), dtype)
        losses = [loss for loss, _ in losses]
        self.n_iter_, self.loss_curve_ = len(losses), losses
        self.loss_ = losses[-1]
        self.best_loss_ = min(losses)
        if interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif self.n_iter_ >= self.max_iter:
            warnings.warn(
                f"{self.solver} stopped after max_iter={self.max_iter} iterations before it "
                "converged; raise max_iter or scale the data",
                _convergence_warning(),
                stacklevel=5,
            )

    def _split(self, X, Y, weight):
        """Rows held back for early stopping; stratified where there are classes."""
        random = np.random.RandomState(self._seed)
        order = random.permutation(X.shape[0])
        count = math.ceil(self.validation_fraction * len(order))
        if count < 2 or count >= len(order):
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        classes = self._strata(Y)
        if classes is not None:
            # Spread each class evenly over the order, then take the head: proportions hold.
            rank = np.empty(len(order))
            for c in np.unique(classes):
                members = order[classes[order] == c]
                rank[members] = (np.arange(len(members)) + random.uniform()) / len(members)
            order = np.argsort(rank, kind="stable")
        held, kept = np.sort(order[:count]), np.sort(order[count:])

        def part(rows):
            return X[rows], Y[rows], None if weight is None else weight[rows]

        return part(kept), part(held)

    def _epochs(self, X, Y, weight, drawn, dtype, incremental, epochs, tasks) -> None:
        held = None
        if self.early_stopping:
            if incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            (X, Y, weight), held = self._split(X, Y, weight)
            if hasattr(held[0], "toarray"):
                held = (held[0].toarray(), *held[1:])
        rows = X.shape[0]
        full = self.batch_size == "full" or self.solver in _FULL_BATCH
        size = rows if full else 200 if self.batch_size == "auto" else self.batch_size
        if self.batch_size not in ("auto", "full") and size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=5,
            )
        size = min(size, rows)
        trainer = self._trainer(size, drawn, dtype)
        if self._state is not None:
            trainer.restore(self._state)
        trainer.data(compressed(X) if hasattr(X, "toarray") else X, Y, weight)
        best = None
        bar = self._progress()
        try:
            for number in range(epochs):
                if tasks is not None:
                    tasks.begin()
                seed = self._seed + self._epoch if self.shuffle else None
                self.loss_ = trainer.epoch(size, seed)
                self._epoch += 1
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
                    self._rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
                    trainer.set("lr", self._rate)
                if tasks is not None and tasks.epoch(
                    lambda: self._attributes(trainer.weights(), dtype)
                ):
                    break
                if self._stale > self.n_iter_no_change:
                    self._stale = 0
                    adaptive = self.learning_rate == "adaptive" and self.solver == "sgd"
                    if not adaptive or self._rate <= 1e-6:
                        break
                    self._rate /= 5.0
                    trainer.set("lr", self._rate)
                if not incremental and self.n_iter_ == self.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and "
                        "the optimization hasn't converged yet.",
                        _convergence_warning(),
                        stacklevel=5,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        finally:
            if bar is not None:
                bar.close()
        self._state = trainer.state()
        self._keep(best if best is not None else trainer.weights(), dtype)

    def _attributes(self, weights, dtype) -> dict[str, Any]:
        """What a copy of the estimator needs to predict with these weights."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._keep(weights, dtype)
        return {"coefs_": copy.coefs_, "intercepts_": copy.intercepts_}

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
            lines = lambda number, loss: print(f"Iteration {number}, loss = {loss:.8f}")  # noqa: E731
            lines.close = lambda: None
            return lines
        bar = tqdm(total=self.max_iter, desc=type(self).__name__)

        def step(number, loss):
            bar.set_postfix(loss=f"{loss:.6g}", refresh=False)
            bar.update(number - bar.n)

        step.close = bar.close
        return step

    # -- inputs -------------------------------------------------------------------------------

    def _impute(self, X, first: bool):
        """Missing inputs become the mean of the training rows' column."""
        if first:
            sparse = hasattr(X, "toarray")
            lacks = np.isnan(X.data if sparse else X)
            if not lacks.any():
                sums, known = X.sum(axis=0, dtype=np.float64), X.shape[0]
            elif sparse:
                full = X.copy()
                full.data = np.where(lacks, 0, X.data)
                sums = full.sum(axis=0, dtype=np.float64)
                known = X.shape[0] - np.bincount(X.indices, lacks, X.shape[1])
            else:
                sums = np.where(lacks, 0, X).sum(axis=0, dtype=np.float64)
                known = (~lacks).sum(axis=0)
            self.imputed_ = np.asarray(sums).ravel() / np.maximum(known, 1)
        return self._filled(X)

    def _filled(self, X):
        stand_in = self.imputed_.astype(X.dtype)
        if hasattr(X, "toarray"):
            if np.isnan(X.data).any():
                X = X.copy()
                X.data = np.where(np.isnan(X.data), stand_in[X.indices], X.data)
            return X
        lacks = np.isnan(X)
        return np.where(lacks, stand_in, X) if lacks.any() else X

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
        model = _matgrad.Model(self._page, 0, dtype == np.float64, "Z")
        model.set_weights(self._named_weights())
        if not hasattr(X, "toarray"):
            return model.predict(X, False)
        parts = [X[k : k + _BLOCK].toarray() for k in range(0, X.shape[0], _BLOCK)]
        return np.concatenate([model.predict(part, False) for part in parts])


class Tasks:
    """The fit of an estimator as scikit-learn's callbacks see it: a task of epochs."""

    def __init__(self, estimator: _MLP, given: tuple[Any, Any, Any], epochs: int):
        X, y, weight = given
        self._estimator = estimator
        self._data = {"estimator": estimator, "X": X, "y": y}
        self._data["metadata"] = {} if weight is None else {"sample_weight": weight}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._data)
        self._epoch = None

    def begin(self) -> None:
        """An epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._data)

    def epoch(self, attributes) -> bool:
        """An epoch is done; whether a callback wants no more. A search says only this."""
        if self._epoch is None:
            self.begin()
        context, self._epoch = self._epoch, None
        done = context.call_on_fit_task_end(**self._data, reconstruction_attributes=attributes)
        return bool(done)

    def end(self) -> None:
        """The fit is done."""
        fitted = self._estimator
        self._fit.call_on_fit_task_end(
            **self._data,
            reconstruction_attributes=lambda: {
                "coefs_": fitted.coefs_, "intercepts_": fitted.intercepts_
            },
        )


def named_loss(loss: str, of: str, choices: list[str]) -> str:
    """A loss of the library by name, or an equation, by row or entry."""
    if not loss.isidentifier():
        return loss
    if f"{loss}_each" in _matgrad.functions():
        return f"{loss}_each({of}, Y)"
    raise ValueError(
        f"The 'loss' parameter must be one of {choices}, a loss of matgrad's library, or an "
        f"equation. Got {loss!r} instead."
    )


def store(self, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(self, name, value)
