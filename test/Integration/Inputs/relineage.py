"""relineage.py START SPEC: the start, with the lineage of the other spec."""
import re
import sys

start, spec = (open(path).read() for path in sys.argv[1:])
lineage = re.search(r"  evolve\.lineage .*?\n  \}\n", spec, re.S).group(0)
print(start.rstrip()[:-1] + lineage + "}")
