"""Backpropagation in matrix form, from the equation to the trained model.

``MLPClassifier`` and ``MLPRegressor`` are scikit-learn estimators; ``Network`` is a page of
matrix equations that can be derived, checked, trained and explained.
"""

from ._classifier import MLPClassifier
from ._matgrad import Error, __version__
from ._network import Derivation, Explanation, Network
from ._regressor import MLPRegressor

__all__ = ["Derivation", "Error", "Explanation", "MLPClassifier", "MLPRegressor", "Network", "__version__"]
