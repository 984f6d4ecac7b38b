#!/usr/bin/env python3
"""The flagship's search against a search space written by hand in Optuna, on one core, on the same rows.

SelfOpt: docs/examples/digits.mlir with at most 10,000 parameters, 500 candidates. Optuna: 250 trials by TPE and 250 by random
search over units, layers, learning rate, epochs, batch, weight decay, cosine, label smoothing and input noise, PyTorch on
the CPU, at most 10,000 parameters. Both choose by validation; the winner of each search is trained anew with 5 fresh seeds,
and only then is the test split read. CPU seconds are of the whole: the search, and the fresh trainings. Seeds are run in
turn, so that all see the same machine.

usage: handwritten.py [--build=DIR] [--seeds=N] [--trials=N] [--candidates=N]     needs: torch, optuna, numpy; skips without."""
import argparse, gzip, json, os, pathlib, random, resource, statistics, subprocess, sys, tempfile, time

root = pathlib.Path(__file__).resolve().parents[2]
limit = 10000  # parameters


def philox_words(seed, stream):
    """Philox4x32-10, as include/SelfOpt/Support/Philox.h gives its words out."""
    mask, index = 0xFFFFFFFF, 0
    while True:
        c = [index & mask, index >> 32, stream & mask, stream >> 32]
        k0, k1 = seed & mask, seed >> 32
        for _ in range(10):
            p, q = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
            c = [(q >> 32) ^ c[1] ^ k0, q & mask, (p >> 32) ^ c[3] ^ k1, p & mask]
            k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
        yield from c
        index += 1


def spec_order(n, seed):
    """The order in which a spec's dataset is split (lib/Runtime/Dataset.cpp): Fisher-Yates from the last place."""
    words, order = philox_words(seed, 1), list(range(n))
    for i in range(n, 1, -1):
        while True:
            product = (next(words) | next(words) << 32) * i
            if product % 2**64 >= (2**64 - i) % i if product % 2**64 < i else True:
                break
        j = product >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def digits(build, np):
    with gzip.open(build / "data/digits.csv.gz", "rt") as text:
        table = np.loadtxt(text, delimiter=",", dtype="f")
    table = table[spec_order(len(table), 0)]
    x, y, n = table[:, :64] / 16, table[:, 64].astype("int64"), len(table)
    a, b = int(n * 0.6 + 1e-6), int(n * 0.8 + 1e-6)
    return [(x[s], y[s]) for s in (slice(0, a), slice(a, b), slice(b, n))]


def parameter_count(widths):
    sizes = [64, *widths, 10]
    return sum(i * o + o for i, o in zip(sizes, sizes[1:]))


class Optuna:
    def __init__(self, build, trials):
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            os.environ.pop(name, None)
        import numpy as np, optuna, torch

        torch.set_num_threads(1)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.np, self.optuna, self.torch, self.trials = np, optuna, torch, trials
        self.splits = [(torch.tensor(x), torch.tensor(y)) for x, y in digits(build, np)]

    def train(self, widths, seed, lr, epochs, batch, decay, cosine, smoothing, noise):
        """Accuracies on validation and test."""
        torch, (x, y) = self.torch, self.splits[0]
        torch.manual_seed(seed)
        sizes, layers = [64, *widths], []
        for i, o in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 10))
        adam = torch.optim.AdamW(net.parameters(), lr, weight_decay=decay)
        steps = len(x) // batch
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs * steps) if cosine else None
        for _ in range(epochs):
            order = torch.randperm(len(x))
            for k in range(steps):
                rows = order[k * batch : (k + 1) * batch]
                inputs = x[rows]
                if noise:
                    inputs = inputs + noise * torch.randn_like(inputs)
                adam.zero_grad()
                torch.nn.functional.cross_entropy(net(inputs), y[rows], label_smoothing=smoothing).backward()
                adam.step()
                if schedule:
                    schedule.step()
        with torch.no_grad():
            return [(net(x).argmax(1) == y).float().mean().item() for x, y in self.splits[1:]]

    def space(self, t):
        widths = [t.suggest_int(f"width{i}", 8, 128, log=True) for i in range(t.suggest_int("layers", 1, 2))]
        return widths, dict(
            lr=t.suggest_float("lr", 1e-4, 3e-2, log=True),
            epochs=t.suggest_int("epochs", 10, 60),
            batch=t.suggest_categorical("batch", [16, 32, 64]),
            decay=t.suggest_float("decay", 1e-4, 1, log=True),
            cosine=t.suggest_categorical("cosine", [False, True]),
            smoothing=t.suggest_float("smoothing", 0, 0.2),
            noise=t.suggest_float("noise", 0, 0.3),
        )

    def search(self, name, seed):
        sampler = {"tpe": self.optuna.samplers.TPESampler, "random": self.optuna.samplers.RandomSampler}[name]

        def objective(t):
            widths, rest = self.space(t)
            return self.train(widths, 1000 + t.number, **rest)[0] if parameter_count(widths) <= limit else 0.0

        begin = time.process_time()
        study = self.optuna.create_study(direction="maximize", sampler=sampler(seed=seed))
        study.optimize(objective, n_trials=self.trials)
        widths, rest = self.space(self.optuna.trial.FixedTrial(study.best_params))
        scores = [self.train(widths, s, **rest) for s in range(5)]
        seconds = time.process_time() - begin
        return dict(seconds=seconds, parameters=parameter_count(widths), validation=statistics.mean(s[0] for s in scores),
                    test=statistics.mean(s[1] for s in scores))


def ours(build, seed, candidates):
    text = (root / "docs/examples/digits.mlir").read_text()
    spec = text.replace("limit parameters <= 20000", f"limit parameters <= {limit}").replace(" seed(1)", f" seed({seed})")
    assert spec.count(f"<= {limit}") == 1 and spec.count(f" seed({seed})") == 1
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out) / "digits.mlir"
        path.write_text(spec)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([build / "bin/selfopt-run", "search", path, f"--candidates={candidates}", f"--out={out}/run",
                               "--workers=1", "--final-seeds=5", "--json"], check=True, stdout=subprocess.PIPE, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = json.loads(done.stdout.splitlines()[-1])["best"]
    return dict(seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, parameters=best["parameters"],
                validation=best["metric"]["validation"], test=best["metric"]["test"])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=pathlib.Path, default=root / "build")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--trials", type=int, default=250)
    options.add_argument("--candidates", type=int, default=500)
    o = options.parse_args()
    os.sched_setaffinity(0, {1 if os.cpu_count() > 1 else 0})
    try:
        peer = Optuna(o.build.resolve(), o.trials)
    except ImportError as missing:
        print(f"handwritten.py: skipped, {missing}")
        return
    arms = {
        f"SelfOpt, {o.candidates} candidates": lambda seed: ours(o.build.resolve(), seed, o.candidates),
        f"Optuna TPE, {o.trials} trials": lambda seed: peer.search("tpe", seed),
        f"Optuna random, {o.trials} trials": lambda seed: peer.search("random", seed),
    }
    rows = {name: [] for name in arms}
    for seed in range(1, o.seeds + 1):
        for name, run in arms.items():
            rows[name].append(run(seed))
            print(json.dumps(dict(seed=seed, arm=name, **rows[name][-1])), flush=True)
    print(f"{'':32}{'test':>8}{'valid.':>8}{'params':>8}{'CPU s':>8}")
    for name, runs in rows.items():
        mean = {k: statistics.mean(r[k] for r in runs) for k in runs[0]}
        print(f"{name:32}{mean['test']:8.4f}{mean['validation']:8.4f}{mean['parameters']:8.0f}{mean['seconds']:8.1f}")
    first, *others = rows.values()
    for (name, _), runs in zip(list(rows.items())[1:], others):
        gaps = [a["test"] - b["test"] for a, b in zip(first, runs)]
        draws = random.Random(0)
        means = sorted(statistics.mean(draws.choices(gaps, k=len(gaps))) for _ in range(10000))
        time_ratio = sum(r["seconds"] for r in first) / sum(r["seconds"] for r in runs)
        print(f"test minus that of {name}: {statistics.mean(gaps):+.4f} [{means[250]:+.4f}, {means[9749]:+.4f}] "
              f"(95 % bootstrap over seeds); CPU time ratio {time_ratio:.3f}")


if __name__ == "__main__":
    main()
