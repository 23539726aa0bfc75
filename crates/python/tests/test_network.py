"""Pages of equations from Python."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import matgrad

PAGE = """
input X : B×4
target Y : B×3
param W : 4×3
param b : 1×3
Z = X W + b
L = cross_entropy(Z, Y)
minimize L
"""


def arrays(dtype):
    random = np.random.default_rng(0)
    Y = np.eye(3)[random.integers(0, 3, 7)]
    shapes = {"X": (7, 4), "W": (4, 3), "b": (1, 3)}
    return {"Y": Y.astype(dtype)} | {
        name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()
    }


def test_gradients_are_those_of_the_emitted_numpy_module():
    net = matgrad.Network(PAGE)
    given = arrays(np.float64)
    loss, gradients = net.gradients(**given)
    scope = {}
    assert "function objective_and_gradients(; values...)" in net.to_julia()
    exec(net.to_numpy(), scope)
    expected, theirs = scope["objective_and_gradients"](**given)
    assert loss == pytest.approx(expected, rel=1e-13)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, theirs[name], rtol=1e-12, atol=1e-15)
    single, _ = net.gradients(**arrays(np.float32))
    assert single == pytest.approx(loss, rel=1e-5)
    assert max(net.check(**given).values()) < 1e-9


def test_an_error_points_at_the_text():
    with pytest.raises(ValueError) as caught:
        matgrad.Network(PAGE.replace("W : 4×3", "W : 5×3"))
    assert "cannot be multiplied" in str(caught.value)
    with pytest.raises(matgrad.Error, match="declares no V"):
        matgrad.Network(PAGE).gradients(V=np.ones((1, 1)))


def test_import_is_light():
    code = "import matgrad, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def command(*words, **options):
    line = [sys.executable, "-m", "matgrad", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, **options)


def test_the_module_is_the_command_line(tmp_path):
    page = tmp_path / "net.eq"
    page.write_text(PAGE, encoding="utf-8")
    done = command("derive", str(page))
    assert done.returncode == 0
    assert done.stdout.rstrip("\n") == matgrad.Network(PAGE).derive()
    assert command("--version").stdout == f"matgrad {matgrad.__version__}\n"
    usage, lacking = command("no-such-verb"), command("derive", str(tmp_path / "none.eq"))
    assert (usage.returncode, lacking.returncode) == (2, 3)
    assert lacking.stderr.startswith("error")


def test_ctrl_c_stops_a_fit_of_the_command_line_as_it_does_the_binarys(tmp_path):
    table, log = tmp_path / "table.csv", tmp_path / "log.jsonl"
    rows = [f"{k % 7},{k % 3},{k % 2}\n" for k in range(200)]
    table.write_text("a,b,y\n" + "".join(rows), encoding="utf-8")
    line = ["train", str(table), "--target", "y", "--epochs", "100000000", "--log", str(log)]
    fit = subprocess.Popen([sys.executable, "-m", "matgrad", *line], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (log.exists() and log.stat().st_size):
        assert fit.poll() is None and time.monotonic() < deadline, "it should be training"
        time.sleep(0.01)
    fit.send_signal(signal.SIGINT)
    assert fit.wait(timeout=30) == 130
