"""memory_search.py SPEC OUT CANDIDATES EVERY GROWTH_MB: searches, and prints every so many candidates the resident memory, in MB, of the
search (what it has allocated, and with the libraries' pages) and of its largest worker. Fails where the search's own memory, with those pages,
grows by more than GROWTH_MB after its first tenth.

By hand, from the build folder:
  SELFOPT_DATA_DIR=../test/Inputs python3 ../test/fuzz/memory_search.py ../test/Inputs/points.mlir out 20000 1000 20
"""
import json
import pathlib
import subprocess
import sys

spec, out, candidates, every, growth = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])


def resident(pid, kind="VmRSS"):
    """MB, or 0 of a process that is gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(kind):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


process = subprocess.Popen(["selfopt-run", "search", spec, "--out", out, "--candidates", str(candidates), "--json",
                            "--final-seeds", "1"], stdout=subprocess.PIPE, text=True)
first = last = 0
due = 0
for line in process.stdout:
    event = json.loads(line)
    if event["event"] != "progress":
        continue
    done = event["candidates"]
    if done < candidates / 10 or done >= candidates:
        continue
    last = resident(process.pid)
    first = first or last
    if done >= due:
        due = done - done % every + every
        workers = max([resident(child) for child in children(process.pid)], default=0)
        print(f"{done:8} candidates  search {resident(process.pid, 'RssAnon'):6.1f} of {last:6.1f} MB  largest worker {workers:7.1f} MB", flush=True)
assert process.wait() == 0, f"expected a search that ends well, found status {process.returncode}"
assert first > 0, "expected a measurement, found none: the search was over too soon"
print(f"the search grew by {last - first:.1f} MB")
sys.exit(0 if last - first <= growth else f"expected growth of at most {growth} MB, found {last - first:.1f}")
