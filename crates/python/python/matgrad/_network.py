"""A page of matrix equations: derive, check, evaluate, print."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _matgrad


class Network:
    """A network as a page of equations.

    Parameters
    ----------
    equations : str
        The page, in matgrad's language (ASCII or Unicode).

    Examples
    --------
    >>> from matgrad import Network
    >>> net = Network('''
    ... input X : B×4
    ... target Y : B×3
    ... param W : 4×3
    ... param b : 1×3
    ... Z = X W + b
    ... L = cross_entropy(Z, Y)
    ... minimize L
    ... ''')
    >>> print(net.derive())
    ∂Z = (softmax(Z) - Y) / B         B×3
    ∂W = Xᵀ ∂Z                        4×3
    ∂b = 𝟏ᵀ ∂Z                        1×3
    """

    def __init__(self, equations: str):
        self._page = _matgrad.Network(equations)

    @property
    def equations(self) -> str:
        """The page as it was given."""
        return self._page.source

    @property
    def parameters(self) -> dict[str, tuple[str, str]]:
        """Names and shapes of the trained matrices."""
        return dict(self._page.parameters)

    def derive(self, *wrt: str) -> str:
        """The gradients of the objective with respect to the parameters (or these names)."""
        return self._page.derive("unicode", list(wrt)).rstrip("\n")

    def to_latex(self, *wrt: str) -> str:
        """The gradients in LaTeX, one aligned block."""
        return self._page.derive("latex", list(wrt))

    def to_numpy(self) -> str:
        """A Python module that computes objective and gradients with NumPy alone."""
        return self._page.derive("numpy", [])

    def to_julia(self) -> str:
        """A Julia file that computes objective and gradients with its standard library alone."""
        return self._page.derive("julia", [])

    def gradients(self, **arrays: Any) -> tuple[float, dict[str, np.ndarray]]:
        """The objective and its gradient for each parameter, at these arrays.

        In 32 bits when every array is float32, else in 64.
        """
        read = {name: _two_dimensional(name, value) for name, value in arrays.items()}
        double = any(value.dtype != np.float32 for value in read.values())
        return self._page.gradients_at(double, **read)

    def check(self, **arrays: Any) -> dict[str, float]:
        """‖numeric − analytic‖ / ‖numeric + analytic‖ for each parameter, in 64 bits."""
        return self._page.check(
            **{name: _two_dimensional(name, value) for name, value in arrays.items()}
        )

    def _repr_latex_(self) -> str:
        return f"$$\n{self.to_latex()}\n$$"

    def __repr__(self) -> str:
        return f"Network({self.equations!r})"


def _two_dimensional(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim == 0:
        return array.reshape(1, 1)
    if array.ndim != 2:
        raise ValueError(
            f"{name} has {array.ndim} dimension(s): a matrix is wanted, such as "
            f"{name}.reshape(1, -1) for a row"
        )
    return array
