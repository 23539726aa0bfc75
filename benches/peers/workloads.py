"""Workloads as `matgrad bench` reads them: data, initial weights and row orders, drawn by NumPy."""
import json
from pathlib import Path

import numpy as np

ADAM = {"name": "adam", "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
RPROP = {"name": "rprop", "lr": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}


def sgd(rate, momentum=0.0):
    return {"name": "sgd", "lr": rate, "momentum": momentum}


def workload(layers, hidden, output, rows, batch, epochs, opt, shuffle=True, family="mlp", conv=()):
    return {"layers": layers, "hidden": hidden, "output": output, "n_train": rows, "batch": batch,
            "epochs": epochs, "opt": opt, "shuffle": shuffle, "family": family, "conv": list(conv)}


SMALL, CE = [34, 8, 3, 6], "softmax_ce"
WORKLOADS = {
    "2-2-2, one row": workload([2, 2, 2], "sigmoid", "sigmoid_half_sse", 1, 1, 10000, sgd(0.5), False),
    "34-8-3-6, rprop": workload(SMALL, "sigmoid", CE, 366, 366, 200, RPROP, False),
    "34-8-3-6, adam": workload(SMALL, "sigmoid", CE, 366, 366, 2000, ADAM, False),
    "64-100-10, adam": workload([64, 100, 10], "relu", CE, 1437, 200, 100, ADAM),
    "784-128-10, momentum": workload([784, 128, 10], "relu", CE, 20000, 128, 3, sgd(0.05, 0.9)),
    "512-1024-1024-10, adam": workload([512, 1024, 1024, 10], "relu", CE, 10000, 256, 1, ADAM),
    "32-256-256-1, adam": workload([32, 256, 256, 1], "relu", "linear_mse", 100000, 1024, 2, ADAM),
    # Pictures of 28 × 28: channels in and out and the side of each kernel, every one with pooling by 2.
    "LeNet, descent": workload([256, 120, 84, 10], "relu", CE, 10000, 128, 1, sgd(0.03), True, "conv",
                               [(1, 6, 5), (6, 16, 5)]),
    "784-128-10, predict 1 row": workload([784, 128, 10], "relu", CE, 2000, 1, 0, {"name": "none"}, False, "infer"),
    "784-128-10, predict 1024 rows": workload([784, 128, 10], "relu", CE, 2000, 1024, 0, {"name": "none"}, False, "infer"),
}


def draw(random, rows, inputs, outputs, output, pictures):
    """Clusters for classes; a smooth function with noise for numbers."""
    if output == "softmax_ce":
        centres = random.normal(size=(4 * outputs, inputs)) * 0.5
        if pictures:  # Patches of 4 × 4, that a kernel can see.
            centres = np.kron(2 * centres[:, :49].reshape(-1, 7, 7), np.ones((4, 4))).reshape(-1, inputs)
        cluster = random.integers(0, 4 * outputs, rows)
        return centres[cluster] + random.normal(size=(rows, inputs)), cluster % outputs
    x = random.normal(size=(rows, inputs))
    y = np.sin(x @ random.normal(size=(inputs, outputs)) / inputs ** 0.5)
    y += 0.1 * random.normal(size=y.shape)
    return x, 1 / (1 + np.exp(-y)) if output == "sigmoid_half_sse" else y


def onnx(path, weights, batch):
    """The network as ONNX, without its softmax: what ONNX Runtime and Tract predict with."""
    import onnx
    from onnx import helper, numpy_helper
    nodes, initial, value = [], [], "x"
    for k, (w, b) in enumerate(weights):
        initial += [numpy_helper.from_array(w, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [value, f"W{k}", f"b{k}"], [f"z{k}"]))
        value = f"z{k}"
        if k < len(weights) - 1:
            nodes.append(helper.make_node("Relu", [value], [f"a{k}"]))
            value = f"a{k}"
    port = lambda name, width: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, width])
    graph = helper.make_graph(nodes, "network", [port("x", weights[0][0].shape[0])],
                              [port(value, weights[-1][0].shape[1])], initial)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def write(root, name):
    """Writes one workload; returns its folder."""
    work, folder = WORKLOADS[name], Path(root) / name.replace(" ", "-").replace(",", "")
    if (folder / "meta.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    inputs = 784 if work["conv"] else work["layers"][0]
    x, y = draw(random, work["n_train"] + 2048, inputs, work["layers"][-1], work["output"],
                bool(work["conv"]))
    for part, rows in ("train", slice(work["n_train"])), ("test", slice(work["n_train"], None)):
        np.save(folder / f"X_{part}.npy", x[rows].astype(np.float32))
        np.save(folder / f"y_{part}.npy", y[rows] if y.dtype.kind == "i" else y[rows].astype(np.float32))
    weights = []
    for k, (a, b) in enumerate(zip(work["layers"], work["layers"][1:])):
        limit = (6 / (a + b)) ** 0.5
        weights.append((random.uniform(-limit, limit, (a, b)).astype(np.float32), np.zeros(b, np.float32)))
        np.save(folder / f"W{k}.npy", weights[-1][0])
        np.save(folder / f"b{k}.npy", weights[-1][1])
    for k, (a, b, side) in enumerate(work["conv"]):
        limit = (6 / (a * side * side)) ** 0.5
        np.save(folder / f"CW{k}.npy", random.uniform(-limit, limit, (b, a, side, side)).astype(np.float32))
        np.save(folder / f"Cb{k}.npy", np.zeros(b, np.float32))
    if work["family"] == "infer":
        onnx(folder / "model.onnx", weights, work["batch"])
    if work["shuffle"]:
        orders = [random.permutation(work["n_train"]) for _ in range(work["epochs"])]
        np.save(folder / "perm.npy", np.array(orders, np.uint32))
    meta = {**work, "name": name, "data_dir": "."}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    return folder
