"""The extension module; `matgrad` is what people import."""

from collections.abc import Mapping


import numpy as np
from numpy.typing import NDArray

__version__: str

_Array = NDArray[np.float32] | NDArray[np.float64]
_State = tuple[int, list[list[float]]]

class Error(ValueError): ...

class Network:
    def __init__(self, source: str, file: str = "network") -> None: ...
    @property
    def source(self) -> str: ...
    @property
    def parameters(self) -> list[tuple[str, tuple[str, str]]]: ...
    def derive(self, format: str = "unicode", wrt: list[str] = ...) -> str: ...
    def gradients_at(
        self, double: bool = True, **values: _Array
    ) -> tuple[float, dict[str, NDArray[np.float64]]]: ...
    def check(self, **values: _Array) -> dict[str, float]: ...

class Trainer:
    def __init__(
        self,
        source: str,
        weights: Mapping[str, _Array],
        rule: str,
        settings: Mapping[str, float],
        rows: int,
        double: bool,
        threads: int,
    ) -> None: ...
    def data(self, inputs: _Array, targets: _Array, weights: _Array) -> None: ...
    def epoch(self, size: int, seed: int | None) -> float: ...
    def weights(self) -> dict[str, NDArray[np.float64]]: ...
    def set(self, name: str, value: float) -> None: ...
    def state(self) -> _State: ...
    def restore(self, state: _State) -> None: ...
    def evaluate(
        self, inputs: _Array, targets: _Array, weights: _Array
    ) -> tuple[float, NDArray[np.float64]]: ...

def main(arguments: list[str]) -> int: ...
def functions() -> list[str]: ...
def search(
    source: str,
    weights: Mapping[str, _Array],
    solver: str,
    inputs: _Array,
    targets: _Array,
    iterations: int,
    tolerance: float,
) -> tuple[dict[str, NDArray[np.float64]], list[float]]: ...
def output(
    source: str,
    weights: Mapping[str, _Array],
    inputs: _Array,
    double: bool,
    threads: int,
) -> NDArray[np.float64]: ...
