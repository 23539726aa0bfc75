"""Arrays, tables and sparse matrices to matrices of numbers, with errors that say what to do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._warn import warn

_SMALL = 1 << 25
"""Bytes of a table by columns that are copied without a thought."""


def names_of(X: Any):
    """The column names of a table whose names are all text, else None."""
    columns = getattr(X, "columns", None)
    if columns is None or callable(columns) or not hasattr(X, "shape"):
        columns = getattr(X, "column_names", None)  # pyarrow
    elif len(columns) and not isinstance(columns[0], str) and hasattr(X, "column_names"):
        columns = X.column_names
    if columns is None:
        return None
    columns = list(columns)
    text = [isinstance(name, str) for name in columns]
    if any(text) and not all(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but "
            "your input has names of several types. If you want feature names to be stored and "
            "validated, convert them all to strings, such as X.columns = X.columns.astype(str)."
        )
    return np.asarray(columns, dtype=object) if columns and all(text) else None


def plain(X: Any) -> np.ndarray:
    """An array; what pandas calls missing is NaN in it."""
    array = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    if array.dtype == object and hasattr(X, "isna"):
        array = np.where(np.asarray(X.isna()), np.nan, array)
    return array


def numbers(X: Any, what: str = "X") -> np.ndarray:
    """A float32 or float64 array of any number of dimensions; other types become float64."""
    if hasattr(X, "column_names") and hasattr(X, "to_pylist"):  # pyarrow table
        X = np.column_stack([np.asarray(column) for column in X.columns])
    array = plain(X)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    # A table's columns together may come as objects, or as numbers where one holds times.
    types = getattr(X, "dtypes", None)
    types = [str(kind).lower() for kind in types] if hasattr(types, "__iter__") else []
    for kind in [str(array.dtype), *types]:
        if kind.startswith(("date", "time", "duration")):
            raise ValueError(
                f"{what} holds times ({kind}): make numbers of them, such as days since the first"
            )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array


def table(X: Any) -> Any:
    """What speaks Arrow's PyCapsule interface alone, as a table of pyarrow over the same memory."""
    if not hasattr(X, "__arrow_c_stream__") or hasattr(X, "__array__"):
        return X
    try:
        import pyarrow
    except ImportError as lacking:
        raise ValueError(
            f"a {type(X).__name__} is read through Arrow: install pyarrow, or give an array"
        ) from lacking
    return pyarrow.table(X)


class Columns:
    """A large table's columns, each where it lies; rows are put together when they are wanted.

    ``blocks`` are its rows, in pieces one below the other as Arrow has them: a list of columns each.
    """

    def __init__(self, blocks: list[list[np.ndarray]]):
        self.blocks = blocks
        rows = sum(len(block[0]) for block in blocks)
        self.dtype, self.shape = blocks[0][0].dtype, (rows, len(blocks[0]))

    @classmethod
    def of(cls, X: Any) -> Columns | None:
        """Those of a table of pyarrow or polars, if Arrow's memory is all finite floats."""
        try:
            if hasattr(X, "to_batches"):  # pyarrow
                blocks = [[c.to_numpy() for c in batch.columns] for batch in X.to_batches()]
            else:
                parts = [column.get_chunks() for column in X.get_columns()]
                parts = [[c.to_numpy(allow_copy=False) for c in chunks] for chunks in parts]
                blocks = [list(block) for block in zip(*parts, strict=True)]
        except (AttributeError, RuntimeError, ValueError):  # no table, or one that must be copied
            return None
        everything = [column for block in blocks for column in block]
        if sum(c.nbytes for c in everything) <= _SMALL or not everything:
            return None
        aligned = all(len(c) == len(block[0]) for block in blocks for c in block)
        if not aligned or {c.dtype.name for c in everything} not in _FLOATS:
            return None
        table = cls(blocks)
        return table if np.isfinite(table.sum(dtype=np.float64)) else None

    def sum(self, axis: int | None = None, dtype: Any = None):
        sums = np.array([[column.sum(dtype=dtype) for column in block] for block in self.blocks])
        return sums.sum(axis=axis)

    def astype(self, dtype: Any, copy: bool = True) -> Columns:
        if not copy and dtype == self.dtype:
            return self
        return Columns([[column.astype(dtype) for column in block] for block in self.blocks])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows, by a slice or by their numbers in order, put together."""
        whole = isinstance(rows, slice)
        wanted = np.arange(*rows.indices(self.shape[0])) if whole else rows
        found, first = [], 0
        for block in self.blocks:
            start, end = np.searchsorted(wanted, [first, first + len(block[0])])
            here = wanted[start:end] - first
            found.append(np.column_stack([column[here] for column in block]))
            first += len(block[0])
        return np.concatenate(found)

    def toarray(self) -> np.ndarray:
        return np.concatenate([np.column_stack(block) for block in self.blocks])


_FLOATS = ({"float32"}, {"float64"})


def matrix(X: Any, estimator: str, allow_nan: bool = True) -> np.ndarray:
    """A 2-D contiguous array of finite numbers (NaN is a missing one); sparse rows stay sparse."""
    columns = Columns.of(X)
    if columns is not None:
        return columns
    sparse = hasattr(X, "toarray")
    array = _sparse(X) if sparse else numbers(X)
    if array.ndim < 2:
        shown = "scalar" if array.ndim == 0 else "1D"
        raise ValueError(
            f"Expected 2D array, got {shown} array instead:\narray={array}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single "
            "feature or array.reshape(1, -1) if it contains a single sample."
        )
    if array.ndim > 2:
        raise ValueError(f"Found array with dim {array.ndim}, while {estimator} expects 2 of them.")
    for count, thing in ((array.shape[0], "sample"), (array.shape[1], "feature")):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {thing}(s) (shape={array.shape}) while a minimum of 1 is "
                f"required by {estimator}."
            )
    entries = array.data if sparse else array
    if not np.isfinite(entries.sum(dtype=np.float64)):
        if np.isinf(entries).any():
            raise ValueError(
                "Input X contains infinity or a value too large for "
                f"{array.dtype!r}; look for it with np.isinf(X)."
            )
        if not allow_nan and np.isnan(entries).any():
            raise ValueError("Input X contains NaN.")
    # Batches are taken from where the rows lie. Out of columns that takes a third longer, so a
    # small table is laid out by rows; a large one is not copied.
    if sparse or (array.flags.aligned and array.flags.f_contiguous and array.nbytes > _SMALL):
        return array
    return np.ascontiguousarray(array)


def _sparse(X: Any):
    """Compressed rows of numbers."""
    X = X.tocsr()
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{X}\n")
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def given(X: Any):
    """Rows as the trainer takes them: an array, columns, or compressed rows; batches are taken."""
    if isinstance(X, Columns):
        return X.blocks
    if not hasattr(X, "toarray"):
        return X
    whole = (indices.astype(np.int64, copy=False) for indices in (X.indptr, X.indices))
    return (X.shape[1], *whole, X.data.astype(np.float64, copy=False))


def check_names(fitted, X: Any, estimator: str) -> None:
    """Compares the column names of ``X`` with those of the fitted table."""
    found = names_of(X)
    if found is None and fitted is None:
        return
    if found is None:
        warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
        )
        return
    if fitted is None:
        warn(
            f"X has feature names, but {estimator} was fitted without feature names",
        )
        return
    if len(found) == len(fitted) and (found == fitted).all():
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen = sorted(set(found) - set(fitted))
    lacking = sorted(set(fitted) - set(found))

    def listed(names):
        shown = "".join(f"- {name}\n" for name in names[:5])
        return shown + ("- ...\n" if len(names) > 5 else "")

    if unseen:
        message += "Feature names unseen at fit time:\n" + listed(unseen)
    if lacking:
        message += "Feature names seen at fit time, yet now missing:\n" + listed(lacking)
    if not unseen and not lacking:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)
