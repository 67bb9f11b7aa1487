"""The support matrix, `options` and `capabilities` tell one truth."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from tests.requirements import requirement
from virtmigrate.capabilities import UNKNOWN, How
from virtmigrate.cli import main
from virtmigrate.option_rows import OWN, SWITCHES, VALUES
from virtmigrate_mock import World
from virtmigrate_testkit.matrix import page

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "support_matrix.py"))
STYLES = ("qemu-like", "vz-like")


@requirement("compressed.indistinguishable")
@requirement("declare.same-truth")
def test_the_page_is_what_is_declared():
    written = (ROOT / "docs" / "support-matrix.md").read_text(encoding="utf-8")
    assert written == page(SCRIPT["kinds"]()), "run scripts/support_matrix.py"


def test_another_declaration_is_another_page():
    kinds = SCRIPT["kinds"]()
    name, declared = next(iter(kinds.items()))
    switches = declared.switches | {"live": UNKNOWN}
    kinds[name] = declared.model_copy(update={"switches": switches})
    assert page(kinds) != page(SCRIPT["kinds"]())


@pytest.mark.parametrize("style", STYLES)
@requirement("declare.same-truth")
def test_capabilities_prints_what_the_page_says(style, capsys):
    declared = SCRIPT["kinds"]()[f"mock, {style}"]
    with World.create("printed", style=style, replace=True) as world:
        assert main(["capabilities", world.uri("a"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    for name, support in declared.switches.items():
        shown = printed["switches"][name]
        assert (shown["on"], shown["off"]) == (support.on, support.off), name
    for name, value in declared.values.items():
        assert printed["values"][name]["how"] == value.how, name


@requirement("declare.same-truth")
def test_options_lists_what_the_page_lists(capsys):
    assert main(["options", "--json"]) == 0
    printed = json.dumps(json.loads(capsys.readouterr().out))
    text = (ROOT / "docs" / "support-matrix.md").read_text(encoding="utf-8")
    for row in (*SWITCHES, *VALUES):
        assert f'"{row.name}"' in printed
        engines = getattr(row, "knob", None) or row.name in (*OWN, "timeout_s")
        assert (f"`--{row.virsh}` |" in text) is not bool(engines), row.name


def test_every_word_of_the_page_is_a_word_of_the_contract():
    text = (ROOT / "docs" / "support-matrix.md").read_text(encoding="utf-8")
    assert all(how.capitalize() in text for how in How)
