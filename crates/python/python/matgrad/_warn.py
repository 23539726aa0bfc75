"""Warnings that point at the line that asked for what they are about."""

from __future__ import annotations

import sys
import warnings

_BETWEEN = ("matgrad", "sklearn", "joblib")
"""Packages whose lines nobody can mend: this one, and those that call it for somebody."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns of the nearest line that is not of these packages, however deep the call is."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
