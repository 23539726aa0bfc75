"""What scikit-learn asks of an estimator, without importing scikit-learn.

scikit-learn recognises estimators by their methods. It is imported here only inside the methods
that it calls itself, so ``import matgrad`` stays fast and works where it is not installed.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from typing import Any

from ._matgrad import __version__
from ._warn import warn


class NotFittedError(ValueError, AttributeError):
    """An estimator was asked for a prediction before it was fitted."""


class ConvergenceWarning(UserWarning):
    """The last epoch was reached before the loss had settled."""


def of_sklearn(name: str, otherwise: type) -> type:
    """scikit-learn's own exception or warning where it is loaded, since its tools look for it."""
    if "sklearn" not in sys.modules:
        return otherwise
    from sklearn import exceptions

    return getattr(exceptions, name)


@contextlib.contextmanager
def all_or_nothing(estimator: Any):
    """A fit that fails leaves the estimator as it was."""
    kept = vars(estimator).copy()
    for name, value in kept.items():
        if name.endswith("_") and isinstance(value, list):
            kept[name] = value.copy()  # curves grow where they are
    try:
        yield
    except Exception:
        vars(estimator).clear()
        vars(estimator).update(kept)
        raise


class Estimator:
    """Parameters by name, tags, and metadata routing."""

    _kind = ""

    @classmethod
    def _names(cls) -> list[str]:
        signature = inspect.signature(cls.__init__)
        return sorted(name for name in signature.parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of ``__init__`` with their present values."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any):
        """Sets parameters by name; returns the estimator."""
        names = self._names()
        for name, value in params.items():
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {names!r}."
                )
            setattr(self, name, value)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_matgrad_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        written = self.__dict__.pop("_matgrad_version", "an unknown version")
        if written != __version__:
            warn(
                f"this {type(self).__name__} was pickled by matgrad {written} and is read by "
                f"{__version__}: it predicts by the weights it holds; to go on training, fit it "
                "anew, for a version may compute otherwise than the one before",
            )
        # What a newer version has learnt to take, an older one left at its default.
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if name != "self" and name not in self.__dict__:
                setattr(self, name, parameter.default)

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = []
        for name in self._names():
            value, default = getattr(self, name, None), defaults[name].default
            if value is not default and repr(value) != repr(default):
                changed.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self) -> str:
        try:
            from sklearn.utils import estimator_html_repr
        except ImportError:
            return f"<code>{self!r}</code>"
        return estimator_html_repr(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise of_sklearn("NotFittedError", NotFittedError)(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    def __sklearn_tags__(self):
        from sklearn.utils import (
            ClassifierTags,
            InputTags,
            RegressorTags,
            Tags,
            TargetTags,
        )

        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=True, multi_output=True),
            classifier_tags=ClassifierTags(multi_label=True)
            if self._kind == "classifier"
            else None,
            regressor_tags=RegressorTags() if self._kind == "regressor" else None,
            input_tags=InputTags(sparse=True, allow_nan=True),
        )

    def set_callbacks(self, *callbacks: Any):
        """scikit-learn's callbacks (1.9 or newer), such as ``sklearn.callback.ProgressBar()``."""
        from sklearn.callback import CallbackSupportMixin

        return CallbackSupportMixin.set_callbacks(self, *callbacks)

    def _init_callback_context(self, **how: Any):
        from sklearn.callback import CallbackSupportMixin

        return CallbackSupportMixin._init_callback_context(self, **how)

    # Metadata routing: `fit`, `partial_fit` and `score` take `sample_weight`, and `partial_fit`
    # of a classifier takes `classes`.

    _routed = {
        "fit": ("sample_weight",),
        "partial_fit": ("sample_weight",),
        "score": ("sample_weight",),
    }

    def _get_metadata_request(self):
        import copy  # looks for Jython as it loads

        from sklearn.utils.metadata_routing import MetadataRequest

        if hasattr(self, "_metadata_request"):
            return copy.deepcopy(self._metadata_request)
        request = MetadataRequest(owner=self)
        for method, names in self._routed.items():
            for name in names:
                getattr(request, method).add_request(param=name, alias=None)
        return request

    def get_metadata_routing(self):
        """What metadata each method wants, as scikit-learn's router reads it."""
        return self._get_metadata_request()

    def _request(self, method: str, wanted: dict[str, Any]):
        request = self._get_metadata_request()
        for name, alias in wanted.items():
            if alias != "$UNCHANGED$":
                getattr(request, method).add_request(param=name, alias=alias)
        self._metadata_request = request
        return self

    def set_fit_request(self, *, sample_weight: Any = "$UNCHANGED$"):
        """Asks a router to hand ``sample_weight`` to ``fit``."""
        return self._request("fit", {"sample_weight": sample_weight})

    def set_score_request(self, *, sample_weight: Any = "$UNCHANGED$"):
        """Asks a router to hand ``sample_weight`` to ``score``."""
        return self._request("score", {"sample_weight": sample_weight})

    def set_partial_fit_request(self, *, sample_weight: Any = "$UNCHANGED$"):
        """Asks a router to hand ``sample_weight`` to ``partial_fit``."""
        return self._request("partial_fit", {"sample_weight": sample_weight})
