"""Settings that are numbers, checked."""

from __future__ import annotations

import math
import numbers
import os
from typing import Any


def within(value: Any, interval: str) -> bool:
    """Whether a number lies in an interval such as ``[0, 1)``."""
    low, high = map(float, interval[1:-1].split(", "))
    above = value >= low if interval[0] == "[" else value > low
    return bool(above and (value <= high if interval[-1] == "]" else value < high))


def real(name: str, value: Any, interval: str) -> float:
    """A number in an interval."""
    if not isinstance(value, numbers.Real) or not within(value, interval):
        raise ValueError(f"{name} must be a number in the range {interval}, it is {value!r}")
    return float(value)


def is_whole(value: Any) -> bool:
    """Whether this is an integer, of Python or of NumPy."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def whole(name: str, value: Any, least: int, below: float = math.inf) -> int:
    """An integer from ``least`` on."""
    if not is_whole(value) or not least <= value < below:
        most = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"{name} must be an int from {least} on{most}, it is {value!r}")
    return int(value)


def seed(value: Any) -> int:
    """What seeds matgrad's own draws."""
    return whole("seed", value, 0, 2**64)


def threads(jobs: Any) -> int:
    """How many ``n_jobs`` asks for: one without it, -1 is all cores; never more than there are."""
    if jobs is None:
        return 1
    if not is_whole(jobs) or jobs == 0:
        raise ValueError(f"n_jobs must be a number of threads, -1 for all, it is {jobs!r}")
    cores = os.cpu_count() or 1
    return max(1, cores + 1 + int(jobs)) if jobs < 0 else min(int(jobs), cores)
