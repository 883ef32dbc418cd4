"""The document in a report.html: its form, as docs/report.schema.json says, and what must fit.
All its names are in docs/REPORT.md.
    report_document.py DOCS REPORT.html..."""
import copy
import json
import re
import sys

import jsonschema

schema = json.load(open(sys.argv[1] + "/report.schema.json"))
told = open(sys.argv[1] + "/REPORT.md", encoding="utf-8").read()
jsonschema.Draft202012Validator.check_schema(schema)
valid = jsonschema.Draft202012Validator(schema)


def load(path):
    text = open(path, encoding="utf-8").read()
    return json.loads(re.search(r'id="report-data">\n(.*?)\n</script>', text, re.S).group(1))


for path in sys.argv[2:]:
    d = load(path)
    valid.validate(d)
    for part in (d, d["run"], d["run"]["counts"], *d["axes"][:1], *d["columns"][:1], *d["cells"], *d["trajectories"], *d["records"].values()):
        for key in part:
            assert re.search(rf"`(run\.|trajectories\[\]\.)?{key}`", told), key + " is not in REPORT.md"
    names = [c["name"] for c in d["columns"]]
    assert len(set(names)) == len(names)
    trajectories = {t["id"] for t in d["trajectories"]}
    for cell in d["cells"]:
        assert all(0 <= k < len(a["values"]) for k, a in zip(cell["at"], d["axes"], strict=True))
        assert set(cell["columns"]) <= set(names) and cell["trajectory"] in trajectories
    for who in ("judge", "guide"):
        assert d[who] is None or not names or d[who]["column"] in names
    for t in d["trajectories"]:
        for view in t.get("scores", []):
            assert all(len(m) == t["shown"] for m in view["measures"].values())

# A test that could not fail would be none.
for key, wrong in (("schema", 2), ("live", {}), ("cells", [{}]), ("files", [1]), ("more", 0)):
    assert not valid.is_valid({**copy.deepcopy(d), key: wrong}), key
