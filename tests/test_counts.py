"""What the pages say of the size of the catalogue is what is in it."""

import re

import pytest

import opbench
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from tests.test_architecture import ROOT

PAGES = ("README.md", "CHANGELOG.md", "docs/benchmarks.md", "docs/package.md")
#: How they say it: of the ops, and of the contenders.
OPS_FIRST = re.compile(r"(\d+) ops(?:,| with| of \w+ families with) (\d+) contenders")
CONTENDERS_FIRST = re.compile(r"(\d+) contenders of (\d+) ops")
CASES = re.compile(r"(\d+) cases of (\d+) ops")


@pytest.fixture(scope="module")
def catalog():
    return opbench.load()


def test_pages_count_ops_and_contenders(catalog):
    counts = (len(catalog.ops), sum(map(len, catalog.impls.values())))
    for page in PAGES:
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        found = [(int(o), int(c)) for o, c in OPS_FIRST.findall(text)]
        found += [(int(o), int(c)) for c, o in CONTENDERS_FIRST.findall(text)]
        assert set(found) == {counts}, page


def test_pages_count_the_cases_of_the_quick_grid(catalog):
    races = plan(catalog, Selection(directions=("forward",)))
    text = " ".join((ROOT / "docs/benchmarks.md").read_text(encoding="utf-8").split())
    found = {(int(cases), int(ops)) for cases, ops in CASES.findall(text)}
    assert found == {(len(races), len(catalog.ops))}
