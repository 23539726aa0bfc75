"""One library on one workload: `peers.py LIBRARY FOLDER THREADS` prints a line of JSON.

All begin with the same weights, see the same batches, and compute in 32 bits. Compilation and a
warm-up are not timed; gathering the rows of a batch is.
"""
import json
import os
import sys
import time
from pathlib import Path

library, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
for variable in "OMP", "MKL", "OPENBLAS":
    os.environ[f"{variable}_NUM_THREADS"] = str(threads)
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import numpy as np

meta = json.loads((folder / "meta.json").read_text())
kind, batch, opt = meta["output"], meta["batch"], meta["opt"]
X, y, test = (np.load(folder / f"{name}.npy") for name in ("X_train", "y_train", "X_test"))
WEIGHTS = [(np.load(folder / f"W{k}.npy"), np.load(folder / f"b{k}.npy")) for k in range(len(meta["layers"]) - 1)]
KERNELS = [(np.load(folder / f"CW{k}.npy"), np.load(folder / f"Cb{k}.npy")) for k in range(len(meta["conv"]))]
orders = np.load(folder / "perm.npy").astype(np.int64) if meta["shuffle"] else None
whole = orders is None and batch >= len(X)


def batches(limit=None):
    """The row numbers of each step; None for all rows in their order."""
    count = 0
    for epoch in range(meta["epochs"]):
        for at in range(0, len(X), batch):
            if limit is not None and count >= limit:
                return
            count += 1
            yield None if whole else orders[epoch][at:at + batch]


def numpy_forward(weights, x):
    values = [x]
    for k, (w, b) in enumerate(weights):
        z = values[-1] @ w
        z += b
        last = k == len(weights) - 1
        if not last and meta["hidden"] == "relu":
            np.maximum(z, 0, out=z)
        elif not last or kind == "sigmoid_half_sse":
            z = 1 / (1 + np.exp(-z))
        values.append(z)
    return values


def convolved(kernels, x):
    """Rows of pictures through convolution, rectifier and pooling by 2 each; channels come first."""
    x = x.reshape(len(x), kernels[0][0].shape[1], *[int(x.shape[1] ** 0.5)] * 2)
    for w, b in kernels:
        windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
        z = np.einsum("nchwij,ocij->nohw", windows, w, optimize=True) + b[:, None, None]
        n, o, h, v = z.shape
        x = np.maximum(z, 0).reshape(n, o, h // 2, 2, v // 2, 2).max((3, 5))
    return x.reshape(len(x), -1)


def loss_of(weights, kernels=()):
    """The mean loss over all rows, in 64 bits, by NumPy for every peer in Python."""
    parts = [X[at:at + 2000].astype(float) for at in range(0, len(X), 2000)]
    parts = [convolved(kernels, part) if kernels else part for part in parts]
    wide = [(w.astype(float), b.astype(float)) for w, b in weights]
    out = np.concatenate([numpy_forward(wide, part)[-1] for part in parts])
    if kind == "softmax_ce":
        top = out.max(1, keepdims=True)
        return float((np.log(np.exp(out - top).sum(1)) + top[:, 0] - out[np.arange(len(y)), y]).mean())
    return float(((out - y) ** 2).mean() * (out.shape[1] / 2 if kind == "sigmoid_half_sse" else 1))


def numpy_peer():
    def gradients(weights, x, t):
        values = numpy_forward(weights, x)
        d = values.pop()
        if kind == "softmax_ce":
            d -= d.max(1, keepdims=True)
            np.exp(d, out=d)
            d /= d.sum(1, keepdims=True)
            d[np.arange(len(t)), t] -= 1
            d /= np.float32(len(t))
        elif kind == "linear_mse":
            d = (d - t) * np.float32(2 / t.size)
        else:
            d = (d - t) * d * (1 - d) / np.float32(len(t))
        found = []
        for k in reversed(range(len(weights))):
            a = values[k]
            found[:0] = [a.T @ d, d.sum(0)]
            if k:
                d = d @ weights[k][0].T
                d *= (a > 0) if meta["hidden"] == "relu" else a * (1 - a)
        return found

    def rule(flat):
        f, name = np.float32, opt["name"]
        if name == "sgd":
            m = [np.zeros_like(w) for w in flat]
            def step(g):
                for w, g, m_ in zip(flat, g, m):
                    if opt["momentum"]:
                        m_ *= f(opt["momentum"])
                        m_ += g
                        g = m_
                    w -= f(opt["lr"]) * g
        elif name == "adam":
            m, v, t = [np.zeros_like(w) for w in flat], [np.zeros_like(w) for w in flat], [0]
            def step(g):
                t[0] += 1
                b1, b2 = opt["beta1"], opt["beta2"]
                rate, root = f(opt["lr"] / (1 - b1 ** t[0])), f((1 - b2 ** t[0]) ** 0.5)
                for w, g, m_, v_ in zip(flat, g, m, v):
                    m_ *= f(b1)
                    m_ += f(1 - b1) * g
                    v_ *= f(b2)
                    v_ += f(1 - b2) * g * g
                    w -= rate * m_ / (np.sqrt(v_) / root + f(opt["eps"]))
        else:
            size, last = [np.full_like(w, opt["lr"]) for w in flat], [np.zeros_like(w) for w in flat]
            def step(g):
                for w, g, u, m_ in zip(flat, g, size, last):
                    sign = np.sign(g * m_)
                    u *= np.where(sign > 0, f(opt["eta_plus"]), np.where(sign < 0, f(opt["eta_minus"]), f(1)))
                    np.clip(u, opt["step_min"], opt["step_max"], out=u)
                    m_[...] = np.where(sign < 0, f(0), g)
                    w -= np.sign(m_) * u
        return step

    def train(limit=None):
        weights = [(w.copy(), b.copy()) for w, b in WEIGHTS]
        step = rule([w for pair in weights for w in pair])
        for rows in batches(limit):
            step(gradients(weights, X if rows is None else X[rows], y if rows is None else y[rows]))
        return weights
    return train, lambda x: numpy_forward(WEIGHTS, x)[-1]


def torch_peer():
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    activation = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[meta["hidden"]]

    def build():
        side = int(X.shape[1] ** 0.5)
        parts = [nn.Unflatten(1, (1, side, side))] if KERNELS else []
        for w, b in KERNELS:
            layer = nn.Conv2d(w.shape[1], w.shape[0], w.shape[2])
            layer.weight.data, layer.bias.data = torch.tensor(w), torch.tensor(b)
            parts += [layer, nn.ReLU(), nn.MaxPool2d(2)]
        parts += [nn.Flatten()] if KERNELS else []
        for k, (w, b) in enumerate(WEIGHTS):
            layer = nn.Linear(*w.shape)
            layer.weight.data, layer.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
            parts += [layer, activation()]
        return nn.Sequential(*(parts if kind == "sigmoid_half_sse" else parts[:-1]))

    loss = {"softmax_ce": nn.functional.cross_entropy, "linear_mse": nn.functional.mse_loss,
            "sigmoid_half_sse": lambda p, t: ((p - t) ** 2).sum() / (2 * len(t))}[kind]
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def train(limit=None):
        model = build()
        if opt["name"] == "sgd":
            rule = torch.optim.SGD(model.parameters(), opt["lr"], opt["momentum"], fused=True)
        elif opt["name"] == "adam":
            rule = torch.optim.Adam(model.parameters(), opt["lr"], (opt["beta1"], opt["beta2"]), opt["eps"], fused=True)
        else:
            rule = torch.optim.Rprop(model.parameters(), opt["lr"], (opt["eta_minus"], opt["eta_plus"]), (opt["step_min"], opt["step_max"]))
        for rows in batches(limit):
            x, t = inputs, targets
            if rows is not None:
                rows = torch.from_numpy(rows)
                x, t = x.index_select(0, rows), t.index_select(0, rows)
            rule.zero_grad(set_to_none=True)
            loss(model(x), t).backward()
            rule.step()
        found = lambda kind: [(l.weight.detach().numpy(), l.bias.detach().numpy()) for l in model if isinstance(l, kind)]
        return [(w.T, b) for w, b in found(nn.Linear)], found(nn.Conv2d)

    model = build().eval()

    def predict(x):
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()
    return train, predict


def jax_peer():
    """The whole training is one compiled program."""
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp
    import optax
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[meta["hidden"]]

    def forward(weights, x):
        for k, (w, b) in enumerate(weights):
            x = x @ w + b
            if k < len(weights) - 1:
                x = activation(x)
        return jax.nn.sigmoid(x) if kind == "sigmoid_half_sse" else x

    def loss(weights, x, t):
        p = forward(weights, x)
        if kind == "softmax_ce":
            return optax.softmax_cross_entropy_with_integer_labels(p, t).mean()
        return ((p - t) ** 2).mean() * (p.shape[1] / 2 if kind == "sigmoid_half_sse" else 1)

    def init(weights):
        zeros = lambda: jax.tree.map(jnp.zeros_like, weights)
        if opt["name"] == "rprop":
            return jax.tree.map(lambda w: jnp.full_like(w, opt["lr"]), weights), zeros(), 0
        return zeros(), zeros(), 0

    def update(weights, g, state):
        a, b, t = state
        t, each = t + 1, jax.tree.map
        if opt["name"] == "sgd":
            a = each(lambda m, g: opt["momentum"] * m + g, a, g)
            return each(lambda w, m: w - opt["lr"] * m, weights, a), (a, b, t)
        if opt["name"] == "adam":
            b1, b2 = opt["beta1"], opt["beta2"]
            a = each(lambda m, g: b1 * m + (1 - b1) * g, a, g)
            b = each(lambda v, g: b2 * v + (1 - b2) * g * g, b, g)
            rate, root = opt["lr"] / (1 - b1 ** t), jnp.sqrt(1 - b2 ** t)
            return each(lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + opt["eps"]), weights, a, b), (a, b, t)
        sign = each(lambda g, m: jnp.sign(g * m), g, b)
        grow = lambda s: jnp.where(s > 0, opt["eta_plus"], jnp.where(s < 0, opt["eta_minus"], 1.0))
        a = each(lambda u, s: jnp.clip(u * grow(s), opt["step_min"], opt["step_max"]), a, sign)
        b = each(lambda g, s: jnp.where(s < 0, 0.0, g), g, sign)
        return each(lambda w, u, m: w - jnp.sign(m) * u, weights, a, b), (a, b, t)

    inputs, targets = jnp.asarray(X), jnp.asarray(y)

    def step(carry, rows):
        weights, state = carry
        x, t = (inputs, targets) if rows is None else (inputs[rows], targets[rows])
        return update(weights, jax.grad(loss)(weights, x, t), state), None

    full = len(X) // batch * batch

    def epoch(carry, order):
        if order is None:
            return step(carry, None)
        carry, _ = jax.lax.scan(step, carry, order[:full].reshape(-1, batch))
        return step(carry, order[full:]) if full < len(X) else (carry, None)

    start = [(jnp.asarray(w), jnp.asarray(b)) for w, b in WEIGHTS]
    order = None if orders is None else jnp.asarray(orders.astype(np.int32))
    program = None

    def train(limit=None):
        nonlocal program
        carry = start, init(start)
        if program is None:
            run = lambda carry, order: jax.lax.scan(epoch, carry, order, length=meta["epochs"])[0][0]
            program = jax.jit(run).lower(carry, order).compile()
        if limit is None:
            return [(np.asarray(w), np.asarray(b)) for w, b in jax.block_until_ready(program(carry, order))]
    compiled = jax.jit(lambda x: forward(start, x))
    return train, lambda x: np.asarray(compiled(x))


def sklearn_peer():
    """`partial_fit` on each batch; what has no such rule or output is left out."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    if opt["name"] == "rprop" or kind == "sigmoid_half_sse":
        sys.exit(3)
    inference = meta["family"] == "infer"
    options = {"hidden_layer_sizes": meta["layers"][1:-1], "alpha": 0.0, "batch_size": batch,
               "activation": {"sigmoid": "logistic", "relu": "relu"}[meta["hidden"]]}
    if opt["name"] == "adam":
        options |= {"solver": "adam", "learning_rate_init": opt["lr"], "epsilon": opt["eps"]}
    else:
        options |= {"solver": "sgd", "learning_rate_init": opt.get("lr", 0.1),
                    "momentum": opt.get("momentum", 0.0), "nesterovs_momentum": False}
    classes = np.arange(meta["layers"][-1])

    def build():
        import warnings
        warnings.simplefilter("ignore")
        if kind == "softmax_ce":
            model = MLPClassifier(**options).partial_fit(X[:batch], y[:batch], classes=classes)
        else:
            model = MLPRegressor(**options).partial_fit(X[:batch], y[:batch].ravel())
        # The first call makes the layers; they and the rule then begin anew with our weights.
        model.coefs_ = [w.copy() for w, _ in WEIGHTS]
        model.intercepts_ = [b.copy() for _, b in WEIGHTS]
        del model._optimizer
        return model

    def train(limit=None):
        from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
        model = build()
        flat = model.coefs_ + model.intercepts_
        if opt["name"] == "adam":
            model._optimizer = AdamOptimizer(flat, opt["lr"], opt["beta1"], opt["beta2"], opt["eps"])
        else:
            model._optimizer = SGDOptimizer(flat, opt["lr"], "constant", opt["momentum"], False)
        target = y if kind == "softmax_ce" else y.ravel()
        for rows in batches(limit):
            model.partial_fit(X if rows is None else X[rows], target if rows is None else target[rows])
        return list(zip(model.coefs_, model.intercepts_))
    return train, build().predict_proba if inference else None


def onnxruntime_peer():
    """Predictions alone, from the ONNX file of the workload."""
    if meta["family"] != "infer":
        sys.exit(3)
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return None, lambda x: session.run(None, {"x": x})[0]


if KERNELS and library != "torch":
    sys.exit(3)
train, predict = {"numpy": numpy_peer, "torch": torch_peer, "jax": jax_peer, "scikit-learn": sklearn_peer,
                  "onnxruntime": onnxruntime_peer}[library]()
if meta["family"] == "infer":
    calls = [test[at:at + batch].copy() for at in range(0, len(test) - batch + 1, batch)][:64]
    for k in range(100 if batch == 1 else 10):
        predict(calls[k % len(calls)])
    times, until = [], time.perf_counter() + 1
    while time.perf_counter() < until or len(times) < 20:
        start = time.perf_counter()
        predict(calls[len(times) % len(calls)])
        times.append(time.perf_counter() - start)
    print(json.dumps({"us": float(np.median(times)) * 1e6}))
else:
    train(3)
    start = time.perf_counter()
    found = train()
    seconds = time.perf_counter() - start
    steps = meta["epochs"] * -(-len(X) // batch)
    # PyTorch's are weights and kernels.
    loss = loss_of(*found) if library == "torch" else loss_of(found)
    print(json.dumps({"us": seconds / steps * 1e6, "loss": loss}))
