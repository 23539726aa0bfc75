"""How rows are read: compressed ones, tables of Arrow, and none copied that need not be."""

import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from test_features import data, same

from matgrad import MLPClassifier, MLPRegressor
from matgrad._validate import Columns, matrix, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_sparse_rows_are_the_dense_rows_batch_by_batch():
    X, y = data(load_breast_cancer)
    X[np.abs(X) < 1] = 0
    X[3, 5] = np.nan
    for solver in ("adam", "lbfgs"):
        net = MLPClassifier((5,), solver=solver, max_iter=12, batch_size=50, random_state=0)
        dense, sparse = clone(net).fit(X, y), clone(net).fit(scipy.sparse.csr_array(X), y)
        np.testing.assert_allclose(dense.coefs_[0], sparse.coefs_[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            dense.predict_proba(X), sparse.predict_proba(scipy.sparse.coo_array(X)), rtol=1e-9
        )


def most_memory_of(work):
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("layers", [(), (6,), (6, 5)])
def test_sparse_rows_of_many_columns_are_never_dense_in_a_prediction(layers, monkeypatch):
    X = scipy.sparse.random_array((300, 20_000), density=1e-3, format="csr", random_state=0)
    y = np.arange(300) % 3
    for dtype in (np.float64, np.float32):
        rows, dense = X.astype(dtype), X.toarray().astype(dtype)
        for net in (MLPClassifier(layers, max_iter=1), MLPRegressor(hidden_layer_sizes=layers, max_iter=1)):
            net.set_params(random_state=0).fit(rows, y)
            expected = net.predict(dense)
            assert most_memory_of(lambda: net.predict(rows)) < 0.2 * dense.nbytes
            with monkeypatch.context() as patch:
                patch.setattr("matgrad._mlp._BLOCK", 100)
                found = net.predict(rows)
            np.testing.assert_allclose(found, expected, rtol=1e-9 if dtype is np.float64 else 1e-3)
            assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "settings", [{"solver": "lbfgs"}, {"solver": "scg"}, {"solver": "rprop"}, {"early_stopping": True}]
)
def test_sparse_rows_are_dense_in_a_fit_but_where_it_computes(settings):
    """Python's side has no dense copy; what Rust holds, it holds once."""
    X = scipy.sparse.random_array((2000, 500), density=0.01, format="csr", random_state=0)
    y = X.sum(axis=1)
    net = MLPRegressor(hidden_layer_sizes=(2,), max_iter=2, random_state=0, **settings).fit(X, y)
    assert most_memory_of(lambda: net.fit(X, y)) < 0.3 * 8 * X.shape[0] * X.shape[1]
    np.testing.assert_allclose(net.coefs_[0], clone(net).fit(X.toarray(), y).coefs_[0], rtol=1e-9)
    weight = np.arange(2000) % 3
    a, b = (clone(net).fit(rows, y, sample_weight=weight) for rows in (X, X.toarray()))
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)


def test_tables_of_polars_and_pyarrow_are_the_numbers_in_them():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X, y = data(load_iris)
    net = MLPClassifier((6,), random_state=0, max_iter=10)
    plain = clone(net).fit(X, y)
    columns = {name: X[:, k] for k, name in enumerate("abcd")}
    for table in (polars.DataFrame(columns), arrow.table(columns)):
        fitted = clone(net).fit(table, y)
        same(plain, fitted)
        assert list(fitted.feature_names_in_) == list("abcd")
        np.testing.assert_array_equal(fitted.predict(table), plain.predict(X))


def test_large_tables_are_read_column_by_column_where_they_lie(monkeypatch):
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X, y = data(load_iris)
    for dtype in (np.float64, np.float32):
        columns = {name: X[:, k].astype(dtype) for k, name in enumerate("abcd")}
        for settings in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
            net = MLPClassifier((6,), random_state=0, max_iter=10, batch_size=40, **settings)
            plain = clone(net).fit(X.astype(dtype), y)
            rows, names = (range(60), range(60, 150)), columns.items()
            pieces = [{name: column[part] for name, column in names} for part in rows]
            polar = polars.concat(map(polars.DataFrame, pieces), rechunk=False)
            arrows = arrow.concat_tables(map(arrow.table, pieces))
            assert polar.n_chunks() == arrows.column(0).num_chunks == 2
            for table in (polars.DataFrame(columns), arrow.table(columns), polar, arrows):
                with monkeypatch.context() as patch:
                    patch.setattr("matgrad._validate._SMALL", 0)
                    assert isinstance(matrix(table, "MLP"), Columns)
                    fitted = clone(net).fit(table, y)
                    same(plain, fitted)
                    np.testing.assert_array_equal(fitted.predict(table), plain.predict(X))
    # What Arrow's memory does not hold as it is wanted is copied.
    lacking = arrow.table({"a": [1.0, None], "b": [1.0, 2.0]})
    mixed = arrow.table({"a": [1, 2], "b": [1.0, 2.0]})
    monkeypatch.setattr("matgrad._validate._SMALL", 0)
    assert np.isnan(matrix(lacking, "MLP")[1, 0])
    np.testing.assert_array_equal(matrix(mixed, "MLP"), [[1, 1], [2, 2]])


def test_early_stopping_reads_the_rows_where_they_lie():
    """Those held back are read block by block."""
    random = np.random.RandomState(0)
    X = random.normal(size=(200_000, 20))
    y = X[:, 0] - X[:, 1]
    net = MLPRegressor(hidden_layer_sizes=(2,), early_stopping=True, max_iter=1, random_state=0)
    net.fit(X[:1000], y[:1000])
    assert most_memory_of(lambda: net.fit(X, y)) < 0.4 * X.nbytes


class Stream:
    """A table that speaks Arrow's PyCapsule interface and nothing else."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def test_a_table_by_the_capsules_of_arrow_is_read_where_it_lies(monkeypatch):
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X, y = data(load_iris)
    columns = {name: X[:, k].copy() for k, name in enumerate("abcd")}
    net = MLPClassifier((6,), random_state=0, max_iter=10)
    plain = clone(net).fit(X, y)
    for whole in (polars.DataFrame(columns), arrow.table(columns)):
        stream = Stream(whole)
        fitted = clone(net).fit(stream, y)
        same(plain, fitted)
        assert list(fitted.feature_names_in_) == list("abcd")
        np.testing.assert_array_equal(fitted.predict(stream), plain.predict(X))
        with monkeypatch.context() as patch:
            patch.setattr("matgrad._validate._SMALL", 0)
            [block] = matrix(table(stream), "MLP").blocks
            for name, column in zip("abcd", block, strict=True):
                assert np.shares_memory(column, whole[name].to_numpy())
            same(plain, clone(net).fit(stream, y))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ValueError, match="install pyarrow"):
            clone(net).fit(Stream(whole), y)
