"""finite_difference.py OUT PLUS MINUS...: central differences of scalar results, each step 0.01 apart on both sides."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check import read, write

values = [read(f)[1][0] for f in sys.argv[2:]]
write(sys.argv[1], "f32", str(len(values) // 2), [(a - b) / 0.02 for a, b in zip(values[::2], values[1::2])])
