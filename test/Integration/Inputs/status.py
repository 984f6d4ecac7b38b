"""status.py STATUS COMMAND...: runs a command; fails unless it ends with this status, and without a trace of the stack.
Prints what the command wrote to both of its streams."""
import subprocess
import sys

done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
print(done.stdout, end="")
if done.returncode != int(sys.argv[1]):
    sys.exit(f"expected the status {sys.argv[1]}, found {done.returncode}")
for trace in ("Stack dump", "PLEASE submit a bug report", "Assertion", "terminate called", "LLVM ERROR"):
    if trace in done.stdout:
        sys.exit(f"found '{trace}'")
