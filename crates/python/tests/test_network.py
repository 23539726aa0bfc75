"""Pages of equations from Python."""

import importlib.util
import itertools
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse

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
    fit = "matgrad.MLPClassifier(max_iter=1).fit([[0.0], [1.0], [2.0]], ['a', 'b', 'c'])"
    for code, lacks in (("import matgrad", "sklearn"), (f"import matgrad; {fit}", "numpy.ma")):
        code += f"; import sys; sys.exit({lacks!r} in sys.modules)"
        command = [sys.executable, "-W", "ignore", "-c", code]
        assert subprocess.run(command, check=False).returncode == 0


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


def test_a_network_is_kept_and_handed_on(tmp_path):
    random = np.random.default_rng(1)
    X = random.normal(size=(60, 4))
    Y = np.eye(3)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    net = matgrad.Network.layers(4, 3, (6,), loss="cross_entropy", seed=3)
    history = net.compile("adam", lr=0.05).fit(
        X, Y, epochs=80, validation_data=(X[:20], Y[:20]), sample_weight=None
    )
    assert history["loss"][-1] < history["loss"][0] / 2
    assert len(history["validation_loss"]) == 80
    P = net.predict(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    file = tmp_path / "net.safetensors"
    net.save(file)
    again = matgrad.Network.load(file)
    assert again.equations == net.equations
    np.testing.assert_array_equal(again.predict(X), P)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict(X), P)
    said = command("predict", str(file), "-", "--proba", input="".join(
        ",".join(map(repr, row)) + "\n" for row in X[:3].tolist()))
    assert said.returncode == 0, said.stderr
    numbers = [line.split(",")[-3:] for line in said.stdout.splitlines()[-3:]]
    np.testing.assert_allclose(np.array(numbers, float), P[:3], rtol=1e-6)
    onnx = matgrad.Network.from_onnx(net.to_onnx())
    np.testing.assert_allclose(onnx.predict(X), P, rtol=1e-5)
    files = net.to_c("tiny")
    assert set(files) == {"tiny.c", "tiny.h"} and "tiny_step" in files["tiny.h"]


def test_a_model_of_the_command_line_is_a_network(tmp_path):
    table, model = tmp_path / "table.csv", tmp_path / "table.model"
    rows = [(k % 7 * 100, "red" if k % 3 else "blue", k % 2) for k in range(90)]
    text = "".join(f"{a},{b},{'yes' if c else 'no'}\n" for a, b, c in rows)
    table.write_text("size,colour,y\n" + text, encoding="utf-8")
    done = command("train", str(table), "--target", "y", "--epochs", "5", "-o", str(model))
    assert done.returncode == 0, done.stderr
    net = matgrad.Network.load(model)
    assert net.labels == ["no", "yes"]
    columns = {"colour": [b for _, b, _ in rows], "size": [float(a) for a, _, _ in rows]}
    mine = net.predict(net.encode(columns))[:, 1]
    said = command("predict", str(model), str(table), "--proba")
    theirs = [float(line.split(",")[-1]) for line in said.stdout.splitlines()[1:]]
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)
    assert net.save(tmp_path / "again.model") is None


def test_notebooks_show_mathematics_and_pages():
    net = matgrad.Network(PAGE)
    derived = net.derive()
    shown = derived._repr_latex_()
    assert shown.startswith("$$\n\\begin{aligned}")
    # A value of the page goes by its name.
    assert shown.splitlines()[2].startswith("\\partial Z &= ")
    given = arrays(np.float64)
    net.weights = {"W": given["W"]}
    np.testing.assert_array_equal(net.weights["W"], given["W"])
    said = net.explain(given["X"][:1], given["Y"][:1], entries=("d_W[1,2]",))
    assert "softmax" in str(said) and said._repr_html_().startswith("<iframe srcdoc=")
    assert {line["part"] for line in said.to_dict()["lines"]} == {"forward", "backward", "update"}


class Capsule:
    """An array that speaks DLPack and nothing else."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **how):
        return self._array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_arrays_come_by_dlpack_and_by_buffer():
    net = matgrad.Network(PAGE)
    given = arrays(np.float32)
    expected = net.gradients(**given)[1]["W"]
    by_dlpack = net.gradients(**{name: Capsule(a) for name, a in given.items()})[1]["W"]
    by_buffer = net.gradients(**{name: memoryview(a) for name, a in given.items()})[1]["W"]
    np.testing.assert_array_equal(by_dlpack, expected)
    np.testing.assert_array_equal(by_buffer, expected)


def test_what_does_not_fit_is_said():
    net = matgrad.Network(PAGE)
    with pytest.raises(matgrad.Error, match="did you mean adam"):
        net.compile("adma")
    with pytest.raises(matgrad.Error, match="takes 4"):
        net.predict(np.ones((2, 5)))
    with pytest.raises(matgrad.Error, match="W is 4×3, the array is 3×4"):
        net.weights = {"W": np.ones((3, 4))}
    with pytest.raises(matgrad.Error, match="none.model"):
        matgrad.Network.load("none.model")


WRONG_NUMBERS = [
    (lambda net, X, Y: net.layers(1, 1, (2,), dropout=1.5), "dropout must be a number in"),
    (lambda net, X, Y: net.layers(1, 1, (2,), dropout=-0.5), "dropout must be a number in"),
    (lambda net, X, Y: net.layers(1, 1, dropout=float("nan")), "dropout must be a number in"),
    (lambda net, X, Y: net.layers(1, 1, weight_decay=-1), "weight_decay must be a number in"),
    (lambda net, X, Y: net.layers(1, 1, weight_decay=float("nan")), "weight_decay must be"),
    (lambda net, X, Y: net.layers(-1, 1), "inputs must be an int from 1"),
    (lambda net, X, Y: net.layers(1, 1, (0,)), "hidden must be an int from 1"),
    (lambda net, X, Y: net.layers(1, 1, seed=-1), "seed must be an int from 0"),
    (lambda net, X, Y: net.fit(X, Y, epochs=-1), "epochs must be an int from 0"),
    (lambda net, X, Y: net.fit(X, Y, batch_size=0), "batch_size must be an int from 1"),
    (lambda net, X, Y: net.fit(X, Y, batch_size=-3), "batch_size must be an int from 1"),
    (lambda net, X, Y: net.fit(X, Y, seed=-1), "seed must be an int from 0"),
    (lambda net, X, Y: net.fit(X, Y, n_jobs=0), "n_jobs must be a number of threads"),
    (lambda net, X, Y: net.fit(X, Y[:4]), "inputs have 9 rows, the targets 4"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X, Y[:4])), "inputs have 9 rows, the targets 4"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X,)), "a pair of inputs and targets"),
    (lambda net, X, Y: net.from_onnx(net.to_onnx(), "foo"), "no loss 'foo'; known are binary_cross"),
    (lambda net, X, Y: net.from_onnx(net.to_onnx(), "mae"), "the loss mae is asked for, but matgrad"),
    (lambda net, X, Y: net.fit(X[:0], Y[:0]), "no rows to train on: the inputs have 0 rows; give"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X[:0], Y[:0])), "there are no validation rows"),
    (lambda net, X, Y: net.explain(X[:0], Y[:0]), "no rows to explain; give at least one"),
    (lambda net, X, Y: net.gradients(X=X[:0]), "X is 0×2: give a row at least"),
    (lambda net, X, Y: net.check(X=X[:0]), "X is 0×2: give a row at least"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X[:, :1], Y)), "takes 2 inputs, the validation rows"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X, X)), "takes 1 targets, the validation rows give"),
    (lambda net, X, Y: net.fit(X, Y, validation_data=(X * np.nan, Y)), "validation_data holds NaN"),
    (lambda net, X, Y: net.fit(X, Y, sample_weight=[1, 2]), "no input for the rows' weights"),
    (lambda net, X, Y: net.fit([["a", "b"]] * 9, Y), "X must hold numbers: could not convert"),
    (lambda net, X, Y: net.fit(X * 1j, Y), "Complex data not supported"),
    (lambda net, X, Y: net.compile("lbfgs").fit(X, Y, batch_size=3), "lbfgs takes all rows at once"),
    (lambda net, X, Y: net.compile("adam", lr=-1.0), r"lr must be a number in the range \[0, inf"),
    (lambda net, X, Y: net.compile("adam", β1=np.nan), "β1 must be a number in the range"),
    (lambda net, X, Y: net.to_c(rows=0), "rows must be an int from 1"),
]


@pytest.mark.parametrize("call, said", WRONG_NUMBERS)
def test_a_number_out_of_range_is_refused(call, said):
    X = np.ones((9, 2))
    with pytest.raises(ValueError, match=said):
        call(matgrad.Network.layers(2, 1), X, X[:, :1])


def test_rows_of_another_number_of_weights_are_refused_by_shape():
    page = "input X : B×2\ninput S : B×1\ntarget Y : B×1\nparam W : 2×1\nZ = X W\n"
    net = matgrad.Network(page + "minimize sum(S ⊙ half_sse_each(Z, Y)) / sum(S)")
    with pytest.raises(ValueError, match="weights are 4×1, the page and the table want 9×1"):
        net.fit(np.ones((9, 2)), np.ones((9, 1)), sample_weight=np.ones(4))


def test_compressed_rows_are_rows():
    X = scipy.sparse.random_array((9, 2), density=0.5, random_state=0)
    a, b = (matgrad.Network.layers(2, 1) for _ in range(2))
    histories = [net.fit(rows, np.ones((9, 1)), epochs=3) for net, rows in ((a, X), (b, X.toarray()))]
    assert histories[0] == histories[1]


def test_threads_are_at_most_the_cores():
    X = np.random.default_rng(0).normal(size=(9, 2))
    fits = []
    for jobs in (1, None, -1, 20_000):
        net = matgrad.Network.layers(2, 1, (3,))
        fits.append(net.fit(X, X[:, :1], epochs=3, n_jobs=jobs)["loss"])
        matgrad.MLPRegressor(n_jobs=jobs, max_iter=1).fit(X, X[:, 0])
    assert fits == [fits[0]] * 4


def test_contiguous_arrays_are_read_where_they_lie():
    """The memory of a fit, by either way, and of gradients, does not grow by the size of X."""
    code = """
import resource, sys
import numpy as np
from matgrad import MLPRegressor, Network
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
small = np.ones((64, 16))
net = Network("input X : B×16\\nparam W : 16×1\\nminimize sum(X W)")
MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(small, small[:, 0])
X = np.ones((1_200_000, 16), dtype=sys.argv[1], order=sys.argv[2][0])
y, size = X[:, 0].copy(), X.nbytes
if sys.argv[2] == "F, Arrow":
    import pyarrow
    X = pyarrow.table({str(k): X[:, k] for k in range(16)})
before = peak()
MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, batch_size=5000).fit(X, y)
assert peak() - before < size / 2, (peak() - before, size)
if sys.argv[2] == "C":
    W = np.ones((16, 1), dtype=X.dtype)
    page = "input X : B×16\\ntarget Y : B×1\\nparam W : 16×1\\nZ = X W\\nminimize mse(Z, Y)"
    fit = Network(page, dtype=sys.argv[1]).compile("sgd", lr=0.01)
    start = peak()
    fit.fit(X, y.reshape(-1, 1), epochs=1, batch_size=5000)
    assert peak() - start < size / 2, (peak() - start, size)
    grown = peak()
    net.gradients(X=X, W=W)
    # The program has a memory of its own; there is no second copy on the way.
    assert peak() - max(grown, before) < 1.5 * size, (peak() - grown, size)
"""
    orders = ["C", "F", *(["F, Arrow"] if importlib.util.find_spec("pyarrow") else [])]
    for dtype, order in itertools.product(("float32", "float64"), orders):
        run = [sys.executable, "-W", "ignore", "-c", code, dtype, order]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
