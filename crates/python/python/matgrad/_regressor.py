"""The regressor."""

from __future__ import annotations

import numpy as np

from ._estimator import all_or_nothing
from ._mlp import _MLP, _link, by_epochs
from ._score import r2, r2_of
from ._settings import ATTRIBUTES, LOSSES, PARAMETERS, named_loss, store
from ._targets import column, same_length, values, weights_of


class MLPRegressor(_MLP):
    __doc__ = f"""A regressor; the parameters that scikit-learn's has mean the same here.

    Parameters
    ----------
    loss : str, default="squared_error"
        ``squared_error absolute_error huber poisson``, a loss of matgrad's library for values,
        or an equation of Z and Y by row or entry, such as ``"log(cosh(Z - Y))"``. As in
        scikit-learn, squared errors of several outputs are averaged in the losses that are told
        and add up in the gradient that is followed; Poisson's add up in both. ``absolute_error``
        and ``huber`` are averaged in both, and the entries of an equation add up in both.
    hidden_layer_sizes : sequence of int, default=(100,)
    activation : str or sequence of str, default="relu"
        A function of matgrad's library for all hidden layers, or one for each.
    solver : str, default="adam"
        As in :class:`MLPClassifier`.
    alpha : float, default=1e-4
        Strength of the squared-weights term of the objective.
    {PARAMETERS}
    Attributes
    ----------
    {ATTRIBUTES}
    Examples
    --------
    >>> import numpy as np
    >>> from matgrad import MLPRegressor
    >>> x = np.linspace(0, 3, 50).reshape(-1, 1)
    >>> net = MLPRegressor(activation="tanh", learning_rate_init=0.01, max_iter=500, tol=0)
    >>> net = net.set_params(random_state=0, n_iter_no_change=500)
    >>> net.fit(x, np.sin(x).ravel()).score(x, np.sin(x).ravel()) > 0.99
    True
    """

    _kind = "regressor"
    _estimator_type = "regressor"

    def __init__(
        self,
        loss="squared_error",
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
        dropout=0.0,
        n_jobs=None,
    ):
        store(self, locals())

    def _row_loss(self):
        known = {name: loss for name, loss in LOSSES.items() if not name.endswith("log_loss")}
        if isinstance(self.loss, str) and self.loss in known:
            return known[self.loss]
        return named_loss(self.loss, "Z", list(known)), "identity"

    def _strata(self, Y):
        return None

    def _encode(self, y) -> np.ndarray:
        """The targets as a matrix."""
        y = values(y)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("loss='poisson' needs targets that are not negative")
        self._flat = y.ndim == 1
        return y.reshape(len(y), -1)

    def fit(self, X, y, sample_weight=None):
        """Trains on rows of X with targets y, (n,) or (n, n_outputs); returns the estimator."""
        with all_or_nothing(self):
            self._check_parameters()
            again = self.warm_start and hasattr(self, "coefs_")
            array = self._read(X, reset=not again)
            Y = self._encode(column(y, type(self).__name__))
            same_length(array, Y)
            weight = weights_of(sample_weight, len(Y))
            self._train((X, y, sample_weight), array, Y, weight, incremental=False)
        return self

    @by_epochs
    def partial_fit(self, X, y, sample_weight=None):
        """One epoch over these rows, going on from where the last call ended."""
        with all_or_nothing(self):
            self._check_parameters()
            array = self._read(X, reset=not hasattr(self, "coefs_"))
            Y = self._encode(column(y, type(self).__name__))
            same_length(array, Y)
            weight = weights_of(sample_weight, len(Y))
            self._train((X, y, sample_weight), array, Y, weight, incremental=True)
        return self

    def _score_of(self, output, Y, weight) -> float:
        return r2_of(Y, _link(self.out_activation_, output), weight)

    def predict(self, X):
        """Predicted numbers, (n,) or (n, n_outputs) as y was."""
        output = self._output(X)
        predicted = _link(self.out_activation_, output).astype(self.coefs_[0].dtype, copy=False)
        return predicted.ravel() if self._flat else predicted

    def score(self, X, y, sample_weight=None):
        """R², the mean over outputs."""
        return r2(y, self.predict(X), sample_weight, type(self).__name__)
