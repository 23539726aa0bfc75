"""scikit-learn's tools, of its user guide and its gallery: with either library they do the same."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV, SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler, scale

import matgrad

X, Y = load_iris(return_X_y=True)
LABELS = np.c_[Y > 0, Y > 1].astype(int)
N, T = (part[:150] for part in load_diabetes(return_X_y=True))
GRID = {"alpha": [0.1, 1], "hidden_layer_sizes": [(4,), (8,)]}
LINES = [("line", LogisticRegression())]


def searched(net):
    search = HalvingGridSearchCV(net, GRID, resource="max_iter", max_resources=12, min_resources=6, cv=2)
    return search.fit(X, Y).predict_proba(X), sorted(search.cv_results_), search.best_params_.keys()


def by_batches(net):
    for part in np.array_split(np.random.RandomState(0).permutation(150), 3):
        net.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    return net.predict(X), net.n_iter_, net.t_, len(net.loss_curve_)


CLASSIFIERS = {
    "adaboost": lambda net: AdaBoostClassifier(net, n_estimators=2).fit(X, Y).decision_function(X),
    "bagging": lambda net: BaggingClassifier(net, n_estimators=2).fit(X, Y).predict_log_proba(X),
    "batches": by_batches,
    "chain": lambda net: ClassifierChain(net).fit(X, LABELS).predict_proba(X),
    "cross-validation": lambda net: [
        cross_val_predict(net, X, Y, cv=2, method=method)
        for method in ("predict", "predict_proba", "predict_log_proba")
    ],
    "halving": searched,
    "incremental": lambda net: learning_curve(net, X, Y, cv=2, shuffle=True, random_state=0,
                                              train_sizes=[0.5, 1.0], exploit_incremental_learning=True),
    "labels": lambda net: (net.fit(X, LABELS).predict(X), net.predict_proba(X), net.score(X, LABELS)),
    "labels apart": lambda net: MultiOutputClassifier(net).fit(X, LABELS).predict_proba(X),
    "one by one": lambda net: OneVsOneClassifier(net).fit(X, Y).predict(X),
    "one of all": lambda net: OneVsRestClassifier(net).fit(X, Y).predict_proba(X),
    "partial dependence": lambda net: partial_dependence(net.fit(X, Y), X, [0], grid_resolution=5),
    "recursive elimination": lambda net: RFECV(net).fit(X, Y),
    "scores": lambda net: cross_validate(net, X, Y, cv=2, return_train_score=True,
                                         scoring=["neg_log_loss", "roc_auc_ovr"]),
    "selection": lambda net: SequentialFeatureSelector(net, n_features_to_select=1, cv=2)
    .fit(X, Y).transform(X),
    "stacking": lambda net: StackingClassifier([("net", net), *LINES], net, cv=2)
    .fit(X, Y).transform(X),
    "threshold": lambda net: FixedThresholdClassifier(net, threshold=0.3).fit(X, Y > 0).predict(X),
    "voting": lambda net: VotingClassifier([("net", net), *LINES], voting="soft")
    .fit(X, Y, sample_weight=np.ones(150)).predict_proba(X),
    "without decision": lambda net: cross_val_predict(net, X, Y, cv=2, method="decision_function"),
}

REGRESSORS = {
    "adaboost": lambda net: AdaBoostRegressor(net, n_estimators=2).fit(N, T).predict(N),
    "chain": lambda net: RegressorChain(net).fit(N, np.c_[T, -T]).predict(N),
    "partial dependence": lambda net: partial_dependence(
        make_pipeline(QuantileTransformer(n_quantiles=50), net).fit(N, T), N, [(0, 2)], grid_resolution=4
    ),
    "permutation": lambda net: permutation_importance(net.fit(N, T), N, T, n_repeats=2),
    "stacking": lambda net: StackingRegressor([("net", net), ("line", LinearRegression())], cv=2)
    .fit(N, T).predict(N),
    "target": lambda net: TransformedTargetRegressor(net, transformer=StandardScaler())
    .fit(N, np.c_[T, -T]).predict(N),
    "validation": lambda net: validation_curve(net, N, T, param_name="alpha", param_range=[0.1, 1], cv=2),
}


def form(value):
    """What must be the same of two results: types and shapes, not the numbers."""
    if isinstance(value, np.ndarray):
        return "array", value.shape, value.dtype
    if isinstance(value, dict):
        return {name: form(value[name]) for name in value if "time" not in name}
    if isinstance(value, (list, tuple)):
        return type(value), [form(part) for part in value]
    return value if isinstance(value, (str, int)) else "number" if isinstance(value, float) else type(value)


def outcome(tool, net):
    """The form of what a tool gives, or its error, and the categories of the warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = form(tool(net))
        except (AttributeError, ValueError) as wrong:
            found = type(wrong), str(wrong)
    return found, {warning.category for warning in warned}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tools_do_with_the_classifier_what_they_do_with_scikit_learns(name):
    ours, reference = (
        outcome(CLASSIFIERS[name], library.MLPClassifier((5,), max_iter=8, random_state=0))
        for library in (matgrad, theirs)
    )
    assert ours == reference


@pytest.mark.parametrize("name", REGRESSORS)
def test_tools_do_with_the_regressor_what_they_do_with_scikit_learns(name):
    ours, reference = (
        outcome(REGRESSORS[name], library.MLPRegressor(hidden_layer_sizes=(5,), max_iter=8))
        for library in (matgrad, theirs)
    )
    assert ours == reference


def test_curves_of_the_gallerys_rules_are_scikit_learns():
    sgd = {"solver": "sgd", "learning_rate_init": 0.2, "batch_size": 150}
    for settings in (
        {**sgd, "momentum": 0},
        {**sgd, "momentum": 0, "learning_rate": "invscaling"},
        {**sgd, "momentum": 0.9, "nesterovs_momentum": False},
        {**sgd, "momentum": 0.9, "nesterovs_momentum": True, "learning_rate": "invscaling"},
        {"solver": "adam", "learning_rate_init": 0.01, "batch_size": 150},
    ):
        curves = []
        for library in (matgrad, theirs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                net = library.MLPClassifier(max_iter=30, random_state=0, **settings).fit(scale(X), Y)
            curves.append(net.loss_curve_)
        np.testing.assert_allclose(*curves, rtol=1e-7)
