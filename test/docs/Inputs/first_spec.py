"""first_spec.py PAGE: prints the first ```mlir block of a page."""
import pathlib
import sys

print(pathlib.Path(sys.argv[1]).read_text().split("```mlir\n", 1)[1].split("```", 1)[0], end="")
