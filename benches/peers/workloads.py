"""Workloads as `matgrad bench` reads them: data, initial weights and row orders, drawn by NumPy."""
import json
from pathlib import Path

import numpy as np

ADAM = {"name": "adam", "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
RPROP = {"name": "rprop", "lr": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}


def sgd(rate, momentum=0.0):
    return {"name": "sgd", "lr": rate, "momentum": momentum}


def workload(layers, hidden, output, rows, batch, epochs, opt, shuffle=True, family="mlp"):
    return {"layers": layers, "hidden": hidden, "output": output, "n_train": rows, "batch": batch,
            "epochs": epochs, "opt": opt, "shuffle": shuffle, "family": family}


SMALL, CE = [34, 8, 3, 6], "softmax_ce"
WORKLOADS = {
    "2-2-2, one row": workload([2, 2, 2], "sigmoid", "sigmoid_half_sse", 1, 1, 10000, sgd(0.5), False),
    "34-8-3-6, rprop": workload(SMALL, "sigmoid", CE, 366, 366, 200, RPROP, False),
    "34-8-3-6, adam": workload(SMALL, "sigmoid", CE, 366, 366, 2000, ADAM, False),
    "64-100-10, adam": workload([64, 100, 10], "relu", CE, 1437, 200, 100, ADAM),
    "784-128-10, momentum": workload([784, 128, 10], "relu", CE, 20000, 128, 3, sgd(0.05, 0.9)),
    "512-1024-1024-10, adam": workload([512, 1024, 1024, 10], "relu", CE, 10000, 256, 1, ADAM),
    "32-256-256-1, adam": workload([32, 256, 256, 1], "relu", "linear_mse", 100000, 1024, 2, ADAM),
    "784-128-10, predict 1 row": workload([784, 128, 10], "relu", CE, 2000, 1, 0, {"name": "none"}, False, "infer"),
    "784-128-10, predict 1024 rows": workload([784, 128, 10], "relu", CE, 2000, 1024, 0, {"name": "none"}, False, "infer"),
}


def draw(random, rows, layers, output):
    """Clusters for classes; a smooth function with noise for numbers."""
    inputs, outputs = layers[0], layers[-1]
    if output == "softmax_ce":
        centres = random.normal(size=(4 * outputs, inputs)) * 0.5
        cluster = random.integers(0, 4 * outputs, rows)
        return centres[cluster] + random.normal(size=(rows, inputs)), cluster % outputs
    x = random.normal(size=(rows, inputs))
    y = np.sin(x @ random.normal(size=(inputs, outputs)) / inputs ** 0.5)
    y += 0.1 * random.normal(size=y.shape)
    return x, 1 / (1 + np.exp(-y)) if output == "sigmoid_half_sse" else y


def write(root, name):
    """Writes one workload; returns its folder."""
    work, folder = WORKLOADS[name], Path(root) / name.replace(" ", "-").replace(",", "")
    if (folder / "meta.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    x, y = draw(random, work["n_train"] + 2048, work["layers"], work["output"])
    for part, rows in ("train", slice(work["n_train"])), ("test", slice(work["n_train"], None)):
        np.save(folder / f"X_{part}.npy", x[rows].astype(np.float32))
        np.save(folder / f"y_{part}.npy", y[rows] if y.dtype.kind == "i" else y[rows].astype(np.float32))
    for k, (a, b) in enumerate(zip(work["layers"], work["layers"][1:])):
        limit = (6 / (a + b)) ** 0.5
        np.save(folder / f"W{k}.npy", random.uniform(-limit, limit, (a, b)).astype(np.float32))
        np.save(folder / f"b{k}.npy", np.zeros(b, np.float32))
    if work["shuffle"]:
        orders = [random.permutation(work["n_train"]) for _ in range(work["epochs"])]
        np.save(folder / "perm.npy", np.array(orders, np.uint32))
    meta = {**work, "name": name, "data_dir": "."}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    return folder
