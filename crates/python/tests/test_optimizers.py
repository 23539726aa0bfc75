"""Published paths of update rules, through the Python API."""

import json
import os
import pathlib
import warnings

import numpy as np
import pytest

from matgrad import Network

ROOT = pathlib.Path(__file__).resolve().parents[3]
FILE = (
    pathlib.Path(os.environ.get("MATGRAD_SHARED", ROOT.parent / "shared"))
    / "data/optimizers/torch-trajectories.json"
)

PAGE = """
input X : B×2
target Y : B×1
param V : 3×2
param b : 1×3
param W : 1×3
param c : 1×1
Z = sigmoid(sigmoid(X V' + b) W' + c)
minimize mse(Z, Y)
"""
X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0.0], [1], [1], [0]])
RULES = {
    "Rprop": ("rprop", {"Δ₀": 0.01}, {}),
    "SGD": ("sgd", {"lr": 0.5}, {"lr": 0.001}),
    "SGD_momentum": ("momentum", {"lr": 0.1}, {"lr": 0.0002}),
    "Adam": ("adam", {"lr": 0.05}, {}),
    "Adagrad": ("adagrad", {"lr": 0.1}, {}),
    "RMSprop": ("rmsprop", {"lr": 0.01}, {}),
}
# The valley of Rosenbrock is a network of one row: two residuals, (1 - a) and 10 (b - a²).
VALLEY = """
input X : B×1
target Y : B×1
param a : 1×1
param b : 1×1
Z = X a
L = sum((Y - Z) .^ 2 + 100 (X b - Z .^ 2) .^ 2)
minimize L
"""


def published(task, method):
    """The rows of a path, or none where the file is absent."""
    if not FILE.exists():
        warnings.warn(f"NOT CHECKED: {FILE} is absent; set MATGRAD_SHARED", stacklevel=1)
        return None, None
    file = json.loads(FILE.read_text(encoding="utf-8"))
    return file["initial"], file["trajectories"][task][method]


def path_of(net, names, X, Y, rule, settings, steps):
    """(loss before it, weights after it) of each step."""
    path = []

    def keep(epoch, loss, held, weights):
        path.append((loss, np.concatenate([weights[name].ravel() for name in names])))

    net.compile(rule, **settings).fit(X, Y, epochs=steps, callback=keep)
    return path


@pytest.mark.parametrize("method", RULES)
def test_the_published_path_on_exclusive_or(method):
    initial, rows = published("xor", method)
    if rows is None:
        return
    names = {"V": (3, 2), "b": (1, 3), "W": (1, 3), "c": (1, 1)}
    net, at = Network(PAGE), 0
    for name, shape in names.items():
        size = shape[0] * shape[1]
        net.weights = {name: np.reshape(initial[at : at + size], shape)}
        at += size
    rule, settings, _ = RULES[method]
    path = path_of(net, names, X, Y, rule, settings, rows[-1]["step"] + 1)
    # Where units saturate, rounding alone moves the late path: then the loss tells. Rprop looks at
    # signs, of gradients that are below 1e-50 after 50 steps.
    exact = 20 if method == "Rprop" else 50
    for row in rows:
        step = row["step"]
        if step <= exact:
            np.testing.assert_allclose(path[step - 1][1], row["params"], rtol=1e-9, atol=1e-9)
        # An epoch shows the loss before its update.
        assert path[step][0] == pytest.approx(row["loss_after"], abs=0.05 if step > 50 else 1e-9)


@pytest.mark.parametrize("method", RULES)
def test_the_published_path_through_the_valley_of_rosenbrock(method):
    _, rows = published("rosenbrock", method)
    if rows is None:
        return
    net = Network(VALLEY)
    net.weights = {"a": [[-1.5]], "b": [[2.0]]}
    rule, settings, here = RULES[method]
    one = np.ones((1, 1))
    path = path_of(net, "ab", one, one, rule, settings | here, rows[-1]["step"] + 1)
    for row in rows:
        step = row["step"]
        if method == "RMSprop" and step > 500:  # it swings from wall to wall, and rounding swings it
            assert path[step][0] == pytest.approx(row["loss_after"], abs=0.05)
            continue
        np.testing.assert_allclose(path[step - 1][1], row["params"], rtol=1e-9, atol=1e-9)
        assert path[step][0] == pytest.approx(row["loss_after"], rel=1e-9, abs=1e-12)
