"""own_lines.py SOURCE: lines of what is the checker's own, beside the dialects and what ops mean to ranges and costs."""
import pathlib
import re
import sys

LIMIT = 3000
source = pathlib.Path(sys.argv[1])
files = [p for folder in ("tools/selfopt-check", "lib/Certificate", "lib/Digest", "include/SelfOpt/Digest") for p in
         sorted((source / folder).iterdir()) if p.suffix in (".cpp", ".h")]
# The policy's library, whatever proofs it is made of, as its CMake file lists it.
cmake = (source / "lib/Safety/CMakeLists.txt").read_text()
listed = re.search(r"selfopt_library\(SelfOptPolicy\s(.*?)\bLIBS\b", cmake, re.S).group(1)
proofs = [source / "lib/Safety" / name for name in re.findall(r"[\w/]+\.cpp", listed)]
assert {"Policy.cpp", "ProgramCost.cpp"} <= {p.name for p in proofs}, proofs
headers = [source / "include/SelfOpt/Safety" / name for name in ("Certificate.h", "Policy.h", "ProgramCost.h")]
total = 0
for file in files + proofs + headers:
    lines = len(file.read_text().splitlines())
    total += lines
    print(f"{lines:6} {file.relative_to(source)}")
print(f"own lines: {total} of {LIMIT}")
sys.exit(total >= LIMIT)
