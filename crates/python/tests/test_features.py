"""What the estimators have beyond scikit-learn's own, and its callbacks."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.callback
import sklearn.neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import matgrad
from matgrad import MLPClassifier, MLPRegressor, _matgrad
from matgrad._mlp import _TRAINERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(loader):
    X, y = loader(return_X_y=True)
    return scale(X), y


def same(a, b):
    for mine, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_hundred_fits_in_eight_threads_give_the_bits_of_sequential_fits():
    X, y = data(load_iris)

    def fit(seed):
        return MLPClassifier((8,), max_iter=20, batch_size=32, random_state=seed).fit(X, y)

    alone = [fit(seed) for seed in range(100)]
    with ThreadPoolExecutor(8) as pool:
        for a, b in zip(alone, pool.map(fit, range(100)), strict=True):
            same(a, b)


@pytest.mark.parametrize("solver", ["lbfgs", "scg", "lm"])
def test_a_search_takes_weights_of_rows_as_copies_of_rows(solver):
    X, y = data(load_diabetes)
    X, y = X[:80, :3], scale(y)[:80]
    weight = np.arange(80) % 3.0
    common = {"hidden_layer_sizes": (3,), "activation": "tanh", "solver": solver, "alpha": 0.1}
    start = MLPRegressor(**common, random_state=1, max_iter=15)
    a = clone(start).fit(X, y, sample_weight=weight)
    copies = np.repeat(np.arange(80), weight.astype(int))
    b = clone(start).fit(X[copies], y[copies])
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"solver": "rprop"}, {"dropout": 0.3},
                                      {"solver": "sgd", "learning_rate": "invscaling"}])
def test_a_fit_in_parts_is_the_fit_in_one(settings):
    X, y = data(load_iris)
    common = {"random_state": 4, "tol": 0.0, "n_iter_no_change": 1000, **settings}
    whole = MLPClassifier((7,), max_iter=9, batch_size=40, **common).fit(X, y)
    parts = MLPClassifier((7,), max_iter=4, batch_size=40, warm_start=True, **common).fit(X, y)
    parts = pickle.loads(pickle.dumps(parts)).set_params(max_iter=5).fit(X, y)
    same(whole, parts)
    epochs = MLPClassifier((7,), batch_size=40, **common)
    for _ in range(9):
        epochs.partial_fit(X, y, classes=np.unique(y))
    same(whole, epochs)


def test_batch_after_batch_is_planned_once_and_follows_what_is_changed():
    X, y = data(load_iris)
    common = {"random_state": 0, "alpha": 0.1}
    net = MLPClassifier((5,), **common).partial_fit(X[:20], y[:20], classes=[0, 1, 2])
    planned = _TRAINERS[net][1]
    for changed in ({}, {"learning_rate_init": 0.1}, {"shuffle": False}, {"beta_1": 0.5}, {"alpha": 0}):
        net.set_params(**changed)
        net.coefs_[0] *= 0.5
        fresh = pickle.loads(pickle.dumps(net)).partial_fit(X[20:40], y[20:40])
        batch = X[20:40].copy()
        same(net.partial_fit(batch, y[20:40]), fresh)
        held = weakref.ref(batch)
        del batch
        assert held() is None  # nothing of the last rows stays
        as_before = changed.keys() <= {"learning_rate_init", "shuffle"}
        assert (_TRAINERS[net][1] is planned) == as_before
    assert net.fit(X, y) not in _TRAINERS


def test_a_fit_that_goes_on_takes_new_settings():
    X, y = data(load_iris)
    common = {"hidden_layer_sizes": (5,), "random_state": 0, "batch_size": "full"}
    for rule in ({"solver": "adam"}, {"solver": "sgd", "momentum": 0.0}):
        net = MLPClassifier(warm_start=True, max_iter=3, **rule, **common).fit(X, y)
        before = pickle.loads(pickle.dumps(net))
        same(net.set_params(learning_rate_init=1e-30).fit(X, y), before)
    # Another rule, or none of momentum, begins with a state of its own.
    for changed in ({"solver": "adamw"}, {"solver": "lbfgs"}, {"early_stopping": True}):
        net = MLPClassifier(warm_start=True, max_iter=3, **common).fit(X, y)
        start = net.get_params()
        net.set_params(**changed).fit(X, y).set_params(**start).fit(X, y).partial_fit(X, y)
        assert net.n_iter_ == 1  # as in scikit-learn, of this call
        net.set_params(solver="sgd").partial_fit(X, y).set_params(momentum=0.0).partial_fit(X, y)


@pytest.mark.parametrize("first, then", [(np.float64, np.float32), (np.float32, np.float64)])
def test_a_fit_that_goes_on_keeps_its_precision_as_scikit_learns_does(first, then):
    X, y = data(load_iris)
    for module in (matgrad, sklearn.neural_network):
        for estimator in (module.MLPClassifier, module.MLPRegressor):
            warm = estimator((4,) if "C" in estimator.__name__ else "squared_error", max_iter=2)
            warm.set_params(warm_start=True).fit(X.astype(first), y).fit(X.astype(then), y)
            assert warm.coefs_[0].dtype == warm.partial_fit(X.astype(then), y).coefs_[0].dtype
            assert warm.coefs_[0].dtype == first


@pytest.mark.parametrize("solver", ["lbfgs", "scg", "lm"])
def test_a_search_in_32_bits_is_that_in_64_rounded_in_the_end(solver):
    X, y = data(load_diabetes)
    X, y = X[:60].astype(np.float32), scale(y)[:60]
    net = MLPRegressor(hidden_layer_sizes=(2,), solver=solver, max_iter=5, random_state=0)
    single, double = clone(net).fit(X, y), clone(net).fit(X.astype(np.float64), y.astype(np.float32))
    for a, b in zip(single.coefs_, double.coefs_, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b.astype(np.float32))


def test_a_loss_by_name_or_as_an_equation():
    X, y = data(load_diabetes)
    y = scale(y)
    common = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 30}
    named = MLPRegressor("squared_error", **common).fit(X, y)
    written = MLPRegressor("(Z - Y) .^ 2 / 2", **common).fit(X, y)
    np.testing.assert_allclose(named.loss_curve_, written.loss_curve_, rtol=1e-10)
    with pytest.raises(ValueError, match="squred_error"):
        MLPRegressor("squred_error").fit(X, y)
    with pytest.raises(ValueError, match="'loss' parameter must be one of"):
        MLPRegressor([5]).fit(X, y)  # the loss comes first, as in scikit-learn
    with pytest.raises(ValueError, match="Q"):
        MLPRegressor("(Z - Q) .^ 2").fit(X, y)
    X, y = data(load_iris)
    for loss in ("hinge", "mse", "rowsum((P - Y) .^ 2)"):
        net = MLPClassifier((8,), loss=loss, random_state=0, learning_rate_init=0.01).fit(X, y)
        assert net.score(X, y) > 0.93, loss


def test_a_loss_that_lacks_what_it_takes_is_refused():
    X, y = data(load_iris)
    with pytest.raises(ValueError, match="there is no P"):
        MLPRegressor("(P - Y) .^ 2").fit(X, y)
    for net in (MLPRegressor("C .* Z"), MLPClassifier(loss="rowsum((Y C) .* P)")):
        with pytest.raises(ValueError, match="takes the costs C, and there is no cost_matrix"):
            net.fit(X, y)
    for jobs in (0, 1.5, "all"):
        with pytest.raises(ValueError, match="n_jobs must be a number of threads"):
            MLPClassifier(n_jobs=jobs).fit(X, y)
    with pytest.raises(ValueError, match="those of one part all weigh 0"):
        MLPClassifier(early_stopping=True).fit(X, y, sample_weight=np.arange(150) == 3)


def test_expected_cost_as_the_loss_lowers_the_cost():
    for loader, costs in (
        (load_breast_cancer, np.array([[0.0, 20], [1, 0]])),
        (load_iris, np.array([[0.0, 1, 1], [1, 0, 1], [1, 30, 0]])),
    ):
        X, y = data(loader)
        X = X[:, :2]  # with all columns there would be nothing to weigh up
        common = {"hidden_layer_sizes": (6,), "random_state": 0, "learning_rate_init": 0.01}
        plain = MLPClassifier(**common).fit(X, y)
        aware = MLPClassifier(loss="expected_cost", cost_matrix=costs, **common).fit(X, y)
        assert costs[y, aware.predict(X)].sum() < costs[y, plain.predict(X)].sum()


def test_dropout_acts_in_training_only():
    X, y = data(load_iris)
    common = {"hidden_layer_sizes": (20, 10), "random_state": 0, "max_iter": 100}
    net = MLPClassifier(dropout=[0.5, 0.0], learning_rate_init=0.01, **common).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), net.predict_proba(X))
    assert net.score(X, y) > 0.93
    assert MLPClassifier(**common).fit(X, y).loss_curve_[:3] != net.loss_curve_[:3]
    with pytest.raises(ValueError, match="dropout"):
        MLPClassifier(dropout=1.0).fit(X, y)


class Recorder:
    """A callback that keeps the accuracy after each epoch, and stops the fit in the end."""

    def __init__(self, last=None):
        self.last, self.scores, self.events = last, [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X, y))
            return len(self.scores) == self.last
        return False


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_see_each_epoch_and_may_stop(solver):
    X, y = data(load_iris)
    names = np.array(["a", "b", "c"])[y]
    recorder = Recorder(last=5)
    net = MLPClassifier((8,), solver=solver, random_state=0).set_callbacks(recorder).fit(X, names)
    assert net.n_iter_ == 5
    assert recorder.events == ["setup", "begin fit"] + ["begin epoch", "end epoch"] * 5 + [
        "end fit",
        "teardown",
    ]
    assert recorder.scores[-1] == net.score(X, names)


def test_scikit_learns_own_callbacks_work(capsys):
    X, y = data(load_iris)
    monitor = sklearn.callback.ScoringMonitor(scoring="accuracy")
    net = MLPClassifier((8,), max_iter=7, random_state=0).set_callbacks(monitor).fit(X, y)
    logs = monitor.get_logs()
    assert logs
    search = GridSearchCV(MLPClassifier((4,), max_iter=3), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(Recorder()).fit(X, y)
    assert clone(net).set_callbacks().fit(X, y).n_iter_ == 7


def test_ctrl_c_leaves_a_usable_estimator():
    X, y = data(load_iris)

    class Interrupt(Recorder):
        def on_fit_task_end(self, estimator, context, **_):
            self.scores.append(0)
            if len(self.scores) == 4:
                raise KeyboardInterrupt

    for solver in ("adam", "lbfgs"):
        net = MLPClassifier((8,), solver=solver, random_state=0).set_callbacks(Interrupt())
        with pytest.warns(UserWarning, match="interrupted"):
            net.fit(X, y)
        assert len(net.loss_curve_) == 4
        assert net.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_signal_leaves_a_usable_estimator(solver, request):
    """SIGINT comes from outside, while the work runs without the interpreter's lock."""
    # A shell starts what runs in the background with SIGINT ignored: the fit would never end.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    X, y = (np.concatenate([part] * 20) for part in data(load_digits))
    # Of so many rows the search, which ends where there is nothing left to gain, takes seconds.
    endless = {"max_iter": 10**9, "tol": 0.0, "n_iter_no_change": 10**9, "alpha": 0.0}
    net = MLPClassifier((200,), solver=solver, random_state=0, **endless)
    signalled = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    signalled.start()
    with pytest.warns(UserWarning, match="interrupted"):
        net.fit(X, y)
    signalled.join()
    assert len(net.loss_curve_) == net.n_iter_ > 0
    assert net.predict(X).shape == y.shape
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    if solver == "adam":
        net.set_params(warm_start=True, max_iter=2).fit(X, y)  # it goes on from there
        assert net.n_iter_ == 2


def test_verbose_is_a_bar_or_lines_without_tqdm(capsys, monkeypatch):
    X, y = data(load_iris)
    net = MLPClassifier((4,), max_iter=3, verbose=True, random_state=0).fit(X, y)
    bar = capsys.readouterr().err
    assert "MLPClassifier: 100%" in bar and "3/3" in bar and f"loss={net.loss_:.6g}" in bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    clone(net).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Iteration 3, loss = {net.loss_:.8f}" and len(lines) == 3


def test_scikit_learns_progress_bar_counts_the_epochs(capsys):
    pytest.importorskip("rich")
    X, y = data(load_iris)
    net = MLPClassifier((4,), max_iter=6, random_state=0)
    net.set_callbacks(sklearn.callback.ProgressBar(max_propagation_depth=None)).fit(X, y)
    said = capsys.readouterr()
    assert "MLPClassifier" in said.out + said.err and "100%" in said.out + said.err


def test_metadata_is_routed_and_tables_keep_their_names(tmp_path):
    pandas = pytest.importorskip("pandas")
    X, y = data(load_iris)
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    weight = (y != 2).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPClassifier((6,), random_state=0, learning_rate_init=0.05)
        net.set_fit_request(sample_weight=True)
        net.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, net).set_output(transform="pandas")
        result = cross_validate(pipe, table, y, params={"sample_weight": weight}, cv=3)
        assert result["test_score"].mean() > 0.9  # the third class weighs nothing
        fitted = pipe.fit(table, y, sample_weight=weight)
    assert list(fitted[-1].feature_names_in_) == ["a", "b", "c", "d"]
    file = tmp_path / "pipe.joblib"
    joblib.dump(fitted, file)
    np.testing.assert_array_equal(joblib.load(file).predict(table), fitted.predict(table))


def test_what_partial_fit_needs_can_be_routed():
    net = MLPClassifier((3,)).set_partial_fit_request(classes=True, sample_weight="w")
    asked = net.get_metadata_routing().partial_fit.requests
    assert asked == {"classes": True, "sample_weight": "w"}
    asked = MLPRegressor().set_partial_fit_request(sample_weight=False).get_metadata_routing()
    assert asked.partial_fit.requests == {"sample_weight": False}


def test_a_pickle_of_another_version_predicts_and_says_so(monkeypatch):
    X, y = data(load_iris)
    net = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, y)
    assert "_matgrad_version" not in vars(clone(net)) | vars(pickle.loads(pickle.dumps(net)))
    with monkeypatch.context() as patch:
        patch.setattr("matgrad._estimator.__version__", "0.0.9")
        old = pickle.dumps(net)
    with pytest.warns(UserWarning, match="pickled by matgrad 0.0.9 and is read by 0.1.0"):
        read = pickle.loads(old)
    np.testing.assert_array_equal(read.predict_proba(X), net.predict_proba(X))
    with_less = net.__getstate__()
    del with_less["dropout"]  # as if the version that wrote it had no such parameter
    read = object.__new__(MLPClassifier)
    read.__setstate__(with_less)
    assert read.get_params() == net.get_params()


def test_weights_of_many_held_rows_have_one_mean():
    """Held rows go through the network in blocks; their mean is still that of all."""
    random = np.random.RandomState(0)
    X = random.normal(size=(12_000, 3))
    y = X @ [1.0, -2.0, 0.5]
    weight = np.where(np.arange(len(X)) < 4_096, 0.1, 3.0)
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, alpha=0)
    model.fit(X, y, sample_weight=weight)
    trainer = model._trainer(200, model._named_weights(), np.float64, False)
    trainer.data(X, y[:, None], weight[:, None])
    loss, output = trainer.evaluate(np.arange(len(X)))
    expected = np.average(0.5 * (output[:, 0] - y) ** 2, weights=weight)
    assert loss == pytest.approx(expected, rel=1e-10)


def test_an_integer_seeds_the_draws_that_numpys_random_state_makes():
    for seed in (0, 1, 2**32 - 1):
        ours, reference = _matgrad.RandomState(seed), np.random.RandomState(seed)
        drawn = ours.uniform(-0.3, 0.8, (50, 41))
        assert (drawn == reference.uniform(-0.3, 0.8, (50, 41))).all()
        for high in (2**31 - 1, 1000, 2, 2**32 - 1):
            assert ours.randint(high) == reference.randint(high, dtype=np.int64)


def test_a_fit_loads_neither_numpys_random_nor_scikit_learn():
    fit = "import matgrad, sys; net = matgrad.MLPClassifier({}).fit([[0.0], [1.0]], [0, 1]); "
    says = "print({'numpy.random', 'sklearn', 'scipy'} & set(sys.modules), net.coefs_[0][0, 0])"

    def run(settings):
        command = [sys.executable, "-W", "ignore", "-c", fit.format(settings) + says]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    seeded = run("random_state=3")
    assert seeded.startswith("set() ") and run("random_state=3") == seeded
    chance = run("")
    assert chance.startswith("set() ") and run("") != chance


def test_predictions_follow_the_weights_as_they_are_in_all_threads():
    X, y = data(load_iris)
    net = MLPClassifier((5,), activation="tanh", max_iter=20, random_state=0).fit(X, y)
    before = net.predict_proba(X)
    net.coefs_[0] *= 0.5
    H = np.tanh(X @ net.coefs_[0] + net.intercepts_[0])
    E = np.exp(H @ net.coefs_[1] + net.intercepts_[1])
    expected = E / E.sum(axis=1, keepdims=True)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: net.predict_proba(X), range(40)))
    for each in found:
        np.testing.assert_allclose(each, expected, rtol=1e-12)
        np.testing.assert_array_equal(each, found[0])
    assert not np.allclose(before, expected)
