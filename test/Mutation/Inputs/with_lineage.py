"""Prints the module of the first file with the evolve.lineage of the second."""
import sys

spec = open(sys.argv[1]).read().rstrip()
mutated = open(sys.argv[2]).read()
lineage = mutated[mutated.index("evolve.lineage"):]
print(spec[:spec.rindex("}")] + lineage)
