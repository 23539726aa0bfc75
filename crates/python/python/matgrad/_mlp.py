"""Multi-layer perceptrons with scikit-learn's parameters, trained by matgrad."""

from __future__ import annotations

import math
import numbers as number_types
import os
import sys
import weakref
from typing import Any

import numpy as np

from . import _matgrad
from ._estimator import ConvergenceWarning, of_sklearn
from ._numbers import threads
from ._progress import progress
from ._search import search
from ._settings import FULL_BATCH, SEARCHES, Settings
from ._targets import distinct
from ._tasks import Tasks
from ._validate import check_names, given, matrix, names_of, table
from ._warn import warn

_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)

_BLOCK = 1 << 22
"""Numbers that a prediction makes dense at once, of rows that are not."""


class by_epochs:
    """A method that only update rules have: `hasattr` denies it of a solver that searches."""

    def __init__(self, method):
        self.method = method

    def __get__(self, net, owner=None):
        if net is None:
            return self.method
        if net.solver in SEARCHES:
            raise AttributeError(
                f"{self.method.__name__} is only available for stochastic optimizers. "
                f"{net.solver} is not stochastic."
            )
        return self.method.__get__(net, owner)


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


def _random_state(seed: Any) -> np.random.RandomState | _matgrad.RandomState:
    """What draws; ``numpy.random`` is asked only if it is loaded, for loading it takes long."""
    if seed is None and "numpy.random" not in sys.modules:
        seed = int.from_bytes(os.urandom(4), "little")
    if seed is None:
        return np.random.mtrand._rand
    if isinstance(seed, number_types.Integral):
        if not 0 <= seed < 2**32:
            raise ValueError("Seed must be between 0 and 2**32 - 1")
        return _matgrad.RandomState(int(seed))
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.RandomState(int(seed.integers(2**31)))
    raise ValueError(f"{seed!r} cannot be used to seed a numpy.random.RandomState instance")


_PREDICTORS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
"""Of each estimator the page and precision it last predicted by, planned; no part of its state."""


def _predictor(net: _MLP, page: str, double: bool) -> _matgrad.Predictor:
    made_of, predictor = _PREDICTORS.get(net, (None, None))
    if made_of != (page, double):
        predictor = _matgrad.Predictor(page, double, "Z")
        _PREDICTORS[net] = (page, double), predictor
    return predictor


_TRAINERS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
"""Of each estimator what its last ``partial_fit`` trained by, compiled; no part of its state."""


class _MLP(Settings):
    """What classifier and regressor share: equations, weights, and the epochs."""

    # -- training -----------------------------------------------------------------------------

    def _draw(self, units: list[int], random) -> dict[str, np.ndarray]:
        weights = {}
        names = self._activations() or [self.activation]
        names.append(names[-1])  # that of the hidden layers counts for the last one, too
        for k, name in zip(range(1, len(units)), names, strict=False):
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
            raise ValueError(f"{_NON_FINITE} Or lower learning_rate_init.")

    def _trainer(self, rows: int, weights: dict[str, np.ndarray], dtype, incremental: bool):
        asked = self.solver, self.learning_rate, self.learning_rate_init, self.power_t
        if asked != self._asked:
            self._asked, self._rate = asked, self._scheduled()
        rule, settings = self._rule()
        double, count = dtype == np.float64, threads(self.n_jobs)
        # Another rule begins anew.
        goes_on = self._state is not None and self._state[0] == rule
        rate = settings.pop("lr", None)
        plan = (self._page, rule, settings, rows, double, count, self._seed)
        planned, trainer = _TRAINERS.pop(self, (None, None))
        if goes_on and planned == plan:
            trainer.begin(weights)
        else:
            trainer = _matgrad.Trainer(self._page, weights, *plan[1:])
        if rate is not None:
            trainer.set("lr", rate)
        if goes_on:
            trainer.restore(self._state[1])
        if incremental:
            _TRAINERS[self] = plan, trainer
        return trainer

    def _scheduled(self) -> float:
        """The rate after the rows that were seen, where nothing lowered it."""
        falls = self.learning_rate == "invscaling" and self.solver == "sgd"
        return self.learning_rate_init / ((self.t_ + 1) ** self.power_t if falls else 1.0)

    def _train(self, given, X, Y, weight, incremental: bool) -> None:
        """Fits; the hooks of scikit-learn's callbacks, if there are any, run around it."""
        if "_skl_callbacks" in self.__dict__ or hasattr(self, "_parent_callback_ctx"):
            from sklearn.callback import with_callbacks

            with_callbacks(_MLP._fit)(self, given, X, Y, weight, incremental, True)
        else:
            self._fit(given, X, Y, weight, incremental)

    def _fit(self, given, X, Y, weight, incremental: bool, hooks: bool = False) -> None:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        begins = first or not hasattr(self, "_epoch")  # weights may have been set by hand
        units = [X.shape[1], *self._layers(), Y.shape[1]]
        # What goes on keeps its precision, as in scikit-learn.
        dtype = X.dtype if first else self.coefs_[0].dtype
        X = self._impute(X, begins).astype(dtype, copy=False)
        self._page = self._equations(units, weight is not None)
        self.n_layers_, self.n_outputs_ = len(units), Y.shape[1]
        self.out_activation_ = self._row_loss()[1]
        random = _random_state(self.random_state) if begins else None
        if first:
            drawn = self._draw(units, random)
        else:
            drawn = self._named_weights()
            if [W.shape[0] for W in self.coefs_] != units[:-1] or units[-1] != self._width():
                raise ValueError(
                    f"the fitted network has layers {self._shape()}, the data and "
                    f"hidden_layer_sizes ask for {units}; fit it anew (warm_start=False)"
                )
        if begins:
            # Of row orders, splits and dropout: epoch k of a fit is the same after any pause.
            self._seed, self._epoch = int(random.randint(2**31 - 1)), 0
            self.n_iter_, self.t_ = 0, 0
            self.loss_curve_, self.validation_loss_curve_ = [], []
            self._state = self._asked = None
        if begins or self.early_stopping == (self.validation_scores_ is None):
            self._watch()
        # In the precision of the program, which then reads them where they lie.
        Y = Y.astype(dtype, copy=False)
        weight = None if weight is None else weight.reshape(-1, 1).astype(dtype, copy=False)
        epochs = 1 if incremental else int(self.max_iter)
        tasks = Tasks(self, given, epochs) if hooks else None
        if self.solver in SEARCHES:
            search(self, X, Y, weight, drawn, dtype, tasks)
        else:
            self._epochs(X, Y, weight, drawn, dtype, incremental, epochs, tasks)
        if tasks is not None:
            tasks.end()

    def _watch(self) -> None:
        """Nothing was seen yet of what ends a fit."""
        self._stale = 0
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _width(self) -> int:
        return self.coefs_[-1].shape[1]

    def _shape(self) -> list[int]:
        return [W.shape[0] for W in self.coefs_] + [self._width()]

    def _split(self, Y) -> tuple[np.ndarray, np.ndarray]:
        """The rows to train on and those held back; stratified where there are classes."""
        classes = self._strata(Y)
        if classes is not None and Y.shape[1] == 1:  # of more classes, scikit-learn takes any
            few = [c for c in distinct(classes).astype(int) if (classes == c).sum() == 1]
            if few:
                raise ValueError(
                    "The least populated classes in y have only 1 member, which is too few to "
                    "hold rows of each back. The minimum number of groups for any class cannot be "
                    f"less than 2. Classes with too few members are: {self.classes_[few].tolist()}"
                )
        random = np.random.RandomState(self._seed)
        order = random.permutation(len(Y))
        count = math.ceil(self.validation_fraction * len(order))
        if count < 2 or count >= len(order):
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        if classes is not None:
            # Spread each class evenly over the order, then take the head: proportions hold.
            rank = np.empty(len(order))
            for c in distinct(classes):
                members = order[classes[order] == c]
                rank[members] = (np.arange(len(members)) + random.uniform()) / len(members)
            order = np.argsort(rank, kind="stable")
        order = order.astype(np.int64, copy=False)
        return np.sort(order[count:]), np.sort(order[:count])

    def _epochs(self, X, Y, weight, drawn, dtype, incremental, epochs, tasks) -> None:
        kept = held = None
        rows = X.shape[0]
        if self.early_stopping:
            if incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            kept, last = self._split(Y)
            if weight is not None and not (weight[kept].any() and weight[last].any()):
                raise ValueError(
                    "early_stopping parts the rows in two, and those of one part all weigh 0; "
                    "leave out the rows without weight"
                )
            rows = len(kept)
            held = (last, Y[last], None if weight is None else weight[last])
        full = self.batch_size == "full" or self.solver in FULL_BATCH
        size = rows if full else 200 if self.batch_size == "auto" else self.batch_size
        if self.batch_size not in ("auto", "full") and size > rows:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
            )
        size = min(size, rows)
        trainer = self._trainer(size, drawn, dtype, incremental)
        trainer.data(given(X), Y, weight, kept)
        best = None if held is None else drawn
        bar = progress(self)
        diverged = False
        try:
            for number in range(epochs):
                if tasks is not None:
                    tasks.begin()
                seed = self._seed + self._epoch if self.shuffle else None
                self.loss_ = trainer.epoch(size, seed)
                self._epoch += 1
                self.n_iter_ = number + 1
                self.t_ += rows
                self.loss_curve_.append(self.loss_)
                if self._judge(trainer, held):
                    best = trainer.weights()
                if bar is not None:
                    bar.epoch(self.n_iter_, self.loss_, (self.validation_scores_ or [None])[-1])
                diverged = not math.isfinite(self.loss_)
                if diverged:
                    self._warn_of_convergence(f"{self._too_far()} The best weights are kept.")
                    break
                if self.learning_rate == "invscaling" and self.solver == "sgd":
                    self._rate = self._scheduled()
                    trainer.set("lr", self._rate)
                if tasks is not None and tasks.epoch(
                    lambda: self._attributes(trainer.weights(), dtype)
                ):
                    break
                if self._stale > self.n_iter_no_change and not self._lowered(trainer, bar):
                    break
                if not incremental and self.n_iter_ == self.max_iter:
                    self._warn_of_convergence(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and "
                        "the optimization hasn't converged yet."
                    )
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        finally:
            if bar is not None:
                bar.close()
        trainer.release()
        self._state = None if diverged else (self._rule()[0], trainer.state())
        self._keep(trainer.weights() if held is None else best, dtype)

    def _too_far(self) -> str:
        better = "scale the data" if self.solver in SEARCHES else "lower learning_rate_init"
        return f"The loss is {self.loss_} in iteration {self.n_iter_}: {better}."

    def _diverged(self) -> ValueError:
        return ValueError(f"{_NON_FINITE} {self._too_far()}")

    def _warn_of_convergence(self, message: str) -> None:
        warn(message, of_sklearn("ConvergenceWarning", ConvergenceWarning))

    def _lowered(self, trainer, bar) -> bool:
        """Whether the rate could be lowered where too many epochs brought nothing."""
        adaptive = self.learning_rate == "adaptive" and self.solver == "sgd"
        lowers = adaptive and self._rate > 1e-6
        if lowers:
            self._stale, self._rate = 0, self._rate / 5.0
            trainer.set("lr", self._rate)
        if bar is not None:
            bar.stale(self, lowers)
        return lowers

    def _attributes(self, weights, dtype) -> dict[str, Any]:
        """What a copy of the estimator needs to predict with these weights."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._keep(weights, dtype)
        return {"coefs_": copy.coefs_, "intercepts_": copy.intercepts_}

    def _judge(self, trainer, held) -> bool:
        """Counts epochs without an improvement by ``tol``; whether this one has the best score."""
        if held is None:
            if not math.isfinite(self.loss_):
                raise self._diverged()
            stale = self.loss_ > self.best_loss_ - self.tol
            self._stale = self._stale + 1 if stale else 0
            self.best_loss_ = min(self.best_loss_, self.loss_)
            return False
        score = loss = math.nan
        if math.isfinite(self.loss_):
            loss, output = trainer.evaluate(held[0])
            if np.isfinite(output).all():
                score = self._score_of(output, held[1], held[2])
        self.validation_loss_curve_.append(loss)
        self.validation_scores_.append(score)
        stale = score < self.best_validation_score_ + self.tol
        self._stale = self._stale + 1 if stale else 0
        better = score > self.best_validation_score_
        if better:
            self.best_validation_score_ = score
        return better

    # -- inputs -------------------------------------------------------------------------------

    def _impute(self, X, first: bool):
        """Missing inputs become the mean of the training rows' column."""
        if not first:
            return self._filled(X)
        sums, known = X.sum(axis=0, dtype=np.float64), X.shape[0]
        if np.isnan(sums).any():
            sparse = hasattr(X, "toarray")
            lacks = np.isnan(X.data if sparse else X)
            if sparse:
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
        if not np.isnan(X.sum(dtype=np.float64)):
            return X
        sparse, stand_in = hasattr(X, "toarray"), self.imputed_.astype(X.dtype)
        lacks = np.isnan(X.data if sparse else X)
        if sparse:
            X = X.copy()
            X.data = np.where(lacks, stand_in[X.indices], X.data)
            return X
        return np.where(lacks, stand_in, X)

    def _read(self, X, reset: bool):
        name = type(self).__name__
        X = table(X)
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
                f"{self.n_features_in_} features as input."
            )
        return array

    def _output(self, X) -> np.ndarray:
        """The last layer before its link, one row an example."""
        self._check_fitted()
        X = self._filled(self._read(X, reset=False))
        dtype = self.coefs_[0].dtype
        X = X.astype(dtype, copy=False)
        weights = {name: W.astype(dtype, copy=False) for name, W in self._named_weights().items()}
        page, first = self._page, weights["W_1"]
        sparse = hasattr(X, "indptr")
        if sparse:
            # A product with the entries that there are; what comes behind it is dense.
            page = _behind_the_first_product(page, *first.shape)
            del weights["W_1"]
        predictor = _predictor(self, page, dtype == np.float64)
        if isinstance(X, np.ndarray):
            return predictor.predict(weights, X)
        step = max(1, _BLOCK // first.shape[1 if sparse else 0])
        parts = (X[k : k + step] for k in range(0, X.shape[0], step))
        dense = (part @ first if sparse else part for part in parts)
        return np.concatenate([predictor.predict(weights, part) for part in dense])


def _behind_the_first_product(page: str, inputs: int, units: int) -> str:
    """The page of a network that is given X W_1 in place of X."""
    page = page.replace(f"input X : B×{inputs}\n", f"input X : B×{units}\n", 1)
    return page.replace(" = X W_1 + b_1\n", " = X + b_1\n", 1)
