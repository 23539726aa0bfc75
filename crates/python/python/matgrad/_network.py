"""A page of matrix equations: derive, check, train, explain, print, keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _matgrad
from ._numbers import real, seed as seed_of, threads, whole
from ._settings import SEARCHES
from ._targets import floats
from ._warn import warn


class Derivation(str):
    """Equations as text that show as mathematics in notebooks.

    Attributes
    ----------
    latex : str
        The same equations in LaTeX, one aligned block.
    """

    latex: str

    def __new__(cls, text: str, latex: str):
        made = super().__new__(cls, text)
        made.latex = latex
        return made

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


class Explanation:
    """Every number of a batch: forward, backward and an update; a page in notebooks."""

    def __init__(self, said):
        self._said = said

    def to_html(self, digits: int = 6) -> str:
        """A page that needs nothing else."""
        return self._said.html(digits)

    def to_latex(self, digits: int = 6) -> str:
        """A document on amsmath and amssymb."""
        return self._said.latex(digits)

    def to_dict(self) -> dict[str, Any]:
        """All lines with their equations and numbers."""
        import json

        return json.loads(self._said.json())

    def _repr_html_(self) -> str:
        import html

        page = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:32em;border:0"></iframe>'

    def __str__(self) -> str:
        return self._said.text(6)

    def __repr__(self) -> str:
        return str(self)


class Network:
    """A network as a page of equations, with its weights.

    Parameters
    ----------
    equations : str
        The page, in matgrad's language (ASCII or Unicode).
    seed : int, default=0
        Of the weights that are drawn where the page gives none.
    dtype : {"float64", "float32"}, default="float64"
        The precision of training, and of the weights in a file.

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

    def __init__(self, equations: str, *, seed: int = 0, dtype: Any = "float64"):
        self._page = _matgrad.Network(equations)
        self._seed, self._dtype = seed_of(seed), np.dtype(dtype)
        if self._dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is float32 or float64, not {self._dtype}")
        self._made = None
        self.compile()

    # -- made, kept ---------------------------------------------------------------------------

    @classmethod
    def layers(
        cls,
        inputs: int,
        outputs: int,
        hidden: tuple[int, ...] = (),
        *,
        activation: str = "tanh",
        loss: str = "mse",
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        dtype: Any = "float64",
    ) -> Network:
        """A network of dense layers; ``equations`` is the page that they are.

        Examples
        --------
        >>> net = Network.layers(4, 3, (8,), loss="cross_entropy")
        >>> net.parameters["W₁"]
        ('4', '8')
        """
        page = _matgrad.layers(
            whole("inputs", inputs, 1),
            whole("outputs", outputs, 1),
            [whole("hidden", units, 1) for units in hidden],
            activation,
            loss,
            real("dropout", dropout, "[0, 1)"),
            real("weight_decay", weight_decay, "[0, inf)"),
        )
        return cls(page, seed=seed, dtype=dtype)

    @classmethod
    def _of(cls, model, dtype: Any) -> Network:
        net = cls(model.source, dtype=dtype)
        net._made = model
        return net

    @classmethod
    def load(cls, path: Any) -> Network:
        """Reads the ``.safetensors`` file that ``save`` or the command line wrote."""
        model = _matgrad.Model.load(path)
        return cls._of(model, "float64" if model.double else "float32")

    @classmethod
    def from_onnx(cls, data: bytes, loss: str | None = None) -> Network:
        """Reads an ONNX graph; ``loss`` is one of the library's, to train on with."""
        known = [name.removesuffix("_each") for name in _matgrad.functions() if "_each" in name]
        if loss is not None and loss not in known:
            raise ValueError(f"there is no loss {loss!r}; known are {', '.join(known)}")
        return cls._of(_matgrad.Model.from_onnx(data, loss), "float32")

    def save(self, path: Any) -> None:
        """Writes one ``.safetensors`` file, which the command line and ``load`` read."""
        self._model.save(path)

    @property
    def _model(self):
        if self._made is None:
            self._made = _matgrad.Model(self.equations, self._seed, self._dtype == np.float64)
        return self._made

    # -- mathematics --------------------------------------------------------------------------

    @property
    def equations(self) -> str:
        """The page as it was given."""
        return self._page.source

    @property
    def parameters(self) -> dict[str, tuple[str, str]]:
        """Names and shapes of the trained matrices."""
        return dict(self._page.parameters)

    def derive(self, *wrt: str) -> Derivation:
        """The gradients of the objective with respect to the parameters (or these names)."""
        text = self._page.derive("unicode", list(wrt)).rstrip("\n")
        return Derivation(text, self.to_latex(*wrt))

    def to_latex(self, *wrt: str) -> str:
        """The gradients in LaTeX, one aligned block."""
        return self._page.derive("latex", list(wrt))

    def to_numpy(self) -> str:
        """A Python module that computes objective and gradients with NumPy alone."""
        return self._page.derive("numpy", [])

    def to_julia(self) -> str:
        """A Julia file that computes objective and gradients with its standard library alone."""
        return self._page.derive("julia", [])

    def to_onnx(self) -> bytes:
        """The network with its weights as an ONNX graph."""
        return self._model.onnx()

    def to_c(self, name: str = "net", rows: int = 1) -> dict[str, str]:
        """The files of the forward pass in C99, by name, for up to ``rows`` rows at once."""
        return self._model.c(name, whole("rows", rows, 1))

    def gradients(self, *wrt: str, **arrays: Any) -> tuple[float, dict[str, np.ndarray]]:
        """The objective at these arrays, and its gradient for each parameter (or these names).

        In 32 bits when every array is float32, else in 64. Arrays are anything with a buffer,
        ``__array__`` or ``__dlpack__``, and are read where they lie.
        """
        read = {name: as_matrix(name, value) for name, value in arrays.items()}
        double = any(value.dtype != np.float32 for value in read.values())
        return self._page.gradients_at(double, list(wrt), **read)

    def check(self, **arrays: Any) -> dict[str, float]:
        """‖numeric − analytic‖ / ‖numeric + analytic‖ for each parameter, in 64 bits."""
        return self._page.check(
            **{name: as_matrix(name, value) for name, value in arrays.items()}
        )

    # -- training -----------------------------------------------------------------------------

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the weights by name; ``net.weights = {"W": array}`` sets those named."""
        return self._model.weights()

    @weights.setter
    def weights(self, given: dict[str, Any]) -> None:
        self._model.set_weights({name: as_matrix(name, value) for name, value in given.items()})

    def compile(self, optimizer: str = "adam", **settings: float) -> Network:
        """Chooses the update rule (or ``lbfgs scg lm``) and its settings, such as ``lr``.

        A wrong name is said here; returns the network.
        """
        _matgrad.settings(optimizer, settings)
        for name, value in settings.items():
            real(name, value, "[0, inf)" if name in _RATES else "(-inf, inf)")
        self._method = (optimizer, settings)
        return self

    def fit(
        self,
        X: Any,
        Y: Any,
        *,
        epochs: int = 300,
        batch_size: int | None = None,
        sample_weight: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        seed: int = 0,
        n_jobs: int | None = 1,
        callback: Any = None,
    ) -> dict[str, list[float]]:
        """Trains from the present weights; the loss before each epoch, and that held back.

        Parameters
        ----------
        X, Y : arrays
            The matrices that the equations take.
        batch_size : int, optional
            Rows of a batch; all without it.
        n_jobs : int, default=1
            Threads; they change no bit. -1 is all.
        validation_data : pair of arrays, optional
            The weights of its least loss are kept.
        callback : callable, optional
            ``callback(epoch, loss, validation_loss, weights)`` after each epoch; true stops.

        Examples
        --------
        >>> page = "input X : B×1\\ntarget Y : B×1\\nparam w : 1×1\\nZ = X w\\nminimize mse(Z, Y)"
        >>> net = Network(page)
        >>> history = net.compile("sgd", lr=0.1).fit([[1.0], [2.0]], [[3.0], [6.0]], epochs=50)
        >>> round(float(net.weights["w"][0, 0]), 6)
        3.0
        """
        X, Y = _pair((X, Y), "X and Y")
        weight = held = None
        if sample_weight is not None:
            weight = floats(sample_weight, "sample_weight")
            weight = as_matrix("sample_weight", weight.reshape(-1, 1) if weight.ndim == 1 else weight)
        if validation_data is not None:
            held = _pair(validation_data, "validation_data")
            if not all(np.isfinite(array.sum(dtype=np.float64)) for array in held):
                raise ValueError(
                    "validation_data holds NaN or infinity, so that no epoch has a loss on it; "
                    "leave those rows out"
                )
        size = None if batch_size is None else whole("batch_size", batch_size, 1)
        if size is not None and self._method[0] in SEARCHES:
            raise ValueError(
                f"{self._method[0]} takes all rows at once: leave batch_size out, or compile an "
                "update rule such as adam"
            )
        losses, ended = self._model.fit(
            X, Y, weight, held, self._method[0], self._method[1],
            whole("epochs", epochs, 0), size, seed_of(seed), threads(n_jobs), callback,
        )
        if ended == "interrupted":
            warn("Training interrupted; the weights of the last epoch stay")
        history = {"loss": [loss for loss, _ in losses]}
        if held is not None:
            history["validation_loss"] = [loss for _, loss in losses]
        return history

    def predict(self, X: Any) -> np.ndarray:
        """Outputs for rows of X: probabilities where the loss takes logits of classes.

        In the precision of X; contiguous arrays are read where they lie.
        """
        return self._model.predict(as_matrix("X", X), True)

    def encode(self, table: Any) -> np.ndarray:
        """The matrix X of a table (dict, pandas, polars, pyarrow), as in the model's training."""
        return self._model.encode(columns_of(table))

    @property
    def labels(self) -> list[str]:
        """Names of the classes in the order of the outputs; none for numbers."""
        return self._model.labels

    def explain(self, X: Any, Y: Any, *, lr: float = 0.1, entries: tuple[str, ...] = ()):
        """Every number of these rows: forward, backward, and one step of descent.

        Parameters
        ----------
        entries : sequence of str
            Entries such as ``"d_W1[3,2]"`` whose sums are written out.
        """
        X, Y = as_matrix("X", X), as_matrix("Y", Y)
        return Explanation(self._model.explain(X, Y, lr, list(entries)))

    def _repr_latex_(self) -> str:
        return f"$$\n{self.to_latex()}\n$$"

    def __repr__(self) -> str:
        return f"Network({self.equations!r})"

    def __getstate__(self):
        return {
            "equations": self.equations, "dtype": self._dtype.name, "method": self._method,
            "seed": self._seed, "weights": None if self._made is None else self.weights,
        }

    def __setstate__(self, state):
        self.__init__(state["equations"], seed=state["seed"], dtype=state["dtype"])
        self._method = state["method"]
        if state["weights"] is not None:
            self.weights = state["weights"]


_RATES = ("lr", "learning_rate", "eta", "η")
"""What the step size is called."""


def _pair(data: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, row by row."""
    if len(data) != 2:
        raise ValueError(f"{what} is a pair of inputs and targets, not {len(data)} things")
    X, Y = as_matrix("X", data[0]), as_matrix("Y", data[1])
    if len(X) != len(Y):
        raise ValueError(f"{what}: the inputs have {len(X)} rows, the targets {len(Y)}")
    return X, Y


def columns_of(table: Any) -> list[tuple[str, list]]:
    """Names and cells of a table; a missing cell is NaN among numbers and None among words."""
    names = getattr(table, "column_names", None) or getattr(table, "columns", None)
    names = list(table) if names is None or callable(names) else list(names)
    read = []
    for name in names:
        cells = np.asarray(table[name])
        if cells.dtype.kind in "fiub":
            read.append((str(name), cells.astype(np.float64).tolist()))
        else:
            words = [None if w is None or w != w else str(w) for w in cells.tolist()]
            read.append((str(name), words))
    return read


def as_matrix(name: str, value: Any) -> np.ndarray:
    """A float32 or float64 matrix, without a copy where it is one already."""
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        value = np.from_dlpack(value)
    array = floats(value, name)
    if array.ndim == 0:
        return array.reshape(1, 1)
    if array.ndim != 2:
        raise ValueError(
            f"{name} has {array.ndim} dimension(s): a matrix is wanted, such as "
            f"{name}.reshape(-1, 1) for a column or {name}.reshape(1, -1) for a row"
        )
    return array
