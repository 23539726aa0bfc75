"""How good predictions are, with the checks and the errors of scikit-learn's metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._estimator import of_sklearn
from ._targets import column, same_length, values, weights_of
from ._warn import warn


def accuracy(y: Any, predicted: np.ndarray, weight: Any, name: str) -> float:
    """The share of rows that are right in all their labels."""
    y = column(y, name, warn=False)
    same_length(y, predicted)
    kinds = [_kind(labels) for labels in (y, predicted)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"Classification metrics can't handle a mix of {kinds[0]} and {kinds[1]} targets"
        )
    if y.shape != predicted.shape:
        raise ValueError(
            "Multi-label binary indicator input with different numbers of labels: y has "
            f"{y.shape[1]}, the predictions {predicted.shape[1]}"
        )
    right = y == predicted
    return mean(right.all(axis=1) if right.ndim == 2 else right, weights_of(weight, len(y)))


def _kind(labels: np.ndarray) -> str:
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        return "continuous"
    if labels.ndim == 1:
        return "text" if labels.dtype.kind in "US" else "multiclass"
    whole = labels.dtype.kind in "biuf" and ((labels == 0) | (labels == 1)).all()
    return "multilabel-indicator" if whole else "multiclass-multioutput"


def mean(right: np.ndarray, weight: np.ndarray | None) -> float:
    """The mean over rows by their weights."""
    if weight is not None and weight.sum() == 0:
        raise ValueError("the weights of the rows to score sum to zero: they have no mean")
    return float(np.average(right, weights=weight))


def r2(y: Any, predicted: np.ndarray, weight: Any, name: str) -> float:
    """R², the mean over outputs."""
    y = values(column(y, name, warn=False))
    same_length(y, predicted)
    Y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    if Y.shape[1] != predicted.shape[1]:
        raise ValueError(
            "y_true and y_pred have different number of output "
            f"({Y.shape[1]}!={predicted.shape[1]})"
        )
    weight = weights_of(weight, len(Y))
    if len(Y) < 2:
        warn(
            "R^2 score is not well-defined with less than two samples.",
            of_sklearn("UndefinedMetricWarning", UserWarning),
        )
        return float("nan")
    return r2_of(Y, predicted, weight)


def r2_of(Y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None) -> float:
    """R² of matrices that were checked."""
    rows = np.ones((len(Y), 1)) if weight is None else weight.reshape(-1, 1)
    if rows.sum() == 0:
        raise ValueError("the weights of the rows to score sum to zero: they have no mean")
    center = (rows * Y).sum(axis=0) / rows.sum()
    error = (rows * (Y - predicted) ** 2).sum(axis=0)
    spread = (rows * (Y - center) ** 2).sum(axis=0)
    share = np.divide(error, spread, out=np.where(error != 0, 1.0, 0.0), where=spread != 0)
    return float(np.mean(1 - share))
