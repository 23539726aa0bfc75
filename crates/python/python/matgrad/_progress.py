"""What a fit tells while it runs: a bar, or scikit-learn's lines."""

from __future__ import annotations

from typing import Any


class Lines:
    """What scikit-learn prints."""

    def epoch(self, number: int, loss: float, score: float | None = None) -> None:
        """An epoch is done."""
        print(f"Iteration {number}, loss = {loss:.8f}")
        if score is not None:
            print(f"Validation score: {score:f}")

    def stale(self, net: Any, lowers: bool) -> None:
        """Too many epochs brought nothing, and the rate was lowered or the fit ends."""
        then = "Stopping."
        if lowers:
            then = f"Setting learning rate to {net._rate:f}"
        elif net.learning_rate == "adaptive" and net.solver == "sgd":
            then = "Learning rate too small. Stopping."
        print(
            f"{'Validation score' if net.early_stopping else 'Training loss'} did not improve more "
            f"than tol={net.tol:f} for {net.n_iter_no_change} consecutive epochs. {then}"
        )

    def close(self) -> None:
        """The fit is done."""


class Bar:
    """A bar of tqdm, a widget in notebooks."""

    def __init__(self, bar: Any):
        self._bar = bar

    def epoch(self, number: int, loss: float, score: float | None = None) -> None:
        told = {} if score is None else {"score": f"{score:.4g}"}
        self._bar.set_postfix(loss=f"{loss:.6g}", **told, refresh=False)
        self._bar.update(number - self._bar.n)

    def stale(self, net: Any, lowers: bool) -> None:
        """The bar's end says it."""

    def close(self) -> None:
        self._bar.close()


def progress(net: Any) -> Lines | Bar | None:
    """What ``verbose`` asks for: nothing, a bar, or from 2 on lines."""
    if not net.verbose:
        return None
    if net.verbose > 1:
        return Lines()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Lines()
    return Bar(tqdm(total=net.max_iter, desc=type(net).__name__))
