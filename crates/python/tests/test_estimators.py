"""The estimators beside scikit-learn's own."""

import inspect
import pickle

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import check_estimator

from matgrad import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("estimator", [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_scikit_learns_own_checks_pass_without_exceptions(estimator):
    results = check_estimator(estimator, on_fail=None)
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []
    assert sum(r["status"] == "passed" for r in results) > 50


def scaled(loader):
    X, y = loader(return_X_y=True)
    X, Xt, y, yt = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(Xt), yt


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
        {"activation": "logistic", "learning_rate_init": 0.01},
        {"activation": "tanh", "alpha": 1.0, "hidden_layer_sizes": (10, 5)},
        {"activation": "logistic", "hidden_layer_sizes": ()},
    ],
)
def test_a_full_batch_fit_follows_scikit_learns_step_by_step(settings):
    X, y, *_ = scaled(load_iris)
    common = {"random_state": 3, "max_iter": 60, "batch_size": len(X), "tol": 0.0, **settings}
    ours = MLPClassifier(**common).fit(X, y)
    reference = theirs.MLPClassifier(**common).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, reference.loss_curve_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(X), rtol=1e-6)
    for a, b in zip(ours.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_two_classes_and_numbers_follow_scikit_learns_too():
    for loader, ours, reference in (
        (load_breast_cancer, MLPClassifier, theirs.MLPClassifier),
        (load_diabetes, MLPRegressor, theirs.MLPRegressor),
    ):
        X, y, *_ = scaled(loader)
        common = {"random_state": 1, "max_iter": 30, "batch_size": len(X)}
        a, b = ours(**common).fit(X, y), reference(**common).fit(X, y)
        np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-8)
        assert [W.shape for W in a.coefs_] == [W.shape for W in b.coefs_]


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("settings", [{}, {"solver": "sgd", "alpha": 1.0}, {"batch_size": 40}])
def test_several_outputs_follow_scikit_learns_step_by_step(loss, settings):
    X = np.random.RandomState(0).normal(size=(90, 4))
    Y = np.abs(np.column_stack([X[:, 0] + X[:, 1], X[:, 2] ** 2, np.round(X[:, 3])]))
    common = {"random_state": 1, "max_iter": 30, "batch_size": 90, "shuffle": False, **settings}
    weight = np.arange(90) % 4 + 0.5
    ours = MLPRegressor(loss, **common).fit(X, Y, weight)
    reference = theirs.MLPRegressor(loss, **common).fit(X, Y, weight)
    np.testing.assert_allclose(ours.loss_curve_, reference.loss_curve_, rtol=1e-10)
    for a, b in zip(ours.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)


def told_by_hand(net, X, Y):
    """The loss that scikit-learn tells for these weights."""
    squares = sum((W**2).sum() for W in net.coefs_)
    return ((net.predict(X) - Y) ** 2).mean() / 2 + net.alpha / 2 * squares / len(X)


@pytest.mark.parametrize("solver", ["lbfgs", "scg", "lm"])
def test_a_search_over_several_outputs_lowers_what_scikit_learns_does(solver):
    X = scale(np.random.RandomState(0).normal(size=(60, 3)))
    Y = np.column_stack([X[:, 0] + X[:, 1], 3 * X[:, 2] ** 2])
    common = {"hidden_layer_sizes": (), "alpha": 5.0, "random_state": 1}  # one minimum
    ours = MLPRegressor(solver=solver, max_iter=500, tol=1e-7, **common).fit(X, Y)
    reference = theirs.MLPRegressor(solver="lbfgs", max_iter=2000, tol=1e-7, **common).fit(X, Y)
    # Its loss and its gradient are of two objectives, so that its line searches end early.
    assert ours.loss_ == pytest.approx(reference.loss_, rel=1e-3)
    np.testing.assert_allclose(ours.coefs_[0], reference.coefs_[0], atol=0.03)
    few = clone(ours).set_params(max_iter=1).fit(X, Y)
    for net in (few, ours):  # also where it did not converge, the loss is that of the last weights
        assert net.loss_ == pytest.approx(told_by_hand(net, X, Y), rel=1e-12)
    assert few.loss_curve_ == pytest.approx(ours.loss_curve_[:1])
    assert few.loss_ == pytest.approx(ours.loss_curve_[1])


def test_it_works_in_scikit_learns_tools():
    X, y, Xt, yt = scaled(load_breast_cancer)
    net = MLPClassifier((8,), max_iter=60, random_state=0)
    assert cross_val_score(net, X, y, cv=3).mean() > 0.93
    search = GridSearchCV(net, {"alpha": [1e-4, 1.0]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.93
    assert CalibratedClassifierCV(net, cv=3).fit(X, y).score(Xt, yt) > 0.9
    columns = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2, 3, 27])])
    assert make_pipeline(columns, net).fit(X, y).score(Xt, yt) > 0.9
    net.fit(X, y)
    assert permutation_importance(net, Xt, yt, n_repeats=2).importances_mean.max() > 0


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_finds_the_probabilities_that_it_finds_of_scikit_learns(method):
    """A decision_function would be calibrated in their place, and worse."""
    X, y, Xt, _ = scaled(load_wine)
    found = []
    for estimator in (MLPClassifier, theirs.MLPClassifier):
        net = estimator((8,), max_iter=40, random_state=0)
        calibrated = CalibratedClassifierCV(net, method=method, cv=3).fit(X, y)
        found.append(calibrated.predict_proba(Xt))
    np.testing.assert_allclose(*found, atol=1e-3)


def test_a_fit_that_goes_on_from_a_pickle_is_the_fit_that_never_stopped():
    X, y, *_ = scaled(load_digits)
    common = {"random_state": 5, "batch_size": "full"}
    whole = MLPClassifier(**common)
    parts = MLPClassifier(**common)
    for k in range(6):
        whole.partial_fit(X, y, classes=np.arange(10))
        parts.partial_fit(X, y, classes=np.arange(10))
        if k == 2:
            parts = pickle.loads(pickle.dumps(parts))
    for a, b in zip(whole.coefs_, parts.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_solvers_that_search_have_no_partial_fit(estimator):
    assert hasattr(estimator, "partial_fit") and hasattr(estimator(solver="adam"), "partial_fit")
    for solver in ("lbfgs", "scg", "lm"):
        assert not hasattr(estimator(solver=solver), "partial_fit")
    with pytest.raises(AttributeError, match="lbfgs is not stochastic"):
        estimator(solver="lbfgs").partial_fit([[1.0]], [1.0])


def test_a_row_of_weight_zero_is_a_row_left_out():
    X, y, *_ = scaled(load_iris)
    weight = np.arange(len(y)) % 3 != 0
    common = {"random_state": 0, "max_iter": 50, "batch_size": "full"}
    a = MLPClassifier(**common).fit(X, y, sample_weight=weight.astype(float))
    b = MLPClassifier(**common).fit(X[weight], y[weight])
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-9)


def test_a_cost_matrix_decides_for_the_least_expected_cost():
    X, y, Xt, yt = scaled(load_breast_cancer)
    costs = np.array([[0, 20], [1, 0]])  # calling a malignant tumour (0) benign costs 20
    plain = MLPClassifier(random_state=0, max_iter=50).fit(X, y)
    careful = MLPClassifier(random_state=0, max_iter=50, cost_matrix=costs).fit(X, y)

    def cost(net):
        return costs[yt, net.predict(Xt)].sum()

    assert cost(careful) <= cost(plain)
    assert (careful.predict(Xt) == 0).sum() >= (plain.predict(Xt) == 0).sum()


def test_missing_values_multilabel_and_early_stopping():
    X, y, Xt, yt = scaled(load_digits)
    X = X.copy()
    X[::7, 3] = np.nan
    net = MLPClassifier(early_stopping=True, random_state=0, max_iter=40).fit(X, y)
    assert len(net.validation_loss_curve_) == len(net.loss_curve_) == net.n_iter_
    assert net.score(Xt, yt) > 0.93
    labels = np.column_stack([y % 2, y > 4]).astype(int)
    multi = MLPClassifier(random_state=0, max_iter=40).fit(X, labels)
    assert multi.predict(Xt).shape == (len(Xt), 2)
    assert multi.score(Xt, np.column_stack([yt % 2, yt > 4])) > 0.9


WRONG = {
    "hidden_layer_sizes": [-1, (0,), (3.5,), "a"], "activation": [3, "rleu"],
    "solver": ["adma", None], "alpha": [-1, "a", np.nan], "batch_size": [0, "x"],
    "learning_rate": ["x"], "learning_rate_init": [0], "power_t": [-1], "max_iter": [0, 1.5],
    "shuffle": ["x", 1], "random_state": ["x", -1, 1.5], "tol": [-1], "verbose": ["x", -1],
    "warm_start": ["x"], "momentum": [2], "nesterovs_momentum": ["x"], "early_stopping": ["x"],
    "validation_fraction": [1.0], "beta_1": [1], "beta_2": [1.0], "epsilon": [0],
    "n_iter_no_change": [0, 2.5], "max_fun": [0],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_that_scikit_learn_refuses_is_refused_by_name(name):
    X, y, *_ = scaled(load_iris)
    for value in WRONG[name]:
        with pytest.raises((ValueError, TypeError)):
            theirs.MLPClassifier(**{name: value}).fit(X, y)
        said = "RandomState|Seed" if name == "random_state" else f"{name}.* of MLPClassifier"
        with pytest.raises(ValueError, match=said):
            MLPClassifier(**{name: value}).fit(X, y)
    assert set(WRONG) == set(theirs.MLPClassifier().get_params())


def test_methods_take_what_scikit_learns_take_in_the_same_order():
    for ours, reference in (
        (MLPClassifier, theirs.MLPClassifier),
        (MLPRegressor, theirs.MLPRegressor),
    ):
        for method in ("fit", "partial_fit", "predict", "score"):
            names = [list(inspect.signature(getattr(c, method)).parameters) for c in (ours, reference)]
            assert names[0] == names[1]
        wanted = inspect.signature(reference).parameters
        given = inspect.signature(ours).parameters
        assert {n: (p.kind, p.default) for n, p in wanted.items()} == {
            n: (p.kind, p.default) for n, p in given.items() if n in wanted
        }
        X, y, *_ = scaled(load_iris if ours is MLPClassifier else load_diabetes)
        for settings in ({}, {"solver": "lbfgs"}, {"early_stopping": True}):
            a, b = (c(max_iter=3, **settings).fit(X, y) for c in (ours, reference))
            told = {name for name in vars(b) if name.endswith("_") and name[0] != "_"}
            assert told <= set(vars(a))


def test_numbers_of_32_bits_stay_so():
    X, y, *_ = scaled(load_iris)
    X = X.astype(np.float32)
    for estimator, method in ((MLPClassifier, "predict_proba"), (MLPRegressor, "predict")):
        net = estimator(max_iter=3).fit(X, y)
        assert net.coefs_[0].dtype == getattr(net, method)(X).dtype == np.float32


def test_max_fun_ends_a_search():
    X, y, *_ = scaled(load_breast_cancer)
    for cls in (MLPClassifier, theirs.MLPClassifier):
        net = cls((10,), solver="lbfgs", max_fun=15, max_iter=500, tol=0, random_state=0)
        with pytest.warns(ConvergenceWarning):
            net.fit(X, y)
        assert 5 < net.n_iter_ <= 16
    with pytest.warns(ConvergenceWarning, match="max_fun=15 evaluations"):
        net = MLPClassifier((10,), solver="lbfgs", max_fun=15, max_iter=500, tol=0).fit(X, y)


def test_a_warm_start_wants_the_same_classes():
    X, y, *_ = scaled(load_iris)
    net = MLPClassifier((4,), max_iter=3, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        net.fit(X[y < 2], y[y < 2])


@pytest.mark.parametrize("solver", ["lbfgs", "scg"])
def test_a_search_finds_as_low_a_loss_as_scikit_learns(solver):
    X, y, Xt, yt = scaled(load_iris)
    common = {"hidden_layer_sizes": (6,), "activation": "tanh", "alpha": 1.0, "random_state": 2}
    ours = MLPClassifier(solver=solver, max_iter=500, **common).fit(X, y)
    reference = theirs.MLPClassifier(solver="lbfgs", max_iter=500, tol=1e-8, **common).fit(X, y)
    assert ours.loss_ < reference.loss_ * 1.01
    assert ours.score(Xt, yt) > 0.9


@pytest.mark.parametrize("tol", [1e-3, 1e-4])
def test_a_search_ends_where_scikit_learns_does(tol):
    """Two line searches take different paths to gradients as small."""
    X, y, *_ = scaled(load_breast_cancer)
    settings = {"solver": "lbfgs", "tol": tol, "activation": "tanh", "alpha": 1e-2}
    settings |= {"hidden_layer_sizes": (20,), "random_state": 0, "max_iter": 500}
    ours = MLPClassifier(**settings).fit(X, y)
    reference = theirs.MLPClassifier(**settings).fit(X, y)
    assert abs(ours.n_iter_ - reference.n_iter_) <= 2 + 0.3 * reference.n_iter_
    assert ours.loss_ == pytest.approx(reference.loss_, abs=3 * tol)
