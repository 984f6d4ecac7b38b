"""own_lines.py SOURCE: lines of code (no blank ones, no comments) of what is the checker's own, beside the dialects and the
rules of what ops do to abstract values, and cost."""
import pathlib
import re
import sys

LIMIT = 3000
# Rules of ranges: what every op does to the intervals, slopes and forms of its operands, and over balls of inputs. They
# are counted apart.
RULES = {"BoundPropagation.cpp", "BoundPropagation.h", "ElementAnalysis.cpp", "ElementAnalysis.h", "ElementRules.h", "ElementwiseRules.cpp",
         "LayerRules.cpp", "RealInterval.h", "UpdateRuleDomain.cpp", "UpdateRuleDomain.h"}
source = pathlib.Path(sys.argv[1])
files = [p for folder in ("tools/selfopt-check", "lib/Certificate", "lib/Digest", "include/SelfOpt/Digest") for p in
         sorted((source / folder).iterdir()) if p.suffix in (".cpp", ".h")]
# The policy and whatever proofs it is made of, as the CMake file lists them, with the headers that they include.
safety = source / "lib/Safety"
cmake = (safety / "CMakeLists.txt").read_text()
listed = "".join(re.findall(r"selfopt_library\(SelfOpt(?:Policy|Proofs|Rewards|Smt|UpdateRules)\s(.*?)\bLIBS\b", cmake, re.S))
proofs = [safety / name for name in re.findall(r"[\w/]+\.cpp", listed)]
assert {"Policy.cpp", "RewardShaping.cpp", "UpdateRule.cpp"} <= {p.name for p in proofs}, proofs
elsewhere = {"IntervalMath.h", "RangeAnalysis.h", "RangeModels.h", "BoundProgram.h", "CostModels.h", "ProgramCost.h"}
own = files + proofs
for file in own:  # grows: headers of headers
    for name in re.findall(r'^#include "(?:SelfOpt/Safety/)?(\w+\.h)"', file.read_text(), re.M):
        own += [p for p in (safety / name, source / "include/SelfOpt/Safety" / name)
                if p.exists() and name not in elsewhere and p not in own]
total = rules = 0
for file in own:
    lines = sum(1 for line in file.read_text().splitlines() if line.strip() and not line.strip().startswith("//"))
    isRule = file.name in RULES
    total += 0 if isRule else lines
    rules += lines if isRule else 0
    print(f"{lines:6} {file.relative_to(source)}" + (" (rules)" if isRule else ""))
print(f"own lines: {total} of {LIMIT}; rules of ranges: {rules}")
sys.exit(total >= LIMIT)
