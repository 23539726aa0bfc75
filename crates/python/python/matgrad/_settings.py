"""What the parameters of an estimator mean: the equations and the update rule that they ask for."""

from __future__ import annotations

import math
import numbers as number_types
import re
from typing import Any

import numpy as np

from . import _matgrad
from ._estimator import Estimator
from ._numbers import is_whole, threads, within

_ACTIVATIONS = {"identity": "", "logistic": "sigmoid"}
"""scikit-learn's names of activations; others are names of matgrad's library."""

# Each loss by row or entry, of the output Z and the target Y, and what turns Z into a prediction.
LOSSES = {
    "log_loss": ("cross_entropy_each(Z, Y)", "softmax"),
    "binary_log_loss": ("binary_cross_entropy_each(Z, Y)", "logistic"),
    "squared_error": ("half_sse_each(Z, Y)", "identity"),
    "absolute_error": ("mae_each(Z, Y)", "identity"),
    "huber": ("huber_each(Z, Y)", "identity"),
    # With the terms of Y alone, so that a perfect prediction has no loss; 0 log 0 is 0.
    "poisson": ("poisson_each(Z, Y) + Y ⊙ log(max(Y, 1e-37)) - Y", "exp"),
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
FULL_BATCH = ("rprop", "rprop_plus", "irprop_minus", "irprop_plus", "quickprop")
SEARCHES = ("lbfgs", "scg", "lm")


PARAMETERS = """batch_size : int, "auto" or "full", default="auto"
        Rows of a step: ``min(200, n_samples)``, or all. Sparse rows are made dense for a step, so
        all of them at once where it takes all, and in a search.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Of ``sgd``: as it is; falling with the rows seen, to the power of ``power_t``; or divided by
        5 whenever ``n_iter_no_change`` epochs brought no improvement by ``tol``.
    learning_rate_init : float, default=0.001
    power_t : float, default=0.5
    max_iter : int, default=200
        Epochs; iterations of a search.
    shuffle : bool, default=True
    random_state : int, RandomState, Generator or None, default=None
        Fixes every bit: weights, row orders, splits, dropout.
    tol : float, default=1e-4
        Least improvement that counts as one; of a search, the largest entry of the gradient at
        which it ends.
    verbose : bool or int, default=False
        A bar of tqdm, a widget in notebooks; from 2 on, and where tqdm is not installed, the lines
        that scikit-learn prints.
    warm_start : bool, default=False
        ``fit`` goes on from the weights that it left, and with an update rule from its state:
        without other settings, these are the bits of one long fit. A search begins anew from the
        weights, for it keeps no state.
    momentum : float, default=0.9
    nesterovs_momentum : bool, default=True
    early_stopping : bool, default=False
        Holds back ``validation_fraction`` of the rows and puts the best weights back.
    validation_fraction : float, default=0.1
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of ``adam``, ``adamw`` and ``nadam``.
    n_iter_no_change : int, default=10
        Epochs without an improvement by ``tol`` after which a fit ends.
    max_fun : int, default=15000
        Evaluations of the objective: a search ends behind the iteration that exceeds them.
    dropout : float or sequence of float, default=0.0
        Share of each hidden layer (or one for each) that a step leaves out.
    n_jobs : int, optional
        Threads of a step; they change no bit. -1 is all.
"""
"""What both estimators say of the parameters that they share."""

ATTRIBUTES = """coefs_, intercepts_ : list of arrays
        The weights and the bias of each layer, in the precision of the first X.
    n_iter_ : int
        Epochs or iterations of the last call.
    t_ : int
        Rows seen by an update rule, those seen twice counted twice.
    loss_ : float
        The last loss, with the penalty: of an update rule the mean over the last epoch, each step
        before its update; of a search that of the last weights.
    best_loss_ : float or None
        The least loss; None with ``early_stopping``, which looks at scores.
    loss_curve_ : list of float
        The loss of each epoch; of a search that before each iteration.
    validation_loss_curve_ : list of float
        The loss of the rows held back, without the penalty, after each epoch.
    validation_scores_ : list of float or None
        The score of the rows held back after each epoch; None without ``early_stopping``.
    best_validation_score_ : float or None
        The greatest of them, whose weights are kept.
    n_features_in_ : int
    feature_names_in_ : array of str
        The columns' names, where X is a table whose names are text.
    n_layers_ : int
        Layers, those of the inputs and of the outputs among them.
    n_outputs_ : int
    out_activation_ : {"identity", "exp", "logistic", "softmax"}
        What makes predictions of the last layer.
    imputed_ : array of shape (n_features,)
        What stands for a missing value of each column: the mean of the others in the first X.
"""
"""What both say of the attributes that a fit leaves."""


_REALS = {
    "alpha": "[0.0, inf)", "learning_rate_init": "(0.0, inf)", "power_t": "[0.0, inf)",
    "tol": "[0.0, inf)", "momentum": "[0.0, 1.0]", "validation_fraction": "[0.0, 1.0)",
    "beta_1": "[0.0, 1.0)", "beta_2": "[0.0, 1.0)", "epsilon": "(0.0, inf)",
}
_BOOLS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")


class Settings(Estimator):
    """An estimator's parameters, checked, as a page of equations and an update rule."""

    # -- parameters ---------------------------------------------------------------------------

    def _wrong(self, name: str, wanted: str, value: Any) -> ValueError:
        return ValueError(
            f"The {name!r} parameter of {type(self).__name__} must be {wanted}. "
            f"Got {value!r} instead."
        )

    def _check_int(self, name: str, value: Any, interval: str = "[1, inf)", also: str = "") -> None:
        if not is_whole(value) or not within(value, interval):
            raise self._wrong(name, f"{also}an int in the range {interval}", value)

    def _check_parameters(self) -> None:
        if isinstance(self.hidden_layer_sizes, str):
            raise self._wrong("hidden_layer_sizes", "a sequence of int, or an int",
                              self.hidden_layer_sizes)
        for units in self._layers():
            self._check_int("hidden_layer_sizes", units, also="an array-like of ints, or ")
        known = {*_matgrad.functions(), "identity", "logistic"}
        self._dropouts()
        for name in self._activations():
            if name not in known:
                wanted = f"one of {sorted(known)}, or a list with one for each hidden layer"
                raise self._wrong("activation", wanted, name)
        for name, choices in (
            ("solver", _RULES + SEARCHES + FULL_BATCH),
            ("learning_rate", ("constant", "invscaling", "adaptive")),
        ):
            if getattr(self, name) not in choices:
                raise self._wrong(name, f"one of {sorted(choices)}", getattr(self, name))
        if self.batch_size not in ("auto", "full"):
            self._check_int("batch_size", self.batch_size, also="'auto', 'full' or ")
        for name, interval in _REALS.items():
            value = getattr(self, name)
            if not isinstance(value, number_types.Real) or not within(value, interval):
                raise self._wrong(name, f"a float in the range {interval}", value)
        for name in _BOOLS:
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise self._wrong(name, "True or False", getattr(self, name))
        if not isinstance(self.verbose, (bool, np.bool_)):
            self._check_int("verbose", self.verbose, "[0, inf)", "True, False or ")
        threads(self.n_jobs)
        self._check_int("max_iter", self.max_iter)
        self._check_int("max_fun", self.max_fun)
        if self.n_iter_no_change != math.inf:
            self._check_int("n_iter_no_change", self.n_iter_no_change, also="inf or ")

    def _layers(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _activations(self) -> list[str]:
        count = len(self._layers())
        if isinstance(self.activation, str) or not hasattr(self.activation, "__len__"):
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
            if not isinstance(share, number_types.Real) or not within(share, "[0, 1)"):
                raise self._wrong("dropout", "a float in the range [0, 1), or one a layer", share)
        return [float(share) for share in shares]

    # -- equations ----------------------------------------------------------------------------

    def _equations(self, units: list[int], weighted: bool, total: float | None = None) -> str:
        """The page that is trained; S holds the rows' weights.

        As in scikit-learn, squared errors are averaged over the outputs in the loss that is told,
        and add up in the gradient. A search, which says what its rows weigh in ``total``, wants a
        loss with its own gradient.
        """
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
            if getattr(self, "cost_matrix", None) is None:
                raise ValueError(f"the loss {loss!r} takes the costs C, and there is no cost_matrix")
            costs = np.asarray(self.cost_matrix, dtype=float)
            rows = "; ".join(" ".join(map(repr, row)) for row in costs.tolist())
            lines.insert(0, f"const C : {len(costs)}×{len(costs)} = [{rows}]")
        if re.search(r"\bP\b", loss) and link != "identity":
            lines.append({"softmax": "P = softmax(Z)", "logistic": "P = sigmoid(Z)"}[link])
        lines.append(f"ℓ = {loss}")
        share = 1 - 1 / self._averaged(units[-1])
        if share and total is None:
            lines += [f"T = sum({row_loss}) / {of}", f"L = T - {share!r} stop(T)"]
        else:
            lines.append(f"L = sum({row_loss}) / {of}")
        squares = " + ".join(f"sum(W_{k} .^ 2)" for k in range(1, last + 1))
        count = of if total is None else repr(total)
        decay = f" + {float(self.alpha) / 2!r} ({squares}) / {count}" if self.alpha else ""
        lines.append(f"minimize L{decay}")
        return "\n".join(lines) + "\n"

    def _averaged(self, outputs: int) -> int:
        """Outputs whose errors are averaged in what is told, though they add up in the gradient."""
        return outputs if self.loss == "squared_error" else 1

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
        if self.solver in FULL_BATCH:
            return self.solver, {}
        return self.solver, {"lr": rate}


def named_loss(loss: str, of: str, choices: list[str]) -> str:
    """A loss of the library by name, or an equation, by row or entry."""
    if isinstance(loss, str) and not loss.isidentifier():
        return loss
    if isinstance(loss, str) and f"{loss}_each" in _matgrad.functions():
        return f"{loss}_each({of}, Y)"
    raise ValueError(
        f"The 'loss' parameter must be one of {choices}, a loss of matgrad's library, or an "
        f"equation. Got {loss!r} instead."
    )


def store(self, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(self, name, value)
