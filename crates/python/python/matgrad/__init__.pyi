from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__version__: str
__all__ = ["Derivation", "Error", "Explanation", "MLPClassifier", "MLPRegressor", "Network", "__version__"]

class Error(ValueError): ...

class _DLPack(Protocol):
    def __dlpack__(self) -> Any: ...

class _MLP:
    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    t_: int
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    imputed_: NDArray[np.float64]
    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Self: ...
    def set_fit_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...
    def set_callbacks(self, *callbacks: Any) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float: ...
    def predict(self, X: Any) -> NDArray[Any]: ...

_Matrix = ArrayLike | _DLPack
_Path = str | PathLike[str]
_Sizes = int | Sequence[int]
_Activation = str | Sequence[str]
_Rate = Literal["constant", "invscaling", "adaptive"]

class MLPClassifier(_MLP):
    classes_: NDArray[Any]
    def __init__(
        self,
        hidden_layer_sizes: _Sizes = (100,),
        activation: _Activation = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto", "full"] = "auto",
        learning_rate: _Rate = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        dropout: float | Sequence[float] = 0.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        cost_matrix: ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self: ...
    def set_partial_fit_request(
        self,
        *,
        classes: bool | str | None = "$UNCHANGED$",
        sample_weight: bool | str | None = "$UNCHANGED$",
    ) -> Self: ...
    def predict_proba(self, X: Any) -> NDArray[Any]: ...
    def predict_log_proba(self, X: Any) -> NDArray[Any]: ...

class MLPRegressor(_MLP):
    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: _Sizes = (100,),
        activation: _Activation = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto", "full"] = "auto",
        learning_rate: _Rate = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...

class Derivation(str):
    latex: str

class Explanation:
    def to_html(self, digits: int = 6) -> str: ...
    def to_latex(self, digits: int = 6) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...

class Network:
    weights: dict[str, NDArray[np.float64]]
    def __init__(self, equations: str, *, seed: int = 0, dtype: DTypeLike = "float64") -> None: ...
    @classmethod
    def layers(
        cls,
        inputs: int,
        outputs: int,
        hidden: Sequence[int] = (),
        *,
        activation: str = "tanh",
        loss: str = "mse",
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        dtype: DTypeLike = "float64",
    ) -> Network: ...
    @classmethod
    def load(cls, path: _Path) -> Network: ...
    @classmethod
    def from_onnx(cls, data: bytes, loss: str | None = None) -> Network: ...
    def save(self, path: _Path) -> None: ...
    def compile(self, optimizer: str = "adam", **settings: float) -> Network: ...
    def fit(
        self,
        X: _Matrix,
        Y: _Matrix,
        *,
        epochs: int = 300,
        batch_size: int | None = None,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[_Matrix, _Matrix] | None = None,
        seed: int = 0,
        n_jobs: int | None = 1,
        callback: Callable[[int, float, float | None, dict[str, NDArray[np.float64]]], Any]
        | None = None,
    ) -> dict[str, list[float]]: ...
    def predict(self, X: _Matrix) -> NDArray[np.float64]: ...
    def encode(self, table: Any) -> NDArray[np.float64]: ...
    @property
    def labels(self) -> list[str]: ...
    def explain(
        self, X: _Matrix, Y: _Matrix, *, lr: float = 0.1, entries: Sequence[str] = ()
    ) -> Explanation: ...
    def to_onnx(self) -> bytes: ...
    def to_c(self, name: str = "net", rows: int = 1) -> dict[str, str]: ...
    @property
    def equations(self) -> str: ...
    @property
    def parameters(self) -> dict[str, tuple[str, str]]: ...
    def derive(self, *wrt: str) -> Derivation: ...
    def to_latex(self, *wrt: str) -> str: ...
    def to_numpy(self) -> str: ...
    def to_julia(self) -> str: ...
    def gradients(
        self, *wrt: str, **arrays: _Matrix
    ) -> tuple[float, dict[str, NDArray[np.float64]]]: ...
    def check(self, **arrays: _Matrix) -> dict[str, float]: ...
