"""two_searches.py SPEC: starts a search in ./shared, and while it is under way a second one there, which is to be refused."""
import pathlib
import shutil
import subprocess
import sys
import time

command = ["selfopt-run", "search", sys.argv[1], "--out", "shared", "--candidates", "100000", "--seconds"]
shutil.rmtree("shared", ignore_errors=True)
# Long enough for the others to be refused on a busy machine, and ended below.
first = subprocess.Popen(command + ["600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
archive = pathlib.Path("shared", "archive.sqlite")
deadline = time.time() + 60
while not (archive.exists() and archive.stat().st_size) and first.poll() is None and time.time() < deadline:
    time.sleep(0.01)
for name, more in (("second", []), ("resumed", ["--resume"])):
    done = subprocess.run(command + ["1"] + more, capture_output=True, text=True)
    print(f"{name}: {done.returncode} {done.stderr.strip()}")
first.kill()
first.wait()
# Nothing of it is lost, and nobody holds the lock: it ends well when it goes on.
done = subprocess.run(command + ["1", "--resume", "--final-seeds", "1"], capture_output=True, text=True)
print(f"first: {done.returncode} {done.stderr.strip() if done.returncode else ''}")
