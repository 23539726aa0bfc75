"""The table of the README: matgrad beside other libraries, on this machine.

    compare.py [--threads 1,2] [--repeats 5] [--only WORD] [--matgrad FILE]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from workloads import WORKLOADS, write

HERE = Path(__file__).resolve().parent
LIBRARIES = ["numpy", "scikit-learn", "torch", "jax", "onnxruntime", "tract"]
TRACT = HERE.parents[1] / "target/tract/release/matgrad-peer-tract"


def run(command, threads):
    """The last line of what it prints, or None where it cannot do this."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode == 3:
        return None
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(matgrad, folder, threads):
    found = run([matgrad, "bench", str(folder), "--threads", str(threads), "--quiet"], threads)
    if found["train_s"] is None:
        return {"us": found["lat_us"]}
    meta = json.loads((folder / "meta.json").read_text())
    steps = meta["epochs"] * -(-meta["n_train"] // meta["batch"])
    return {"us": found["train_s"] / steps * 1e6, "loss": found["final_loss"]}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", default="1,2")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--only", default="")
    options.add_argument("--matgrad", default=str(HERE.parents[1] / "target/release/matgrad"))
    options = options.parse_args()
    if not TRACT.exists():
        print(f"{TRACT} is not built: no Tract", file=sys.stderr)
    root = Path(tempfile.gettempdir()) / "matgrad-peers"

    def measure(peer, folder, threads):
        if peer == "matgrad":
            return ours(options.matgrad, folder, threads)
        if peer == "tract":
            return run([str(TRACT), str(folder)], threads) if TRACT.exists() else None
        return run([sys.executable, str(HERE / "peers.py"), peer, str(folder), str(threads)], threads)

    print(f"| workload, µs a step or call | threads | matgrad | {' | '.join(LIBRARIES)} | best peer / matgrad |")
    print("|---|---:|---:|" + "---:|" * len(LIBRARIES) + "---:|")
    for name in (name for name in WORKLOADS if options.only in name):
        folder = write(root, name)
        for threads in map(int, options.threads.split(",")):
            runs = {peer: [] for peer in ["matgrad", *LIBRARIES]}
            for _ in range(options.repeats):
                for peer, found in runs.items():
                    if result := measure(peer, folder, threads):
                        found.append(result)
            times = {peer: statistics.median(r["us"] for r in found) for peer, found in runs.items() if found}
            losses = {peer: found[0]["loss"] for peer, found in runs.items() if found and "loss" in found[0]}
            # NumPy's, or PyTorch's where there is none.
            reference = losses.get("numpy", losses.get("torch"))
            for peer, loss in losses.items():
                if abs(loss - reference) > 0.04 * reference + 1e-6:
                    print(f"{name}: the loss of {peer} is {loss:.6g}, not {reference:.6g}", file=sys.stderr)
            cells = [f"{times[peer]:.3g}" if peer in times else "–" for peer in runs]
            ratio = min(times[peer] for peer in LIBRARIES if peer in times) / times["matgrad"]
            print(f"| {name} | {threads} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
