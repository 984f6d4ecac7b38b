"""Compares the labels of constraints in the verifiers, in the language's specification, and in the tests.

  lib/Dialect/<D>*.cpp             a comment `// dense (C3)`, or of several: `// softmax (C1), log_softmax (C1)`
  docs/Language.md, Mutations.md   under the heading "### `nn.dense`", an item `* (C3) ...`
  test/Dialect/<D>/invalid.mlir    a symbol `@dense_c3_...`

Prints what is missing or too much, and fails unless there is none.
"""
import pathlib
import re
import sys


def verifier_labels(source):
    labels = set()
    for file in source.glob("lib/Dialect/*.cpp"):
        dialect = next((d for d in ("evolve", "nn", "plan", "safety", "selfopt") if file.name.lower().startswith(d)), None)
        for comment in re.findall(r"//(.*)", file.read_text()):
            op = None
            for name, number in re.findall(r"(?:\b([a-z_0-9]+) )?\(C(\d+)\)", comment):
                op = name or op
                labels.add((f"{dialect}.{op}", int(number)))
    return labels


def document_labels(source):
    labels, op = set(), None
    for page in ("Language.md", "Mutations.md"):
        for line in (source / "docs" / page).read_text().splitlines():
            if line.startswith("#"):
                heading = re.match(r"#+ `([a-z_]+\.[a-z_0-9]+)`", line)
                op = heading.group(1) if heading else None
            elif item := re.match(r"\* \(C(\d+)\) \S", line):
                labels.add((op, int(item.group(1))))
    return labels


def test_labels(source):
    labels = set()
    for file in source.glob("test/Dialect/*/invalid.mlir"):
        for op, number in re.findall(r"@([a-z_0-9]+?)_c(\d+)_", file.read_text()):
            labels.add((f"{file.parent.name.lower()}.{op}", int(number)))
    return labels


def main():
    source = pathlib.Path(sys.argv[1])
    places = {"verifier": verifier_labels(source), "docs": document_labels(source),
              "invalid.mlir": test_labels(source)}
    every = sorted(set().union(*places.values()), key=str)
    bad = 0
    for label in every:
        missing = [place for place, labels in places.items() if label not in labels]
        if missing:
            print(f"{label[0]} (C{label[1]}): expected in {', '.join(places)}; found none in {', '.join(missing)}")
            bad += 1
    # An empty set would agree with an empty set.
    if min(map(len, places.values())) < 30:
        print("expected at least 30 labels in each place, found", {p: len(l) for p, l in places.items()})
        bad += 1
    print(f"{len(every)} labels, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
