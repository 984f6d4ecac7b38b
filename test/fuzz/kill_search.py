"""kill_search.py SPEC KILLS [SEED] [selfopt-run search options ...]: searches once undisturbed; then kills a search with SIGKILL KILLS
times at random moments, resuming it in between and to the end, and compares what `selfopt-run digest` says of both, and the
best specs and final weights. A search that ends before its kill is compared too, and the next one begins anew. Works in the current folder.

By hand, for the digits with fewer epochs:
  sed 's/epochs = 20/epochs = 4/' docs/examples/digits.mlir > digits.mlir
  python3 test/fuzz/kill_search.py digits.mlir 50 1 --candidates 120
"""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

spec, kills = sys.argv[1], int(sys.argv[2])
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
options = sys.argv[4:]
chance = random.Random(seed)


def command(out, workers):
    archive = pathlib.Path(out, "archive.sqlite")
    resume = ["--resume"] if archive.exists() and archive.stat().st_size else []
    return ["selfopt-run", "search", spec, "--out", out, "--workers", str(workers), "--final-seeds", "1", *options, *resume]


def start(out):
    # Any number of workers: what is found does not depend on it.
    return subprocess.Popen(command(out, chance.choice([1, 2, 3])), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True)


def result(out):
    digest = subprocess.run(["selfopt-run", "digest", out], check=True, capture_output=True, text=True).stdout.strip()
    # Fails where a file of weights that the archive names is missing or changed.
    subprocess.run(["selfopt-run", "replay", out], check=True, capture_output=True)
    weights = {f.name: f.read_bytes() for f in pathlib.Path(out, "weights").iterdir() if f.suffix == ".safetensors"}
    return digest, pathlib.Path(out, "best.mlir").read_bytes(), pathlib.Path(out, "best.safetensors").read_bytes(), weights


def compare(want, out):
    found = result(out)
    assert found[0] == want[0], f"expected the digest {want[0]}, found {found[0]} after kill {done}"
    assert found[1:] == want[1:], f"expected the same best.mlir and weights, found others after kill {done}"
    left = list(pathlib.Path(out, "weights").iterdir())
    assert all(f.suffix in (".state", ".safetensors") for f in left), left


for folder in ("undisturbed", "killed"):
    shutil.rmtree(folder, ignore_errors=True)
begin = time.time()
subprocess.run(command("undisturbed", 2), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
whole = time.time() - begin
want = result("undisturbed")
done = runs = 0
while done < kills:
    process = start("killed")
    try:
        # Now and then in the first moments, where the archive is made.
        _, errors = process.communicate(timeout=chance.uniform(0.01, 0.3) if chance.random() < 0.2
                                        else chance.uniform(0.1, max(1.0, whole / 4)))
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        done += 1
        continue
    assert process.returncode == 0, f"expected a search that goes on, found after kill {done}:\n{errors}"
    compare(want, "killed")
    runs += 1
    shutil.rmtree("killed")
process = start("killed")
_, errors = process.communicate()
assert process.returncode == 0, f"expected a search that goes on to its end, found after kill {done}:\n{errors}"
compare(want, "killed")
print(f"{done} kills, {runs + 1} searches resumed to the end, digest {want[0][:16]} each time; undisturbed in {whole:.1f} s")
