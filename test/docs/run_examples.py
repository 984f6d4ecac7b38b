"""run_examples.py PAGE...: parses and round-trips every ```mlir block of the pages.

A block is a complete module. Under a heading "### `evolve.X`" of a mutation, the first block holds a lineage of one op and
the second what it leads to.
"""
import pathlib
import re
import subprocess
import sys


def run(*command, text=None):
    return subprocess.run(["selfopt-opt", *command], input=text, capture_output=True, text=True)


def canonical(text):
    done = run("-", text=text)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def without_lineage(text):
    return re.sub(r"  evolve\.lineage .*?\n  }\n", "", text, flags=re.S)


def main():
    page = "".join(pathlib.Path(name).read_text() for name in sys.argv[1:])
    examples = mutations = wrong = 0
    for section in re.split(r"^(?=#+ )", page, flags=re.M):
        title = section.split("\n", 1)[0]
        blocks = re.findall(r"^```mlir\n(.*?)^```$", section, flags=re.M | re.S)
        texts = []
        for block in blocks:
            examples += 1
            try:
                texts.append(canonical(block))
                if canonical(texts[-1]) != texts[-1]:
                    raise RuntimeError("does not print as it parses")
            except RuntimeError as error:
                wrong += 1
                print(f"{title}: {error}\n{block}")
        if len(texts) == 2 and "evolve.lineage" in texts[0]:
            mutations += 1
            done = run("--selfopt-mutate=apply", "-", text=texts[0])
            if done.returncode or without_lineage(done.stdout) != texts[1]:
                wrong += 1
                print(f"{title}: expected\n{texts[1]}found\n{done.stdout}{done.stderr}")
        if title.startswith("### `") and not blocks:
            wrong += 1
            print(f"{title}: expected an example, found none")
    kinds = len(run("--selfopt-list-mutations").stdout.splitlines()) - 1
    if mutations != kinds:
        wrong += 1
        print(f"expected an example of each of the {kinds} kinds of mutation, found {mutations}")
    print(f"{examples} examples, {mutations} mutations, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
