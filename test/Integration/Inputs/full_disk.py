"""Searches into a file system of 64 kB, in a mount namespace of its own; prints `skipped` where none can be mounted."""
import os
import shutil
import subprocess
import sys

status = os.path.join(os.path.dirname(__file__), "status.py")
script = ("mkdir -p disk && mount -t tmpfs -o size=64k tmpfs disk || exit 99; "
          f"SELFOPT_DATA_DIR=$PWD {sys.executable} {status} 1 selfopt-run search points.mlir --out disk --candidates 500")
unshare = shutil.which("unshare")
command = [unshare, "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"]) + ["sh", "-c", script]
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) if unshare else None
if not done or done.returncode == 99 or "unshare" in done.stdout:
    print("skipped")
else:
    print(done.stdout, end="")
    sys.exit(done.returncode)
