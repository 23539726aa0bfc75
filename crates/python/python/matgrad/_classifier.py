"""The classifier."""

from __future__ import annotations

import numpy as np

from ._estimator import Estimator, all_or_nothing
from ._mlp import _MLP, _link, by_epochs
from ._score import accuracy, mean
from ._settings import ATTRIBUTES, LOSSES, PARAMETERS, named_loss, store
from ._targets import class_weights, column, distinct, same_length, weights_of
from ._validate import plain


class MLPClassifier(_MLP):
    __doc__ = f"""A classifier; the parameters that scikit-learn's has mean the same here.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(100,)
    activation : str or sequence of str, default="relu"
        A function of matgrad's library for all hidden layers, or one for each.
    solver : str, default="adam"
        ``sgd adam adamw nadam adamax rmsprop adagrad lion``; on all rows at once ``rprop
        rprop_plus irprop_minus irprop_plus quickprop``; searches ``lbfgs scg``, and ``lm`` for
        squared errors. A search computes in 64 bits, as scikit-learn's does, and its weights are
        rounded to the precision of X in the end.
    alpha : float, default=1e-4
        Strength of the squared-weights term of the objective.
    loss : str, default="log_loss"
        ``log_loss hinge expected_cost`` (of ``cost_matrix``), a loss of matgrad's library for
        values (of the probabilities P), or an equation of Z, P, Y (and C, the costs) by row or
        entry, such as ``"(P - Y) .^ 2"``.
    class_weight : dict or "balanced", optional
        Multiplies the weights of the rows of each class.
    cost_matrix : array of shape (n_classes, n_classes), optional
        ``cost_matrix[i, j]``: cost of deciding class j where i is true. ``predict`` then decides
        for the least expected cost.
    {PARAMETERS}
    Attributes
    ----------
    classes_ : array
        The classes in order; the numbers of the labels where a row has several.
    {ATTRIBUTES}
    Examples
    --------
    >>> import numpy as np
    >>> from matgrad import MLPClassifier
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array(["no", "yes", "yes", "no"])
    >>> net = MLPClassifier((8,), activation="tanh", solver="rprop", random_state=0)
    >>> net.fit(X, y).predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    _kind = "classifier"
    _estimator_type = "classifier"
    _sparse_labels = False
    _routed = {**Estimator._routed, "partial_fit": ("classes", "sample_weight")}

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        loss="log_loss",
        dropout=0.0,
        class_weight=None,
        cost_matrix=None,
        n_jobs=None,
    ):
        store(self, locals())

    def _row_loss(self):
        self._check_costs()
        one_of_many = self._width_of_target > 1 and not self._multilabel
        link = "softmax" if one_of_many else "logistic"
        if self.loss == "log_loss":
            return LOSSES["log_loss" if one_of_many else "binary_log_loss"]
        if self.loss == "hinge":
            return "hinge_each(Z, 2 Y - 1)", link
        if self.loss == "expected_cost":
            return self._expected_cost(one_of_many), link
        return named_loss(self.loss, "P", ["log_loss", "hinge", "expected_cost"]), link

    def _expected_cost(self, one_of_many: bool) -> str:
        """What decisions cost that are taken with these probabilities."""
        if self.cost_matrix is None or self._multilabel:
            raise ValueError("loss='expected_cost' needs cost_matrix, and one class a row")
        if len(self.classes_) < 2:
            raise ValueError(f"loss='expected_cost' needs two classes, y has {self.classes_}")
        if one_of_many:
            return "expected_cost_each(Z, Y, C)"
        C = np.asarray(self.cost_matrix, dtype=float)
        (a, b), (c, d) = (tuple(map(float, row)) for row in C)
        return f"(1 - Y) ⊙ ({a!r} (1 - P) + {b!r} P) + Y ⊙ ({c!r} (1 - P) + {d!r} P)"

    def _strata(self, Y):
        if self._multilabel:
            return None
        return Y.argmax(axis=1) if Y.shape[1] > 1 else Y.ravel()

    def _encode(self, y, classes=None, again=False) -> np.ndarray:
        """0 and 1: a column a class, one column for two classes or a column a label."""
        if y.dtype.kind == "f" and (y != np.floor(y)).any():
            raise ValueError(
                "Unknown label type: continuous. Maybe you are trying to fit a classifier, which "
                "expects discrete classes on a regression target with continuous values."
            )
        if y.ndim == 2:
            if not ((y == 0) | (y == 1)).all():
                raise ValueError(
                    "Unknown label type: multiclass-multioutput; give one column of classes, or "
                    "columns of 0 and 1"
                )
            self._multilabel = True
            self.classes_ = np.arange(y.shape[1])
            self._width_of_target = y.shape[1]
            return y.astype(np.float64)
        self._multilabel = False
        if classes is None:
            self.classes_ = distinct(y)
        self._width_of_target = 1 if len(self.classes_) <= 2 else len(self.classes_)
        found = distinct(y)
        if again and not np.array_equal(found, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        unknown = sorted(set(found.tolist()) - set(self.classes_.tolist()))
        if unknown:
            raise ValueError(f"`y` has classes not in `self.classes_`: {unknown}")
        codes = np.searchsorted(self.classes_, y)
        if self._width_of_target == 1:
            return codes.reshape(-1, 1).astype(np.float64)
        return np.eye(len(self.classes_))[codes]

    def _weighted(self, array, Y, sample_weight):
        """Rows' weights times those of their classes."""
        same_length(array, Y)
        weight = weights_of(sample_weight, len(Y))
        if self.class_weight is None:
            return weight
        if self._multilabel:
            raise ValueError("class_weight is for one class a row, y has several labels a row")
        codes = self._strata(Y).astype(int)
        rows = class_weights(self.class_weight, self.classes_, codes)[codes]
        rows = rows if weight is None else weight * rows
        if not rows.any():
            raise ValueError("class_weight gives all rows the weight 0: there is nothing to learn")
        return rows

    def fit(self, X, y, sample_weight=None):
        """Trains on rows of X with classes y; returns the estimator."""
        name = type(self).__name__
        with all_or_nothing(self):
            self._check_parameters()
            again = self.warm_start and hasattr(self, "coefs_")
            array = self._read(X, reset=not again)
            if not again:
                self._sparse_labels = hasattr(y, "toarray")
            Y = self._encode(column(y, name), self.classes_ if again else None, again)
            weight = self._weighted(array, Y, sample_weight)
            self._train((X, y, sample_weight), array, Y, weight, incremental=False)
        return self

    @by_epochs
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """One epoch over these rows, going on from where the last call ended."""
        name = type(self).__name__
        with all_or_nothing(self):
            self._check_parameters()
            first = not hasattr(self, "coefs_")
            array = self._read(X, reset=first)
            if classes is not None:
                found = distinct(column(classes, name))
                if hasattr(self, "classes_") and not np.array_equal(found, self.classes_):
                    raise ValueError(
                        f"`classes={classes}` is not the same as on last call to partial_fit, "
                        f"was: {self.classes_}"
                    )
                self.classes_ = found
            elif first:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            Y = self._encode(column(y, name), self.classes_)
            weight = self._weighted(array, Y, sample_weight)
            self._train((X, y, sample_weight), array, Y, weight, incremental=True)
        return self

    def set_partial_fit_request(self, *, classes="$UNCHANGED$", sample_weight="$UNCHANGED$"):
        """Asks a router to hand ``classes`` and ``sample_weight`` to ``partial_fit``."""
        return self._request("partial_fit", {"classes": classes, "sample_weight": sample_weight})

    def _check_costs(self) -> None:
        if self.cost_matrix is None:
            return
        if self._multilabel:
            raise ValueError("cost_matrix is for one class a row, y has several labels a row")
        costs, count = np.asarray(self.cost_matrix, dtype=float), len(self.classes_)
        if costs.shape != (count, count) or not np.isfinite(costs).all():
            raise ValueError(
                f"cost_matrix must be {count}×{count} finite numbers, one row a true class and "
                f"one column a decision; it is {costs.shape}"
            )

    def _score_of(self, output, Y, weight) -> float:
        if self._multilabel:
            right = ((output > 0) == (Y > 0.5)).all(axis=1)
        else:
            right = self._codes(output) == self._strata(Y)
        return mean(right, None if weight is None else weight.ravel())

    def _codes(self, output) -> np.ndarray:
        """The number of each row's class; a class that is alone is each row's."""
        if output.shape[1] > 1:
            return output.argmax(axis=1)
        return ((output > 0).ravel() & (len(self.classes_) > 1)).astype(int)

    def predict_proba(self, X):
        """Probabilities of the classes (or of each label), shape (n, n_classes)."""
        output = self._output(X)
        P = _link(self.out_activation_, output).astype(self.coefs_[0].dtype, copy=False)
        return np.hstack([1 - P, P]) if self._width() == 1 and not self._multilabel else P

    def predict_log_proba(self, X):
        """Logarithms of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """The most probable class of each row; with ``cost_matrix`` the cheapest expected one.

        Of several labels a row, those that are more probable than not; sparse as y was in ``fit``.
        """
        if self.cost_matrix is not None and hasattr(self, "coefs_"):
            self._check_costs()
            P = self.predict_proba(X)[:, : len(self.classes_)]
            expected = P @ np.asarray(self.cost_matrix, dtype=float)
            return self.classes_[expected.argmin(axis=1)]
        output = self._output(X)
        if not self._multilabel:
            return self.classes_[self._codes(output)]
        labels = (output > 0).astype(int)
        if not self._sparse_labels:
            return labels
        from scipy.sparse import csr_matrix

        return csr_matrix(labels)

    def score(self, X, y, sample_weight=None):
        """Accuracy."""
        return accuracy(y, plain(self.predict(X)), sample_weight, type(self).__name__)
