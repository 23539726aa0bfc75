"""The callbacks of scikit-learn around a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._mlp import _MLP


class Tasks:
    """The fit of an estimator as scikit-learn's callbacks see it: a task of epochs."""

    def __init__(self, estimator: _MLP, given: tuple[Any, Any, Any], epochs: int):
        X, y, weight = given
        self._estimator = estimator
        self._data = {"estimator": estimator, "X": X, "y": y}
        self._data["metadata"] = {} if weight is None else {"sample_weight": weight}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._data)
        self._epoch = None

    def begin(self) -> None:
        """An epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._data)

    def epoch(self, attributes) -> bool:
        """An epoch is done; whether a callback wants no more. A search says only this."""
        if self._epoch is None:
            self.begin()
        context, self._epoch = self._epoch, None
        done = context.call_on_fit_task_end(**self._data, reconstruction_attributes=attributes)
        return bool(done)

    def end(self) -> None:
        """The fit is done."""
        fitted = self._estimator
        self._fit.call_on_fit_task_end(
            **self._data,
            reconstruction_attributes=lambda: {
                "coefs_": fitted.coefs_, "intercepts_": fitted.intercepts_
            },
        )
