"""same_study.py A B: two study.json say the same, but for what clocks decide."""
import json
import sys

CLOCKS = {"cpu_seconds", "train_seconds", "cpu_ratio", "equal_time"}


def timeless(value):
    if isinstance(value, dict):
        return {k: [(p[0], p[2]) for p in v] if k == "curve" else timeless(v) for k, v in value.items() if k not in CLOCKS}
    return [timeless(v) for v in value] if isinstance(value, list) else value


a, b = (timeless(json.load(open(path))) for path in sys.argv[1:])
assert a == b, (a, b)
