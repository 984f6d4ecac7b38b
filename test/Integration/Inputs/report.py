"""Checks a report against the archive that it tells of; no package beyond Python's own.

  report.py page DIR [SEARCH.json]   DIR/report.html is well-formed, loads nothing, and its numbers are the archive's;
                                     of the last line of SEARCH.json too
  report.py donors DIR SUMMARY.md    the summary names the donors of the winner's ancestors
  report.py study DIR                DIR/study.json and the page agree with the archives of its searches
  report.py explain DIR              DIR/explain.json adds up, and the page shows it
"""
import html.parser
import json
import re
import sqlite3
import sys
import xml.dom.minidom


def rows(directory):
    with sqlite3.connect(f"file:{directory}/archive.sqlite?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        meta = dict(connection.execute("select key, value from meta"))
        return meta, connection.execute("select * from candidate order by id").fetchall()


def decimal(x, digits=4):
    text = f"{x:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "\u2212")


def mean(xs):
    return sum(xs) / len(xs)


class Balance(html.parser.HTMLParser):
    """What a browser's parser sees: every element is closed, in order."""
    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], set(), []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.look(attrs)

    def handle_startendtag(self, tag, attrs):
        self.look(attrs)

    def look(self, attrs):
        for key, value in attrs:
            if key == "id":
                assert value not in self.ids, f"expected one id {value}, found two"
                self.ids.add(value)
            assert key not in ("src", "srcset", "data", "action", "poster"), (key, value)
            if key in ("href", "xlink:href"):
                assert value.startswith("#"), f"expected a link into the page, found {value}"
                self.links.append(value[1:])
            assert not key.startswith("on"), (key, value)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"expected </{self.open[-1:]}>, found </{tag}>"
        self.open.pop()


def text_of(node):
    if node.nodeType == node.TEXT_NODE:
        return node.data
    return "".join(text_of(child) for child in node.childNodes)


class Page:
    def __init__(self, path):
        text = open(path, encoding="utf-8").read()
        document = xml.dom.minidom.parseString(text.encode())
        balance = Balance()
        balance.feed(text)
        assert not balance.open, balance.open
        assert set(balance.links) <= balance.ids, set(balance.links) - balance.ids
        loads = re.findall(r"(?:https?:)?//[a-z][^\s\"'<]*", re.sub(r'xmlns="[^"]*"', "", text))
        assert not loads, f"expected no address, found {loads}"
        assert "url(" not in text and "@import" not in text
        self.document = document
        self.sections = {s.getAttribute("id"): s for s in document.getElementsByTagName("section")}

    def text(self, section):
        return " ".join(text_of(self.sections[section]).split())

    def table(self, section, which=0):
        table = self.sections[section].getElementsByTagName("table")[which]
        body = table.getElementsByTagName("tbody")[0]
        return [[" ".join(text_of(cell).split()) for cell in row.childNodes if cell.nodeType == cell.ELEMENT_NODE]
                for row in body.getElementsByTagName("tr")]

    def drawn(self, section, tag, style):
        return [e for e in self.sections[section].getElementsByTagName(tag) if style in e.getAttribute("class").split()]


def same(what, found, expected):
    assert found == expected, f"{what}: expected {expected}, found {found}"


def page(directory, search=None):
    p = Page(f"{directory}/report.html")
    for section in ("headline", "progress", "front", "architecture", "genealogy-of", "worth", "kinds", "reasons", "training"):
        assert section in p.sections, f"expected a section {section}"
    meta, candidates = rows(directory)
    best = int(meta["best"])
    down = "minimize(metric(" in meta["spec"]
    final = json.load(open(f"{directory}/final.json"))
    means = {who: {split: mean([s[split] for s in final[who]["seeds"]]) for split in ("validation", "test")}
             for who in ("start", "best")}

    # The headline.
    table = p.table("headline")
    for line, who, row in zip(table, ("start", "best"), (candidates[0], candidates[best])):
        assert line[1].startswith(decimal(means[who]["test"])), (line, means[who])
        assert line[2].startswith(decimal(means[who]["validation"])), (line, means[who])
        same(who, line[3].replace(",", ""), str(row["parameters"]))
        same(who, line[4].replace(",", ""), str(row["flops_per_example"]))
    about = " ".join(text_of(p.document.getElementsByTagName("header")[0]).split())
    for status, word in (("evaluated", "trained"), ("reused", "known already"), ("rejected", "refused"), ("failed", "failed")):
        count = sum(r["status"] == status for r in candidates)
        assert re.search(rf"\b{count} {word}", about), (status, count, about)
    if search:
        line = json.loads(open(search).read().strip().splitlines()[-1])
        for who in ("start", "best"):
            for split in ("validation", "test"):
                assert abs(line[who]["metric"][split] - means[who][split]) < 1e-12, (who, split, line, means)
        same("winner", line["best"]["candidate"], best)

    # Every candidate that has a score is drawn, in each of the three charts.
    scored = [r for r in candidates if r["validation"] is not None]
    for section, charts in (("progress", 2), ("front", 1)):
        edge = [e for e in p.drawn(section, "path", "off") if "any" in e.getAttribute("class").split()]
        found = len(p.drawn(section, "circle", "any")) + len(edge)
        same(section, found, charts * len(scored))

    # The front, found the slow way: over all that the search minimises, the first of equals, best metric first.
    sign = 1 if down else -1
    sizes = re.findall(r"minimize\((\w+)\)", meta["spec"]) or ["parameters"]
    key = lambda r: (sign * r["validation"], *(r[size] for size in sizes))
    beats = lambda a, b: a != b and all(x <= y for x, y in zip(a, b))
    front = {}
    for r in scored:
        if not any(beats(key(o), key(r)) for o in scored):
            front.setdefault(key(r), r)
    same("front", [[cell.replace(",", "") for cell in line] for line in p.table("front")],
         [[str(r["id"]), decimal(r["validation"]), *(str(r[size]) for size in sizes)] for _, r in sorted(front.items())])
    same("marks of the front", len(p.drawn("front", "circle", "front")) +
         len([e for e in p.drawn("front", "path", "off") if "front" in e.getAttribute("class").split()]), len(front))
    same("line of the front", len([e for e in p.drawn("front", "path", "line") if "front" in e.getAttribute("class").split()]),
         int(len(sizes) == 1))
    if "front" in meta:
        same("front in the archive", [m["candidate"] for m in json.loads(meta["front"])], [r["id"] for _, r in sorted(front.items())])

    # The curves of the archive: of the start, of the winner and of others, each told by its last loss.
    tips = [text_of(t) for e in p.drawn("training", "path", "line") + p.drawn("training", "circle", "dot")
            for t in e.getElementsByTagName("title")]
    assert tips, "expected curves of candidates, found none"
    for tip in tips:
        identity, value, epochs = re.fullmatch(r"candidate (\d+): (\S+) after (\d+) epochs", tip).groups()
        row = candidates[int(identity)]
        curve = json.loads(row["curve"])
        same(tip, len(curve), int(epochs))
        assert value in (decimal(curve[-1]), decimal(row["validation"])), (tip, curve[-1], row["validation"])
    told = {int(re.match(r"candidate (\d+)", tip).group(1)) for tip in tips}
    assert any(candidates[i]["digest"] == candidates[best]["digest"] for i in told), (best, told)

    # The genealogy.
    chain, at = [], best
    while at is not None:
        chain.append(at)
        at = candidates[at]["parent"]
    items = p.sections["genealogy-of"].getElementsByTagName("li")
    same("genealogy", [int(re.search(r"candidate (\d+)", text_of(i)).group(1)) for i in items], chain[::-1])
    for item, identity in zip(items, chain[::-1]):
        shown = [text_of(c) for c in item.getElementsByTagName("code")]
        same(f"mutations of {identity}", shown, [m.removesuffix("{").rstrip() for m in candidates[identity]["mutation"].splitlines() if m.startswith("evolve.")])
        assert decimal(candidates[identity]["validation"]) in text_of(item)

    # Kinds and reasons.
    kinds = {}
    for r in candidates:
        for kind in set(re.findall(r"^evolve\.(\w+)", r["mutation"], re.M)):
            kinds[kind] = kinds.get(kind, 0) + 1
    shown = {}
    for line in p.table("kinds"):
        shown[line[0]] = shown.get(line[0], 0) + int(line[2].replace(",", ""))
        assert int(line[6].split()[0]) <= int(line[3]) <= int(line[2]), line
    same("kinds", set(shown), set(kinds))
    for kind, tries in kinds.items():
        # A candidate with one kind in two loops shows up in both.
        assert tries <= shown[kind] <= 2 * tries, (kind, tries, shown[kind])
    reasons = {}
    for r in candidates:
        if r["status"] in ("rejected", "failed"):
            reason = " ".join(r["reason"].split(":")[0].split())
            reasons[reason] = reasons.get(reason, 0) + 1
    found = {line[0]: int(line[2]) for line in p.table("reasons")} if reasons else {}
    same("reasons", found, reasons)

    # Training: one row a seed. Architecture: as many boxes as the model has ops, an input and an output.
    same("seeds", len(p.table("training")), final["seeds"])
    graphs = p.sections["architecture"].getElementsByTagName("svg")
    for graph, row in zip(graphs, (candidates[0], candidates[best])):
        model = re.search(r"selfopt\.model .*?\{\n(.*?)\n  \}", row["program"], re.S).group(1).splitlines()
        same("boxes", len([g for g in graph.getElementsByTagName("g")]), len(model) - 1 + 2)
        # An op that reads a value twice has one arrow from it.
        reads = sum(len(set(re.findall(r"%\w+", line.split(" = ")[-1]))) for line in model)
        same("arrows", len([e for e in graph.getElementsByTagName("path") if e.getAttribute("class") == "tip-of-edge"]), reads)
    print("page: holds")


def donors(directory, summary):
    """Every candidate of the winner's genealogy is named with its donor in the summary, and there is one that has one."""
    meta, candidates = rows(directory)
    lines = open(summary, encoding="utf-8").read().split("## Genealogy")[1].split("##")[0].splitlines()
    named = [line.split("|")[1].strip() for line in lines if re.match(r"\| \d", line)]
    chain, at = [], int(meta["best"])
    while at is not None:
        donor = candidates[at]["donor"]
        chain.append(str(at) if donor is None else f"{at}, with {donor}")
        at = candidates[at]["parent"]
    same("genealogy", named, chain[::-1])
    assert any("with" in name for name in named), named
    print("donors: hold")


def study(directory):
    s = json.load(open(f"{directory}/study.json"))
    p = Page(f"{directory}/report.html")
    lines = {line[0].replace(" alone", ""): line for line in p.table("study", 0)}
    same("arms", set(lines), {arm["name"] for arm in s["arms"]})
    up = s["maximize"]
    for arm in s["arms"]:
        for run in arm["runs"]:
            meta, candidates = rows(f"{directory}/{run['directory']}")
            same("budget", len(candidates), s["candidates"])
            same("seed", meta["seed"], str(run["seed"]))
            final = json.load(open(f"{directory}/{run['directory']}/final.json"))
            for split in ("validation", "test"):
                assert abs(run[split] - mean([x[split] for x in final["best"]["seeds"]])) < 1e-12
            scores = [c["validation"] for c in candidates if c["validation"] is not None]
            same("curve's end", run["curve"][-1][2], (max if up else min)(scores))
            same("curve's start", run["curve"][0], [1, candidates[0]["cpu"], candidates[0]["validation"]])
            same("curve's length", run["curve"][-1][0], len(candidates))
            assert abs(run["cpu_seconds"] - sum(c["cpu"] for c in candidates)) < 1e-9
            spec = open(f"{directory}/{run['directory']}.mlir").read()
            same("spec", spec, meta["spec"])
        assert abs(arm["test"]["mean"] - mean([r["test"] for r in arm["runs"]])) < 1e-12
        assert lines[arm["name"]][3].startswith(decimal(arm["test"]["mean"])), (lines[arm["name"]], arm["test"])
    own = s["arms"][0]
    for other, difference in zip(s["arms"][1:], s["differences"]):
        pairs = [(a["test"] - b["test"]) * (1 if up else -1) for a, b in zip(own["runs"], other["runs"])]
        d = difference["test"]
        assert abs(d["mean"] - mean(pairs)) < 1e-12 and min(pairs) - 1e-9 <= d["low"] <= d["high"] <= max(pairs) + 1e-9
        early = []
        for a, b in zip(own["runs"], other["runs"]):
            now = min(a["cpu_seconds"], b["cpu_seconds"])
            best = [[point[2] for point in r["curve"] if point[1] <= now] for r in (a, b)]
            if all(best):
                early.append((best[0][-1] - best[1][-1]) * (1 if up else -1))
        assert not early or abs(difference["equal_time"]["mean"] - mean(early)) < 1e-12, (difference, early)
        word = "beats" if d["low"] > 0 else "loses to" if d["high"] < 0 else "does not beat"
        assert difference["sentence"].startswith(f"{own['name']} {word} {other['name']}"), difference
        assert difference["sentence"] in p.text("study")
    print("study: holds")


def explain(directory):
    e = json.load(open(f"{directory}/explain.json"))
    meta, candidates = rows(directory)
    winner = candidates[int(meta["best"])]
    same("winner", e["digest"], winner["digest"])
    lineage = re.search(r"evolve\.lineage from\(.*?\) \{\n(.*?)\n  \}", winner["program"], re.S)
    same("mutations", [m["mutation"] for m in e["mutations"]],
         [line.strip() for line in lineage.group(1).splitlines()] if lineage else [])
    sign = 1 if e["maximize"] else -1
    for m in e["mutations"]:
        if m["trained"] and not m["no_effect"]:
            assert abs(m["worth"]["mean"] - sign * (e["winner"]["validation"]["mean"] - m["without"])) < 1e-9, m
    bound = e["winner"]["validation"]["low" if e["maximize"] else "high"]
    for step in e["steps"]:
        assert sign * (step["validation"]["mean"] - bound) >= -1e-12, (step, bound)
        assert step["size"]["parameters"] <= e["winner"]["size"]["parameters"]
    p = Page(f"{directory}/report.html")
    shown = [line[0] for line in p.table("worth")]
    assert len(shown) == len(e["mutations"]) and all(s.startswith(m["mutation"]) for s, m in zip(shown, e["mutations"]))
    print("explain: holds")


if __name__ == "__main__":
    {"page": page, "donors": donors, "study": study, "explain": explain}[sys.argv[1]](*sys.argv[2:])
