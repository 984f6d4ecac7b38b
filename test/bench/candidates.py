#!/usr/bin/env python3
"""One candidate of the digits search, against JAX, on the same core in the same run.

SelfOpt: the whole candidate (mutate, verify, digest, check, plan, load, train, score). JAX: training and scoring alone, as
one jitted scan over 20 epochs, at a width seen before (warm) and one never seen (compiled anew).
usage: candidates.py [BUILD_DIR]      needs, for the comparison: jax, numpy, scikit-learn; skips it politely without."""
import json, os, pathlib, subprocess, sys, time

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build"
subprocess.run(["ninja", "-C", str(build), "candidate-bench"], check=True, stdout=subprocess.DEVNULL)


def ours():
    out = subprocess.run([build / "bin/candidate-bench", root / "docs/examples/digits.mlir"], check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def theirs():
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    os.sched_setaffinity(0, {0})
    import numpy as np, jax, jax.numpy as jnp, sklearn.datasets

    x, y = sklearn.datasets.load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(x))
    x, y = x[order].astype(np.float32), y[order].astype(np.int32)
    xt, yt, xv, yv = x[:1078], y[:1078], x[1078:1437], y[1078:1437]
    batch, epochs = 32, 20
    steps = len(xt) // batch

    def loss(w, x, y):
        z = jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    @jax.jit
    def fit(w, key):
        zeros = jax.tree.map(jnp.zeros_like, w)

        def step(c, xy):
            w, m, v, t = c
            g = jax.grad(loss)(w, *xy)
            t = t + 1
            lr = 1e-3 * (1 + jnp.cos(jnp.pi * (t - 1) / (epochs * steps - 1)))
            m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
            v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
            w = jax.tree.map(lambda w, m, v: w - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), w, m, v)
            return (w, m, v, t), 0

        def epoch(c, k):
            i = jax.random.permutation(k, len(xt))[: steps * batch].reshape(steps, batch)
            return jax.lax.scan(step, c, (jnp.asarray(xt)[i], jnp.asarray(yt)[i]))[0], 0

        w = jax.lax.scan(epoch, (w, zeros, zeros, 0.0), jax.random.split(key, epochs))[0][0]
        z = jax.nn.relu(xv @ w[0] + w[1]) @ w[2] + w[3]
        return jnp.mean(z.argmax(1) == yv)

    def run(width, seed):
        r = np.random.RandomState(seed)
        w = (jnp.asarray(r.randn(64, width).astype("f") * (2 / 64) ** 0.5), jnp.zeros(width),
             jnp.asarray(r.uniform(-1, 1, (width, 10)).astype("f") / width**0.5), jnp.zeros(10))
        start = time.perf_counter()
        float(fit(w, jax.random.key(seed)))
        return (time.perf_counter() - start) * 1e3

    run(16, 0)
    cold, warm = [], []
    for width in (17, 20, 23, 29, 37):
        cold.append(run(width, 1))
        warm += [run(width, seed) for seed in (2, 3, 4)]
    return {"seen_ms": float(np.median(warm)), "never_seen_ms": float(np.median(cold))}


def main():
    a = [ours() for _ in range(2)]
    try:
        jax = theirs()
    except ImportError as missing:
        print(f"SelfOpt: {a[-1]}\nskipped the comparison: {missing.name} is not installed")
        return
    # Ours once more behind JAX, so that a drift of the machine shows.
    a.append(ours())
    best = {k: sorted(r[k] for r in a)[1] for k in a[0]}
    print(f"{'':34}{'SelfOpt':>10}{'JAX':>10}{'ratio':>8}")
    for key, name in (("seen_ms", "width seen before, ms"), ("never_seen_ms", "width never seen, ms")):
        print(f"{name:34}{best[key]:10.2f}{jax[key]:10.2f}{best[key] / jax[key]:8.3f}")
    print(f"{'never seen / seen':34}{best['never_seen_ms'] / best['seen_ms']:10.2f}{jax['never_seen_ms'] / jax['seen_ms']:10.1f}")
    print("ours, ms: " + ", ".join(f"{k[:-3]} {v:.2f}" for k, v in best.items()))


main()
