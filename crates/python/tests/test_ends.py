"""How fits end and what they tell of it, beside scikit-learn's own."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_digits, load_iris, make_circles
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

import matgrad
from matgrad import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LIBRARIES = (matgrad, theirs)


def zeros_and_ones(rows):
    X, y = load_digits(n_class=2, return_X_y=True)
    return X[:rows] / 16, y[:rows]


@pytest.mark.parametrize(
    "settings, end",
    [
        ({}, "10 consecutive epochs. Stopping."),
        ({"learning_rate": "adaptive"}, "Learning rate too small. Stopping."),
        ({"tol": 0.0, "max_iter": 5}, "Iteration 5, loss = "),
    ],
)
def test_lines_are_those_of_scikit_learn(capsys, settings, end):
    X, y = zeros_and_ones(60)
    said, batch = [], {"classes": np.unique(y)}
    for library in LIBRARIES:
        net = library.MLPClassifier((5,), solver="sgd", verbose=2, random_state=0, tol=0.1)
        net.set_params(**settings).fit(X, y)
        said.append(capsys.readouterr().out)
        for _ in range(13):
            net.partial_fit(X, y, **batch)
        said.append(capsys.readouterr().out)
    assert said[:2] == said[2:]
    assert end in said[0].splitlines()[-1] and "Iteration 1, loss" in said[1]


def test_a_line_tells_the_score_of_the_rows_held_back(capsys):
    X, y = zeros_and_ones(60)
    net = MLPClassifier((5,), verbose=2, early_stopping=True, tol=0.5, random_state=0).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1::2][: net.n_iter_] == [f"Validation score: {s:f}" for s in net.validation_scores_]
    assert lines[-1].startswith("Validation score did not improve more than tol=0.500000 for 10")


@pytest.mark.parametrize("patience", [1, 2, 5, 50, np.inf])
@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
def test_epochs_end_as_in_scikit_learn(estimator, patience):
    X, y = zeros_and_ones(80)
    ends = []
    for library in LIBRARIES:
        net = getattr(library, estimator)(solver="sgd", tol=0.01, max_iter=300, random_state=1)
        net.set_params(n_iter_no_change=patience, warm_start=True).fit(X, y)
        ends.append([net.n_iter_, len(net.loss_curve_)])
        ends[-1] += [net.fit(X, y).n_iter_, net.t_]  # it went on waiting, as long as it had
    assert ends[0] == ends[1]
    assert (ends[0][0] == 300) == (patience == np.inf)


def test_a_warm_start_keeps_the_falling_rate():
    X, y = [[3, 2], [1, 6], [5, 6], [-2, -4]], [1, 1, 1, 0]
    settings = {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.0, "power_t": 0.25}
    net = MLPClassifier((4,), max_iter=1, warm_start=True, **settings).fit(X, y).fit(X, y)
    after = MLPClassifier((4,), max_iter=1, warm_start=True, solver="sgd", momentum=0.0)
    after.set_params(learning_rate_init=0.001 / (8 + 1) ** 0.25).fit(X, y)
    after.coefs_, after.intercepts_ = [W.copy() for W in net.coefs_], [b.copy() for b in net.intercepts_]
    net.fit(X, y), after.fit(X, y)
    for a, b in zip(net.coefs_, after.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_weights_too_large_are_an_error_that_begins_as_scikit_learns():
    X, y = load_iris(return_X_y=True)
    net = MLPRegressor(solver="sgd", learning_rate_init=10.0, max_iter=300)
    with pytest.raises(ValueError, match="^Solver produced non-finite parameter weights. The input"):
        net.fit(X * 1e160, y * 1e160)
    assert not hasattr(net, "coefs_")


def test_a_loss_that_grows_too_large_leaves_the_best_of_early_stopping():
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    net = MLPRegressor(solver="sgd", activation="identity", early_stopping=True, random_state=0)
    net.set_params(learning_rate_init=0.3, n_iter_no_change=np.inf, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="The loss is (nan|inf) in iteration.*best weights"):
        net.fit(X, y)
    assert np.isnan(net.validation_scores_[-1]) and np.isnan(net.validation_loss_curve_[-1])
    assert net.n_iter_ == len(net.validation_scores_) == len(net.loss_curve_) < 200
    assert np.isfinite(net.predict(X)).all()
    assert net.best_validation_score_ == np.nanmax(net.validation_scores_)
    # It may go on from there more slowly.
    net.set_params(learning_rate_init=0.001).fit(X, y)
    assert net.score(X, y) > 0.5


def test_a_class_of_one_row_cannot_be_held_back():
    X = [[1.0], [2.0], [3.0], [4.0]]
    with pytest.raises(ValueError, match="have only 1 member.*too few members are: .'no'"):
        MLPClassifier(early_stopping=True).fit(X, ["yes", "yes", "yes", "no"])
    # Of more classes, scikit-learn splits without regard to them.
    X, y = np.arange(40.0).reshape(-1, 1), np.r_[np.arange(39) % 2, 2]
    for library in LIBRARIES:
        library.MLPClassifier(early_stopping=True, max_iter=2, random_state=0).fit(X, y)


def test_a_warm_start_names_the_classes_that_differ():
    X, y = load_iris(return_X_y=True)
    for found in (y // 2, y + 1, np.arange(150) % 5, y.astype(str)):
        said = []
        for library in LIBRARIES:
            net = library.MLPClassifier((2,), max_iter=2, warm_start=True).fit(X, y)
            with pytest.raises(ValueError, match="^warm_start can only be used where") as refused:
                net.fit(X, found)
            said.append(str(refused.value))
        assert said[0] == said[1]


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
def test_a_search_from_a_good_start_takes_no_iteration(estimator):
    X, y = zeros_and_ones(60)
    for library in LIBRARIES:
        net = getattr(library, estimator)(solver="lbfgs", max_iter=500, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.fit(X, y).set_params(warm_start=True, tol=0.01).fit(X, y)
        assert net.n_iter_ == 0
    first = MLPClassifier(solver="lbfgs", max_iter=1).fit(X, y)
    assert first.n_iter_ == len(first.loss_curve_) == 1


def test_weights_set_by_hand_are_gone_on_from():
    X, y = load_iris(return_X_y=True)
    drawn = MLPClassifier((5,), random_state=0, max_iter=1, learning_rate_init=1e-30).fit(X, y)
    net = MLPClassifier((5,), random_state=0, batch_size="full", warm_start=True, max_iter=3)
    net.coefs_, net.intercepts_ = drawn.coefs_, drawn.intercepts_
    net.n_features_in_, net.classes_ = 4, drawn.classes_
    whole = MLPClassifier((5,), random_state=0, batch_size="full", max_iter=3).fit(X, y)
    np.testing.assert_allclose(net.fit(X, y).loss_curve_, whole.loss_curve_, rtol=1e-12)


def test_a_search_among_kinks_ends_without_a_warning():
    """Where the loss has edges, a step gains less than the gradient promises."""
    X, y = make_circles(noise=0.2, factor=0.5, random_state=1)
    settings = {"solver": "lbfgs", "alpha": 0.1, "max_iter": 2000, "random_state": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = MLPClassifier([10, 10], **settings).fit(scale(X), y)
    assert net.n_iter_ < 500 and net.score(scale(X), y) >= 0.98


@pytest.mark.parametrize("solver", ["sgd", "adam", "rprop", "lbfgs", "scg", "lm"])
def test_an_infinite_loss_is_told_alike(solver):
    X, y = np.full((6, 2), 1e200), np.arange(6.0)
    net = MLPRegressor(hidden_layer_sizes=(3,), activation="identity", solver=solver, random_state=0)
    advice = "scale the data" if solver in ("lbfgs", "scg", "lm") else "lower learning_rate_init"
    told = f"^Solver produced non-finite .* The loss is (inf|nan) in iteration 1: {advice}.$"
    with pytest.raises(ValueError, match=told):
        net.fit(X, y)
    assert not hasattr(net, "loss_")


class Watching:
    """A callback that only looks on."""

    def setup(self, estimator, context):
        """A fit begins."""

    def on_fit_task_begin(self, estimator, context):
        """A task begins."""

    def on_fit_task_end(self, estimator, context):
        """A task ends."""

    def teardown(self, estimator, context):
        """A fit is over."""


@pytest.mark.parametrize("callbacks", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("whole", [lambda net: net, make_pipeline, lambda net: GridSearchCV(net, {})])
def test_warnings_point_at_the_line_of_the_user(callbacks, solver, whole):
    X, y = zeros_and_ones(60)
    net = MLPClassifier((3,), solver=solver, max_iter=1)
    if callbacks:
        net.set_callbacks(Watching())
    with pytest.warns(UserWarning) as told:
        whole(net).fit(X, y)
    assert {w.filename for w in told if w.category is ConvergenceWarning} == {__file__}
