"""Targets, classes and weights of rows as arrays, with scikit-learn's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._estimator import of_sklearn
from ._validate import numbers, plain
from ._warn import warn


def distinct(y: np.ndarray) -> np.ndarray:
    """The different entries in order; np.unique would import numpy.ma, which outlasts a small fit."""
    ordered = np.sort(y, axis=None)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def same_length(*arrays: Any) -> None:
    """Raises where the rows do not match."""
    lengths = [array.shape[0] for array in arrays if array is not None]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {lengths}"
        )


def weights_of(sample_weight: Any, rows: int) -> np.ndarray | None:
    """One weight a row, or None."""
    if sample_weight is None:
        return None
    weight = floats(plain(sample_weight), "sample_weight").astype(np.float64)
    if weight.ndim == 0:
        weight = np.full(rows, float(weight))
    if weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weight.ndim}D array: give one weight "
            "a row of X"
        )
    if weight.shape != (rows,):
        raise ValueError(
            f"sample_weight.shape == {weight.shape}, expected {(rows,)}: one weight a row of X"
        )
    _finite(weight, "sample_weight")
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if weight.sum() == 0:
        raise ValueError(
            "sample_weight sums to zero: the loss is a mean by these weights, and there is none; "
            "give the rows that count more weight than those that count against"
        )
    return weight


def class_weights(asked: Any, classes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The factor of each class: as asked, or by how seldom it is."""
    if isinstance(asked, str) and asked == "balanced":
        count = np.bincount(codes, minlength=len(classes)).astype(float)
        return np.divide(len(codes), len(classes) * count, where=count > 0, out=np.ones_like(count))
    if not isinstance(asked, Mapping):
        raise ValueError(
            f"The 'class_weight' parameter must be a dict or 'balanced'. Got {asked!r} instead."
        )
    names = classes.tolist()
    lacking = [name for name in names if name not in asked]
    unknown = [name for name in asked if name not in names]
    if lacking and unknown:
        raise ValueError(
            f"The classes, {lacking}, are not in class_weight, which has {unknown}; y has {names}"
        )
    factors = np.array([asked.get(name, 1.0) for name in names], dtype=object)
    factors = floats(factors, "class_weight").astype(np.float64)
    if not np.isfinite(factors).all() or (factors < 0).any():
        raise ValueError(f"class_weight must be finite numbers from 0, it is {asked!r}")
    return factors


def column(y: Any, name: str, warn: bool = True) -> np.ndarray:
    """Targets as an array without missing values, of one dimension if there is one column."""
    if y is None:
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    y = plain(y)
    if y.ndim == 2 and y.shape[1] == 1:
        if warn:
            _warn_column()
        y = y.ravel()
    if y.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    for count, thing in zip(y.shape, ("sample", "feature"), strict=False):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {thing}(s) (shape={y.shape}) while a minimum of 1 is "
                f"required by {name}: y is empty."
            )
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{y}\n")
    if y.dtype == object:
        return _uniform(y)
    if y.dtype.kind == "f":
        _finite(y, "y")
    return y


def values(y: np.ndarray) -> np.ndarray:
    """Targets that are numbers, as float64."""
    y = floats(y, "y").astype(np.float64, copy=False)
    _finite(y, "y")
    return y


def floats(array: Any, what: str) -> np.ndarray:
    """A float32 or float64 array, or an error that names it."""
    try:
        return numbers(array, what)
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"{what} must hold numbers: {wrong}") from wrong


def _finite(array: np.ndarray, what: str) -> None:
    if not np.isfinite(array).all():
        found = "NaN" if np.isnan(array).any() else "infinity"
        raise ValueError(f"Input {what} contains {found}.")


def _uniform(y: np.ndarray) -> np.ndarray:
    """Objects as the array that NumPy makes of a list of them: text, or numbers."""
    if any(v is None or type(v).__name__ == "NAType" or v != v for v in y.flat):
        raise ValueError("Input y contains NaN.")
    if len({isinstance(v, str) for v in y.flat}) > 1:
        raise ValueError(
            "Mix of label input types (string and number): y must hold text or numbers throughout"
        )
    found = np.array(y.tolist())
    if found.dtype.kind not in "biufU" or found.shape != y.shape:
        raise ValueError(
            f"Unknown label type: unknown. y holds {type(y.flat[0]).__name__}, neither text nor "
            "numbers"
        )
    return found


def _warn_column() -> None:
    warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        of_sklearn("DataConversionWarning", UserWarning),
    )
