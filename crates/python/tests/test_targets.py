"""Targets, weights of rows and scores: what scikit-learn refuses is refused, in its words."""

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from sklearn.exceptions import UndefinedMetricWarning

import matgrad

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).normal(size=(30, 3))
CLASSES = np.arange(30) % 3
LABELS = np.column_stack([CLASSES == 0, CLASSES == 1]).astype(int)


def pair(kind, y):
    """An estimator of ours and one of scikit-learn's that predict the same."""
    ours, reference = (getattr(m, "MLP" + kind)(max_iter=2) for m in (matgrad, theirs))
    ours.fit(X, y), reference.fit(X, y)
    reference.coefs_, reference.intercepts_ = ours.coefs_, ours.intercepts_
    return ours, reference


WRONG_SCORES = [
    ("Regressor", X[:, 0], {"y": np.where(CLASSES == 0, np.nan, 1.0)}, "contains NaN"),
    ("Regressor", X[:, 0], {"y": X[:9, 0]}, "inconsistent numbers of samples"),
    ("Regressor", X[:, 0], {"y": X[:, :2]}, "different number of output"),
    ("Regressor", X[:, 0], {"sample_weight": np.full(30, np.nan)}, "contains NaN"),
    ("Regressor", X[:, 0], {"sample_weight": np.zeros(30)}, "at least one non-zero"),
    ("Regressor", X[:, 0], {"sample_weight": [1.0, 2.0]}, "inconsistent|expected"),
    ("Classifier", CLASSES, {"y": CLASSES[:9]}, "inconsistent numbers of samples"),
    ("Classifier", CLASSES, {"y": X[:, 0]}, "mix of continuous"),
    ("Classifier", CLASSES, {"y": LABELS}, "mix of multilabel-indicator"),
    ("Classifier", CLASSES, {"sample_weight": [1.0, 2.0]}, "inconsistent|expected"),
    ("Classifier", LABELS, {"y": LABELS[:, [0, 1, 1]]}, "different numbers of labels"),
]


@pytest.mark.parametrize("kind, y, changed, said", WRONG_SCORES)
def test_what_cannot_be_scored_is_refused_as_scikit_learn_refuses_it(kind, y, changed, said):
    for net in pair(kind, y):
        with pytest.raises(ValueError, match=said):
            net.score(**{"X": X, "y": y, **changed})


def test_scores_are_scikit_learns():
    pandas = pytest.importorskip("pandas")
    weight = np.arange(30.0) - 3  # negative ones count against
    for kind, y, forms in (
        ("Classifier", CLASSES, [CLASSES, CLASSES[:, None], pandas.DataFrame({"y": CLASSES})]),
        ("Classifier", LABELS, [LABELS, LABELS.astype(float), scipy.sparse.csr_array(LABELS)]),
        ("Regressor", X[:, 0], [X[:, 0], X[:, :1], list(X[:, 0]), X[:, 0].astype(object)]),
        ("Regressor", X[:, :2], [X[:, :2], pandas.DataFrame(X[:, :2])]),
    ):
        ours, reference = pair(kind, y)
        for form in forms:
            for w in (None, weight, list(weight)):
                assert ours.score(X, form, w) == pytest.approx(reference.score(X, form, w))


def test_r2_of_one_row_is_no_number():
    for net in pair("Regressor", X[:, 0]):
        with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
            assert np.isnan(net.score(X[:1], X[:1, 0]))


def test_negative_weights_count_against_as_in_scikit_learn():
    weight = np.where(np.arange(30) % 7 == 0, -0.5, 1.0)
    nets = [m.MLPClassifier((4,), max_iter=20, random_state=0) for m in (matgrad, theirs)]
    ours, reference = (net.fit(X, CLASSES, weight) for net in nets)
    np.testing.assert_allclose(ours.coefs_[0], reference.coefs_[0], rtol=1e-6)
    # A search, too: here the objective has one minimum.
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-8, "alpha": 1.0}
    nets = [m.MLPRegressor(random_state=0, **settings) for m in (matgrad, theirs)]
    ours, reference = (net.fit(X, X[:, 0] + X[:, 1], weight) for net in nets)
    np.testing.assert_allclose(ours.coefs_[0], reference.coefs_[0], atol=1e-4)
    assert ours.loss_ == pytest.approx(reference.loss_, rel=1e-6)
    with pytest.raises(ValueError, match="weights, and that of row 1 is -0.5; take lbfgs or scg"):
        matgrad.MLPRegressor(solver="lm").fit(X, X[:, 0], weight)
    with pytest.raises(ValueError, match="sample_weight must hold numbers"):
        nets[0].fit(X, CLASSES, [{}] * 30)
    with pytest.raises(ValueError, match="y must hold numbers: could not convert string to float"):
        matgrad.MLPRegressor().fit(X, ["low", "high"] * 15)
    for solver in ("adam", "lbfgs"):
        with pytest.raises(ValueError, match="sample_weight sums to zero"):
            matgrad.MLPRegressor(solver=solver).fit(X, X[:, 0], np.repeat([1.0, -1.0], 15))


@pytest.mark.parametrize(
    "weights, said",
    [
        ({0: 1.0, 7: 2.0}, r"The classes, \[1, 2\], are not in class_weight"),
        ({0: -1.0}, "finite numbers from 0"),
        ({0: np.nan}, "finite numbers from 0"),
        ({0: np.inf}, "finite numbers from 0"),
        ({0: "heavy"}, "could not convert"),
        ({0: None, 1: {}}, "class_weight must hold numbers"),
        ({0: 0, 1: 0, 2: 0}, "all rows the weight 0"),
        ("balance", "must be a dict or 'balanced'"),
        ([1, 2, 3], "must be a dict or 'balanced'"),
    ],
)
def test_a_class_weight_that_means_nothing_is_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        matgrad.MLPClassifier(class_weight=weights).fit(X, CLASSES)


def test_costs_are_for_one_class_a_row():
    for loss in ("log_loss", "expected_cost"):
        with pytest.raises(ValueError, match="one class a row"):
            matgrad.MLPClassifier(cost_matrix=np.eye(2), loss=loss).fit(X, LABELS)


WRONG_TARGETS = [
    ("Regressor", np.array([1.0, np.nan] * 15, dtype=object), "contains NaN"),
    ("Regressor", np.array([1.0, "two"] * 15, dtype=object), "could not convert|string"),
    ("Regressor", [], "0 sample"),
    ("Regressor", np.empty((30, 0)), "0 feature"),
    ("Classifier", np.array(["a", np.nan] * 15, dtype=object), "contains NaN"),
    ("Classifier", [], "0 sample"),
    ("Classifier", np.empty((30, 0)), "0 feature"),
]


@pytest.mark.parametrize("kind, y, said", WRONG_TARGETS)
def test_targets_that_scikit_learn_refuses_are_refused(kind, y, said):
    for module in (matgrad, theirs):
        with pytest.raises(ValueError, match=said):
            getattr(module, "MLP" + kind)().fit(X, y)


def test_targets_that_scikit_learn_does_not_foresee_are_refused():
    for y in ([None, "a"] * 15, [1, "a"] * 15, [(), {}] * 15):
        for estimator in (matgrad.MLPClassifier, matgrad.MLPRegressor):
            with pytest.raises(ValueError):
                estimator().fit(X, np.array(y, dtype=object))
    with pytest.raises(ValueError, match="could not convert string to float"):
        matgrad.MLPRegressor().fit(X, [1.0, "two"] * 15)
    with pytest.raises(ValueError, match="y holds times"):
        matgrad.MLPRegressor().fit(X, np.arange(30).astype("datetime64[s]"))
    with pytest.raises(ValueError, match="X holds times"):
        matgrad.MLPRegressor().fit(X.astype("datetime64[s]"), CLASSES)
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    columns = {"when": np.arange(30).astype("datetime64[us]"), "b": X[:, 0]}
    for table in (pandas.DataFrame(columns), polars.DataFrame(columns)):
        with pytest.raises(ValueError, match="X holds times"):
            matgrad.MLPRegressor().fit(table, CLASSES)


def test_what_pandas_calls_missing_is_missing():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": CLASSES, "b": CLASSES + 1}, dtype="Int64")
    table.iloc[3, 1] = pandas.NA
    array = np.column_stack([CLASSES, CLASSES + 1.0])
    array[3, 1] = np.nan
    nets = [matgrad.MLPRegressor(max_iter=3, random_state=0) for _ in "ab"]
    nets[0].fit(table, X[:, 0]), nets[1].fit(array, X[:, 0])
    np.testing.assert_array_equal(nets[0].predict(table), nets[1].predict(array))
    for estimator in (matgrad.MLPRegressor, matgrad.MLPClassifier):
        with pytest.raises(ValueError, match="y contains NaN"):
            estimator().fit(array, table["b"])


def test_one_class_is_learnt_as_in_scikit_learn():
    for y in (np.ones(30, dtype=int), np.array(["yes"] * 30)):
        for settings in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
            for step in ("fit", "partial_fit"):
                if step == "partial_fit" and settings:
                    continue
                given = {} if step == "fit" else {"classes": np.unique(y)}
                nets = [m.MLPClassifier(max_iter=3, **settings) for m in (matgrad, theirs)]
                ours, reference = (getattr(net, step)(X, y, **given) for net in nets)
                np.testing.assert_array_equal(ours.predict(X), reference.predict(X))
                assert ours.predict_proba(X).shape == reference.predict_proba(X).shape
                assert ours.n_outputs_ == reference.n_outputs_ and ours.score(X, y) == 1.0
    costly = matgrad.MLPClassifier(max_iter=3, cost_matrix=[[2.0]]).fit(X, y)
    assert (costly.predict(X) == "yes").all()


def test_classes_are_of_scikit_learns_type():
    pandas = pytest.importorskip("pandas")
    words = np.array(["a", "bb", "c"])[CLASSES]
    for y in (words, list(words), words.astype(object), pandas.Series(words), CLASSES.astype(object),
              pandas.Series(words, dtype="string"), pandas.Categorical(words), CLASSES == 1):
        nets = [m.MLPClassifier(max_iter=2) for m in (matgrad, theirs)]
        if getattr(y, "dtype", None) == object and not isinstance(y[0], str):
            nets[1] = nets[0]  # scikit-learn takes no objects but text
        ours, reference = (net.fit(X, y) for net in nets)
        assert ours.classes_.dtype == ours.predict(X).dtype == reference.classes_.dtype
        assert ours.score(X, y) == (ours.predict(X) == np.asarray(y)).mean()


def test_a_refit_that_fails_leaves_the_estimator_as_it_was():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abc"))
    net = matgrad.MLPClassifier((4,), max_iter=3, random_state=0).fit(table, CLASSES)
    before, kept = net.predict(table), dict(vars(net))
    other = pandas.DataFrame(X[:, :2], columns=list("xy"))
    with pytest.raises(ValueError, match="inconsistent"):
        net.fit(other, CLASSES[:9] + 5)
    with pytest.raises(ValueError, match="contains NaN"):
        net.fit(other, np.where(CLASSES, np.nan, 1.0))
    with pytest.raises(ValueError, match="class_weight"):
        net.set_params(class_weight={9: 1}).fit(table.iloc[:, :2], CLASSES + 5)
    with pytest.raises(ValueError, match="loss is"):
        net.set_params(class_weight=None, warm_start=True, learning_rate_init=1e300)
        net.set_params(solver="sgd").fit(table, CLASSES)
    assert len(net.loss_curve_) == 3 and vars(net).keys() == kept.keys()
    np.testing.assert_array_equal(net.predict(table), before)


def test_labels_that_were_sparse_are_predicted_sparse_as_in_scikit_learn():
    later = {"warm_start": True}
    for y in (scipy.sparse.csr_array(LABELS), scipy.sparse.coo_matrix(LABELS), LABELS):
        nets = [m.MLPClassifier((4,), max_iter=5, random_state=0) for m in (matgrad, theirs)]
        ours, reference = (net.fit(X, y) for net in nets)
        assert type(ours.predict(X)) is type(reference.predict(X))
        assert ours.predict(X).dtype == reference.predict(X).dtype
        assert ours.score(X, y) == pytest.approx(reference.score(X, y))
        again = ours.set_params(**later).fit(X, LABELS), reference.set_params(**later).fit(X, LABELS)
        assert len({type(net.predict(X)) for net in again}) == 1


def test_a_text_names_the_settings_in_scikit_learns_order():
    settings = {"hidden_layer_sizes": (3,), "alpha": 0.5, "solver": "sgd"}
    for name in ("MLPClassifier", "MLPRegressor"):
        assert repr(getattr(matgrad, name)(**settings)) == repr(getattr(theirs, name)(**settings))
