"""A fit by a solver that searches: all rows at once, in 64 bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from . import _matgrad
from ._estimator import ConvergenceWarning, of_sklearn
from ._numbers import threads
from ._progress import progress
from ._validate import given
from ._warn import warn

if TYPE_CHECKING:
    from ._mlp import _MLP


def search(net: _MLP, X, Y, weight, drawn, dtype, tasks) -> None:
    """Lowers the objective of ``net`` from the weights that were drawn, and tells of it."""
    total = float(X.shape[0] if weight is None else weight.sum(dtype=np.float64))
    if weight is not None and not weight.all():
        weighs = np.flatnonzero(weight)
        X, Y, weight = X[weighs], Y[weighs], weight[weighs]
    units, outputs = [X.shape[1], *net._layers(), Y.shape[1]], net._averaged(Y.shape[1])
    page = net._equations(units, weight is not None, total)
    model = _matgrad.Model(page, 0, True, "Z")
    model.set_weights(drawn)
    bar = progress(net)

    def penalty(weights):
        squares = (float((W**2).sum()) for name, W in weights.items() if name.startswith("W"))
        return net.alpha / 2 * sum(squares) / total

    penalties = [penalty(drawn)]

    def told(loss, decay):
        """The loss that is told where the search has this one: its errors averaged over outputs."""
        return loss if outputs == 1 else (loss - decay) / outputs + decay

    def each(number, loss, _, weights):
        if bar is not None:
            bar.epoch(number, told(loss, penalties[-1]))
        penalties.append(penalty(weights) if outputs > 1 else 0.0)
        return tasks is not None and tasks.epoch(lambda: net._attributes(weights, dtype))

    watched = each if bar is not None or tasks is not None or outputs > 1 else None
    # As in scikit-learn: no entry of the gradient above tol, or SciPy's least gain of a step.
    rest = {"gradient": float(net.tol), "tolerance": 2.2e-9}
    X = given(X)
    try:
        losses, ended = model.fit(
            X, Y, weight, None, net.solver, rest, int(net.max_iter), None, 0,
            threads(net.n_jobs), watched, int(net.max_fun), True,
        )
    except ValueError as wrong:
        # A search goes nowhere from where the loss is finite to where it is not.
        net.loss_, net.n_iter_ = model.loss(X, Y, weight), 1
        if math.isfinite(net.loss_):
            raise
        raise net._diverged() from wrong
    if bar is not None:
        bar.close()
    weights = model.weights()
    net._keep(weights, dtype)
    curve = [loss for loss, _ in losses]
    if ended == "rest":
        curve.pop()  # no iteration, but the look that found nothing left to do
    if outputs > 1:
        curve = [told(*pair) for pair in zip(curve, penalties, strict=False)]
    net.n_iter_, net.loss_curve_, net._state = len(curve), curve, None
    # An iteration tells the loss before it: that of the last weights is one more evaluation.
    net.loss_ = model.loss(X, Y, weight) / outputs + penalty(weights)
    net.best_loss_ = min([*curve, net.loss_])
    if ended == "interrupted":
        warn("Training interrupted by user.")
    elif ended == "evaluations" or (ended is None and net.n_iter_ >= net.max_iter):
        spent = ended is not None
        what = f"max_fun={net.max_fun}" if spent else f"max_iter={net.max_iter}"
        warn(
            f"{net.solver} stopped after {what} {'evaluations' if spent else 'iterations'} before "
            f"it converged; raise {'max_fun' if spent else 'max_iter'} or scale the data",
            of_sklearn("ConvergenceWarning", ConvergenceWarning),
        )
