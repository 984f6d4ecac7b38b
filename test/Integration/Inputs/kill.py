"""kill.py SPEC ROWS: runs a search in ./killed, ends it with SIGKILL as soon as its archive holds ROWS candidates, and
resumes it. Fails where the search ended before it was killed."""
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

spec, rows = sys.argv[1], int(sys.argv[2])
command = ["selfopt-run", "search", spec, "--out", "killed", "--workers", "2"]


def archived():
    try:
        with sqlite3.connect("file:killed/archive.sqlite?mode=ro", uri=True, timeout=1) as connection:
            return connection.execute("select count(*) from candidate").fetchone()[0]
    except sqlite3.Error:
        return -1


shutil.rmtree("killed", ignore_errors=True)
process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
deadline = time.time() + 60
while archived() < rows and time.time() < deadline and process.poll() is None:
    time.sleep(0.002)
os.kill(process.pid, signal.SIGKILL)
process.wait()
left = archived()
assert process.returncode == -signal.SIGKILL, f"expected a search that is under way, found it ended: {process.returncode}"
print("killed at", left)
subprocess.run(command + ["--resume"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
