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
    with pytest.raises(ValueError, match="lbfgs takes no negative weights"):
        matgrad.MLPRegressor(solver="lbfgs").fit(X, X[:, 0], weight)
    with pytest.raises(ValueError, match="sample_weight must hold numbers"):
        nets[0].fit(X, CLASSES, [{}] * 30)
