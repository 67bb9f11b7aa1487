"""Every option of a migration is a word of the command line, in virsh's spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.requirements import requirement
from virtmigrate import negotiation
from virtmigrate.cli.arguments import VirshCommand, metavar
from virtmigrate.cli.option_table import NEITHER
from virtmigrate.cli.request import FILE_MAX_BYTES
from virtmigrate.errors import Side
from virtmigrate.option_rows import ROWS, SWITCHES, VALUES

from tests.core.declared import ends  # isort: skip

HOSTS = ("scripted:///a", "scripted:///b")
PAGE = Path(__file__).parents[2] / "docs" / "options.md"

# `virsh help migrate`, libvirt 9.0, and what 9.x-12.x added.
VIRSH = (
    "live", "offline", "p2p", "direct", "tunnelled", "persistent", "undefinesource",
    "suspend", "copy-storage-all", "copy-storage-inc",
    "copy-storage-synchronous-writes", "change-protection", "unsafe", "verbose",
    "compressed", "auto-converge", "rdma-pin-all", "abort-on-error", "postcopy",
    "postcopy-after-precopy", "postcopy-resume", "zerocopy", "migrateuri",
    "graphicsuri", "listen-address", "dname", "timeout", "timeout-suspend",
    "timeout-postcopy", "xml", "migrate-disks", "disks-port", "disks-uri",
    "comp-methods", "comp-mt-level", "comp-mt-threads", "comp-mt-dthreads",
    "comp-xbzrle-cache", "auto-converge-initial", "auto-converge-increment",
    "persistent-xml", "tls", "postcopy-bandwidth", "parallel",
    "parallel-connections", "bandwidth", "tls-destination", "comp-zlib-level",
    "comp-zstd-level", "migrate-disks-detect-zeroes",
    "available-switchover-bandwidth",
)  # fmt: skip

GOOD = {
    "migrate_uri": ("tcp://b:49152", "tcp://b:49152"),
    "dest_name": ("other", "other"),
    "bandwidth_mib_s": ("7", 7),
    "migrate_disks": ("vda,vdb", ["vda", "vdb"]),
    "migrate_disks_detect_zeroes": ("vda", ["vda"]),
    "migrate_disks_target_zero": ("vda", ["vda"]),
    "compression_methods": ("xbzrle,mt", ["xbzrle", "mt"]),
    "compression_xbzrle_cache_bytes": ("8192", 8192),
}


def plan(terminal, *words):
    return terminal("plan", "-c", HOSTS[0], "demo", HOSTS[1], "--json", *words)


def asked(said):
    rows = said.json()["settlement"]["options"]
    return {row["option"]: row["asked"] for row in rows if row["asked"] is not None}


def refusals(said):
    assert said.code == 2, said
    return {item["subject"]: item for item in said.json()["refusals"]}


@pytest.mark.parametrize("word", VIRSH)
@requirement("cli.virsh")
def test_virshs_options_are_known_by_virshs_names(terminal, word):
    if word == "verbose":
        assert "--verbose" in terminal("migrate", "--help").out
    else:
        assert word in {row.virsh for row in ROWS}


@requirement("say.three-answers")
@pytest.mark.parametrize("row", SWITCHES, ids=lambda row: row.virsh)
@requirement("cli.no-words")
def test_each_switch_is_yes_or_no_by_its_word(terminal, world, row):
    for word, answer in ((f"--{row.virsh}", True), (f"--no-{row.virsh}", False)):
        said = plan(terminal, word)
        if said.code == 0:
            assert asked(said) == {row.name: answer}
        else:
            # Refused with others missing: by the plan, which understood the word.
            assert all(item["error"] != "BadInput" for item in refusals(said).values())


@requirement("say.three-answers")
def test_neither_is_the_default(terminal):
    assert asked(plan(terminal)) == {}


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row.virsh)
def test_each_value_arrives_typed(terminal, tmp_path, row):
    text, value = GOOD.get(row.name, ("5", 5) if row.kind != "string" else ("x", "x"))
    if row.from_file:
        file = tmp_path / "domain.xml"
        file.write_text("<domain/>", encoding="utf-8")
        text, value = str(file), "<domain/>"
    said = plan(terminal, f"--{row.virsh}", text)
    if said.code == 0:
        assert asked(said) == {row.name: value}
    else:
        assert all(item["error"] != "BadInput" for item in refusals(said).values())


def test_a_list_may_repeat_and_hold_commas(terminal):
    words = ("--copy-storage-all", "--migrate-disks", "vda,vdb", "--migrate-disks=sdc")
    assert asked(plan(terminal, *words))["migrate_disks"] == ["vda", "vdb", "sdc"]


@requirement("say.all-at-once")
def test_all_that_is_wrong_with_the_words_is_told_at_once(terminal, tmp_path):
    said = terminal(
        "plan", "-c", "scripted://-oProxyCommand=x/a", " ", "nonsense", "--json",
        "--live", "--no-live",
        "--disks-port", "70000",
        "--bandwidth", "fast",
        "--comp-methods", "lzma",
        "--migrate-disks", "-vda",
        "--dname", "",
        "--xml", str(tmp_path / "none.xml"),
        "--timeout", "1" * 5000,
    )  # fmt: skip
    found = refusals(said)
    assert set(found) == {
        "live", "disks_port", "bandwidth_mib_s", "compression_methods",
        "migrate_disks", "dest_name", "dest_xml", "timeout_s", "guest", "uri",
    }  # fmt: skip
    assert len(said.json()["refusals"]) == 11
    sides = {item["side"] for item in said.json()["refusals"]}
    assert sides == {Side.REQUEST, Side.SOURCE, Side.DESTINATION}
    assert all(item["remedy"] for item in said.json()["refusals"])


@requirement("say.all-at-once")
def test_for_people_each_refusal_begins_a_line(terminal):
    said = terminal(
        "plan", "-c", HOSTS[0], "demo", HOSTS[1], "--disks-port", "-1", "--timeout", "0"
    )
    starts = [line for line in said.err.split("\n") if line.startswith("refused: ")]
    assert len(starts) == 2
    assert said.out == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (FILE_MAX_BYTES + 1), "more than"),
        (None, "directory"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused(terminal, tmp_path, content, why):
    file = tmp_path / "domain.xml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    assert why in refusals(plan(terminal, "--xml", str(file)))["dest_xml"]["message"]


def test_an_unknown_option_is_answered_with_the_nearest(terminal):
    said = plan(terminal, "--no-lve")
    assert "--no-live" in refusals(said)["--no-lve"]["remedy"]


@requirement("cli.virsh")
def test_virshs_named_arguments_work_too(terminal):
    named = plan(terminal)
    for words in (
        ("--domain", "demo", "--desturi", HOSTS[1]),
        ("--domain=demo", HOSTS[1]),
        (f"--desturi={HOSTS[1]}", "demo"),
    ):
        assert terminal("plan", "-c", HOSTS[0], "--json", *words).out == named.out


def test_virshs_names_after_two_dashes_are_arguments(terminal):
    said = terminal("plan", "-c", HOSTS[0], "--", "--domain", HOSTS[1])
    assert "no guest '--domain'" in said.err
    assert VirshCommand.__doc__


def test_every_value_says_what_to_put(terminal):
    assert all(metavar(row) for row in VALUES)
    text = terminal("migrate", "--help").out
    for row in ROWS:
        assert f"--{row.virsh}" in text


def test_what_neither_means_is_told_for_every_default_of_ours():
    ours = {
        row.name
        for row in SWITCHES
        if negotiation._project_default(row.name, ends()) is not None
    }
    assert set(NEITHER) == ours


def test_the_table_as_json_has_every_option(terminal):
    rows = terminal("options", "--json").json()["options"]
    assert [row["name"] for row in rows] == [row.name for row in ROWS]


def test_the_table_for_people_fits_and_has_every_option(terminal):
    said = terminal("options")
    assert max(map(len, said.out.split("\n"))) <= 80
    assert all(f"--{row.virsh}" in said.out for row in ROWS)


def test_the_page_of_options_is_as_the_command_writes_it(terminal):
    """Renew it: virtmigrate options --markdown > docs/options.md."""
    written = terminal("options", "--markdown").out
    assert PAGE.read_text(encoding="utf-8") == written
