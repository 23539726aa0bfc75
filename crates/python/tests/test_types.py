"""What the stubs promise is what the package has, and a typed program passes mypy --strict."""

import ast
import inspect
import os
import pathlib
import subprocess
import sys

import matgrad
import pytest

pytest.importorskip("mypy")

PROGRAM = """
import numpy as np
from matgrad import MLPClassifier, MLPRegressor, Network

X = np.zeros((4, 2))
net: MLPClassifier = MLPClassifier((8, 3), ["tanh", "relu"], solver="rprop").fit(X, [0, 1, 0, 1])
share: float = net.score(X, [0, 1, 0, 1])
curve: list[float] = MLPRegressor(loss="huber").fit(X, X[:, 0]).loss_curve_
loss, gradients = Network("param W : 1×1\\nminimize sum(W)").gradients(W=[[1.0]])
print(share + loss, gradients["W"].shape, curve)
"""


def test_a_typed_program_is_strictly_typed(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stubs_are_those_of_the_package():
    stub = pathlib.Path(matgrad.__file__).with_name("__init__.pyi")
    compared = 0
    for cls in ast.parse(stub.read_text(encoding="utf-8")).body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        for method in cls.body:
            if not isinstance(method, ast.FunctionDef) or method.decorator_list:
                continue
            found = inspect.signature(getattr(getattr(matgrad, cls.name), method.name))
            stubbed = [arg.arg for arg in method.args.posonlyargs + method.args.args]
            stubbed += [arg.arg for arg in [method.args.vararg] if arg]
            stubbed += [arg.arg for arg in method.args.kwonlyargs]
            stubbed += [arg.arg for arg in [method.args.kwarg] if arg]
            assert list(found.parameters) == stubbed, f"{cls.name}.{method.name}"
            defaults = [ast.literal_eval(d) for d in method.args.defaults + method.args.kw_defaults if d]
            real = [p.default for p in found.parameters.values() if p.default is not p.empty]
            assert real == defaults, f"{cls.name}.{method.name}"
            compared += 1
    assert compared > 12


def test_every_parameter_is_told_of():
    for estimator in (matgrad.MLPClassifier, matgrad.MLPRegressor):
        told = inspect.getdoc(estimator).split("Attributes\n")[0]
        heads = [line.split(" : ")[0] for line in told.splitlines() if " : " in line]
        names = {name.strip() for head in heads for name in head.split(",")}
        assert set(inspect.signature(estimator).parameters) <= names


def test_every_attribute_is_told_of():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    for estimator in (matgrad.MLPClassifier, matgrad.MLPRegressor):
        told = inspect.getdoc(estimator).split("Attributes\n")[1].split("Examples\n")[0]
        heads = [line.split(" : ")[0] for line in told.splitlines() if " : " in line]
        names = {name.strip() for head in heads for name in head.split(",")}
        left = {name for name in vars(estimator(solver="rprop").fit(X, y)) if name[0] != "_"}
        assert left - set(inspect.signature(estimator).parameters) == names - {"feature_names_in_"}
