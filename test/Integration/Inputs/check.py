"""Small checks on JSON lines and arrays, for the tests of selfopt-run; no package beyond Python's own.

  check.py train FILE                    the last line has the documented keys
  check.py between FILE PATH LOW HIGH    a number of the last line, its PATH of keys joined by '/', lies in [LOW, HIGH]
  check.py search FILE                   the last line of a search has the documented keys, and its counts add up
  check.py npy OUT f32|i32 SHAPE VALUE...   writes an array; SHAPE is like 2x3, or - for rank 0
  check.py close A B TOLERANCE           two float arrays have one shape and agree
  check.py values A TOLERANCE VALUE...   an array holds these numbers
  check.py edit ARCHIVE                  changes a number in the middle of an archive
"""
import ast
import json
import math
import sqlite3
import struct
import sys

TYPES = {"f32": ("<f4", "f"), "i32": ("<i4", "i"), "f64": ("<f8", "d"), "i64": ("<i8", "q")}


def last(path):
    line = json.loads(open(path).read().strip().splitlines()[-1])
    assert line["event"] == "done", line
    return line


def need(found, keys):
    missing = [k for k in keys if k not in found]
    assert not missing, f"expected {keys}, found no {missing} in {found}"


def read(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    size = struct.unpack("<H", data[8:10])[0]
    assert (10 + size) % 64 == 0, size
    header = ast.literal_eval(data[10:10 + size].decode("ascii"))
    code = {name: code for name, code in TYPES.values()}[header["descr"]]
    count = math.prod(header["shape"])
    assert not header["fortran_order"]
    return header["shape"], struct.unpack(f"<{count}{code}", data[10 + size:])


def write(path, kind, shape, values):
    name, code = TYPES[kind]
    dims = () if shape == "-" else tuple(int(d) for d in shape.split("x"))
    assert math.prod(dims) == len(values), (dims, len(values))
    header = repr({"descr": name, "fortran_order": False, "shape": dims})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    numbers = [float(v) if code in "fd" else int(v) for v in values]
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("ascii"))
        f.write(struct.pack(f"<{len(numbers)}{code}", *numbers))


def near(a, b, tolerance):
    return abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def main(what, *rest):
    if what == "train":
        line = last(rest[0])
        need(line, ["seconds", "compile_seconds", "steps", "epochs", "parameters", "metric", "loss"])
        need(line["metric"], ["train", "validation", "test"])
    elif what == "between":
        value = last(rest[0])
        for key in rest[1].split("/"):
            value = value[key]
        assert float(rest[2]) <= value <= float(rest[3]), f"expected {rest[1]} in {rest[2:]}, found {value}"
    elif what == "search":
        line = last(rest[0])
        need(line, ["candidates", "evaluated", "rejected", "reused", "failed", "saved", "seconds", "best", "start"])
        need(line["best"], ["digest", "parameters", "metric"])
        need(line["saved"], ["digest", "probe"])
        need(line["best"]["metric"], ["validation", "test"])
        parts = [line[k] for k in ("evaluated", "rejected", "reused", "failed")]
        assert sum(parts) == line["candidates"], line
    elif what == "npy":
        write(rest[0], rest[1], rest[2], rest[3:])
    elif what == "close":
        (s, a), (t, b) = read(rest[0]), read(rest[1])
        assert s == t, f"expected one shape, found {s} and {t}"
        assert all(near(x, y, float(rest[2])) for x, y in zip(a, b)), (a, b)
    elif what == "values":
        _, a = read(rest[0])
        b = [float(v) for v in rest[2:]]
        assert len(a) == len(b) and all(near(x, y, float(rest[1])) for x, y in zip(a, b)), (a, b)
    elif what == "edit":
        with sqlite3.connect(rest[0]) as connection:
            assert connection.execute("update candidate set parameters = parameters + 1 where id = 3").rowcount == 1
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
