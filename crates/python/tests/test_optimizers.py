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
    "Rprop": ("rprop", {"Δ₀": 0.01}),
    "SGD": ("sgd", {"lr": 0.5}),
    "SGD_momentum": ("momentum", {"lr": 0.1}),
    "Adam": ("adam", {"lr": 0.05}),
    "Adagrad": ("adagrad", {"lr": 0.1}),
    "RMSprop": ("rmsprop", {"lr": 0.01}),
}


@pytest.mark.parametrize("method", RULES)
def test_the_published_path_on_exclusive_or(method):
    if not FILE.exists():
        warnings.warn(f"NOT CHECKED: {FILE} is absent; set MATGRAD_SHARED", stacklevel=1)
        return
    file = json.loads(FILE.read_text(encoding="utf-8"))
    names = {"V": (3, 2), "b": (1, 3), "W": (1, 3), "c": (1, 1)}
    net, at = Network(PAGE), 0
    for name, shape in names.items():
        size = shape[0] * shape[1]
        net.weights = {name: np.reshape(file["initial"][at : at + size], shape)}
        at += size
    rule, settings = RULES[method]
    path = []

    def keep(epoch, loss, held, weights):
        path.append((loss, np.concatenate([weights[name].ravel() for name in names])))

    rows = file["trajectories"]["xor"][method]
    net.compile(rule, **settings).fit(X, Y, epochs=rows[-1]["step"] + 1, callback=keep)
    # Where units saturate, rounding alone moves the late path: then the loss tells. Rprop looks at
    # signs, of gradients that are below 1e-50 after 50 steps.
    exact = 20 if method == "Rprop" else 50
    for row in rows:
        step = row["step"]
        if step <= exact:
            np.testing.assert_allclose(path[step - 1][1], row["params"], rtol=1e-9, atol=1e-9)
        # An epoch shows the loss before its update.
        assert path[step][0] == pytest.approx(row["loss_after"], abs=0.05 if step > 50 else 1e-9)
