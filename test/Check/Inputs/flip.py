"""flip.py IN OUT ROW: a file of answers with one label, 0 to 9, changed by hand."""
import pathlib
import sys

lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
features, label = lines[int(sys.argv[3])].rsplit(",", 1)
lines[int(sys.argv[3])] = f"{features},{(int(label) + 1) % 10}"
pathlib.Path(sys.argv[2]).write_text("".join(line + "\n" for line in lines))
