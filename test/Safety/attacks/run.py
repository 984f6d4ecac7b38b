"""run.py [--dump DIR] [NAME...]: every attack in *.attack must be refused with the reason that it names, and its twin accepted.

An attack is a change of base.mlir:

  === name
  what it tries
  in: candidate        (held to the policy of base.mlir), spec (held to its own), or trained (held to its own, with the weights
                        of base.mlir, which are the incumbent's)
  refused: part of the error
  --- from
  text of base.mlir, which stands there once
  --- attack
  what the attack puts there
  --- twin
  what an honest program puts there

There may be several from, attack, twin. With --dump the programs are written out, to be read or run by hand."""
import concurrent.futures, os, pathlib, re, subprocess, sys, tempfile

folder = pathlib.Path(__file__).resolve().parent
base = (folder / "base.mlir").read_text()


def read(path):
    for text in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
        head, *parts = re.split(r"^--- (from|attack|twin)\n", text, flags=re.M)
        name, *lines = head.strip().splitlines()
        fields = dict(re.match(r"(in|refused): (.*)", line).groups() for line in lines if re.match("(in|refused): ", line))
        changes = list(zip(parts[0::2], parts[1::2]))
        assert fields.get("in") in ("candidate", "spec", "trained") and fields.get("refused"), f"{path.name}: {name}: expected in: and refused:"
        assert [kind for kind, _ in changes] == ["from", "attack", "twin"] * (len(changes) // 3) and changes, f"{path.name}: {name}: expected from, attack, twin"
        programs = {"attack": base, "twin": base}
        for i in range(0, len(changes), 3):
            old = changes[i][1].rstrip("\n")
            for kind, new in changes[i + 1 : i + 3]:
                assert programs[kind].count(old) == 1, f"{path.name}: {name}: expected once in base.mlir: {old!r}"
                programs[kind] = programs[kind].replace(old, new.rstrip("\n"))
        assert programs["attack"] != base and programs["attack"] != programs["twin"], name
        yield name, fields, programs


def check(work, name, kind, fields, text):
    """Whether it is accepted, and what was said."""
    path = work / f"{name}.{kind}.mlir"
    path.write_text(text)
    policy = f"=policy-of={work / 'base.mlir'}" if fields["in"] == "candidate" else ""
    command = ["selfopt-opt", path, f"--selfopt-check-policy{policy}"]
    if fields["in"] == "trained":
        command = ["selfopt-run", "certify", path, path, "--weights", work / "base.safetensors", "--out", path.with_suffix(".cert")]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode in (0, 1), f"{name}, {kind}: expected an answer, found exit status {done.returncode}:\n{done.stderr[-2000:]}"
    return done.returncode == 0, done.stderr


def main():
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        if arguments[:1] == ["--dump"]:
            work = pathlib.Path(arguments[1])
            work.mkdir(exist_ok=True)
            arguments = arguments[2:]
        points = (folder / "../../Inputs/points.csv").read_bytes()
        (work / "points.csv").write_bytes(points)
        # The same rows in another file: behind a header, the last one first, with other line ends. And an easy task.
        (work / "turned.csv").write_bytes(b"\r\n".join([b"x,y,label", *reversed(points.split())]) + b"\r\n")
        (work / "easy.csv").write_text("".join(f"{i / 60},{(7 * i % 60) / 60 + 1 / 128},{int(i >= 30)}\n" for i in range(60)))
        os.environ["SELFOPT_DATA_DIR"] = str(work)
        (work / "base.mlir").write_text(base)
        # Another probe, of other answers.
        (work / "other_probe.csv").write_text("0.1,0.2,1\n0.8,0.7,0\n")
        for command in (["train", work / "base.mlir", "--seed", "1", "--save", work / "base.safetensors"],
                        ["answers", work / "base.mlir", "--weights", work / "base.safetensors", "--out", work / "probe.csv"]):
            subprocess.run(["selfopt-run", *command], stdout=subprocess.DEVNULL, check=True, timeout=120)
        attacks = [a for path in sorted(folder.glob("*.attack")) for a in read(path)]
        names = [name for name, _, _ in attacks]
        assert len(set(names)) == len(names), "expected each name once"
        if arguments:
            attacks = [a for a in attacks if a[0] in arguments]
        wrong = []
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [(a, kind, pool.submit(check, work, a[0], kind, a[1], a[2][kind])) for a in attacks for kind in ("attack", "twin")]
        for (name, fields, _), kind, job in jobs:
            accepted, said = job.result()
            errors = "\n".join(line for line in said.splitlines() if "error:" in line)
            if kind == "attack" and accepted:
                wrong.append(f"{name}: the attack passed")
            elif kind == "attack" and fields["refused"] not in said:
                wrong.append(f"{name}: expected to be refused by '{fields['refused']}', found:\n{errors[:1500]}")
            elif kind == "twin" and not accepted:
                wrong.append(f"{name}: its twin was refused:\n{errors[:1500]}")
        for line in wrong:
            print(line)
        print(f"{len(attacks)} attacks, {len(wrong)} wrong")
        return 1 if wrong or (not arguments and len(attacks) < 110) else 0


sys.exit(main())
