"""docs/findings.md has each finding that the sources can make, and no other.

What looks like a finding's id in a file that makes findings is one; ids of one word are
those of the tables of data.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.requirements import requirement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "findings.md"
ID = re.compile(r"[a-z]+(-[a-z0-9]+)+")
ROW = re.compile(r"^\| `([a-z-]+…?)` \| ([a-z, ]+) \| ([a-z, ]+) \|", re.MULTILINE)
NO_IDS = {"host-passthrough"}
"""Words of libvirt's in those files."""
ONE_WORD = {"unreachable", "snapshots", "virtiofs", "invtsc", "virgl", "autodestroy"}
MADE = {
    'f"insecure-{': {"insecure-…"},
    'f"bad-{': {"bad-dest-xml", "bad-persist-xml"},
    'f"runs-{': {"runs-emulator", "runs-commandline"},
    'f"older-{': {"older-libvirt", "older-qemu"},
    'f"{virt}-missing"': {"kvm-missing", "qemu-missing"},
}
"""Ids that are put together, by how."""
FILES = [
    path
    for pattern in ("core/src/**/*.py", "plugins/*/src/**/*.py")
    for path in ROOT.glob(pattern)
    if "preflight" in str(path) or "Finding" in path.read_text(encoding="utf-8")
]


def words(source: str) -> set[str]:
    """Every text in a source that looks like an id."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (ID.fullmatch(node.value) or node.value in ONE_WORD)
    }


def in_sources() -> set[str]:
    """Every id that the sources can make."""
    found: set[str] = set()
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        found |= words(source) - NO_IDS
        for how, ids in MADE.items():
            found |= ids if how in source else set()
    return found


def in_page() -> dict[str, tuple[set[str], set[str]]]:
    """Id: levels and sides, over all rows that it has."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for name, levels, sides in ROW.findall(PAGE.read_text(encoding="utf-8")):
        level, side = found.setdefault(name, (set(), set()))
        level |= set(levels.split(", "))
        side |= set(sides.split(", "))
    return found


@requirement("preflight.documented")
def test_each_finding_has_its_row_and_each_row_its_finding():
    sources, page = in_sources(), in_page()
    assert sorted(sources - page.keys()) == []
    assert sorted(page.keys() - sources) == []


def test_levels_and_sides_are_words_of_the_contract():
    for name, (levels, sides) in in_page().items():
        assert levels <= {"blocker", "warning", "note"}, name
        assert sides <= {"source", "destination", "both", "request"}, name


def test_each_row_says_what_helps():
    rows = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) == len(ROW.findall(PAGE.read_text(encoding="utf-8")))
    assert all(line.count(" | ") == 4 and line.endswith(" |") for line in rows)


def test_what_looks_like_an_id_is_seen():
    assert words('x = ("no-such-thing", "snapshots", "a word")') == {
        "no-such-thing",
        "snapshots",
    }
