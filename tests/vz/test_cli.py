"""The command line at vz hosts."""

from __future__ import annotations

import json

import pytest

from tests.core.terminal import Terminal
from tests.requirements import requirement
from tests.vz_host.conftest import virsh
from virtmigrate.capabilities import How
from virtmigrate.option_rows import SWITCHES
from virtmigrate_vz.capabilities import SWITCHES as DECLARED


@pytest.fixture
def virtmigrate(capsys, tmp_path, monkeypatch):
    """The command, with the plugins that are installed."""
    from virtmigrate.cli.run import run  # noqa: PLC0415
    from virtmigrate.cli.tools import Tools  # noqa: PLC0415

    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", str(tmp_path / "state"))

    class Installed(Terminal):
        def __call__(self, *words):
            self.capsys.readouterr()
            code = run(list(words), Tools())
            said = self.capsys.readouterr()
            return type("Said", (), {"code": code, "out": said.out, "err": said.err})

    return Installed(capsys)


@requirement("apps.all-four")
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--compressed", "--live", "--persistent", "--undefinesource"],
        ["--no-live"],
        ["--p2p"],
        ["--no-persistent", "--no-undefinesource"],
    ],
    ids=" ".join,
)
def test_a_move(virtmigrate, hosts, furnish, words):
    furnish()
    uris = hosts["a"].uri, hosts["b"].uri
    said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], "--json", *words)
    assert said.code == 0, said.err
    assert json.loads(said.out)["outcome"] == "succeeded"
    assert hosts.check("g").running_on == ("vz-b",)
    assert hosts.check("g").ok


@requirement("compressed.explicit-no")
def test_a_no_that_can_not_be_is_exit_code_2(virtmigrate, hosts, furnish):
    furnish()
    uris = hosts["a"].uri, hosts["b"].uri
    said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], "--no-compressed")
    assert said.code == 2
    assert "--no-compressed" in said.err
    assert "Virtuozzo always compresses" in said.err
    assert hosts.check("g").running_on == ("vz-a",)


ROWS = [row for row in SWITCHES if row.name in DECLARED]
ANSWERS = [(row, answer) for row in ROWS for answer in (True, False)]
MET = [
    pytest.param(row, answer, id=f"--{'' if answer else 'no-'}{row.virsh}")
    for row, answer in ANSWERS
    if DECLARED[row.name].how(answer) is not How.REFUSED and row.name != "offline"
]


@requirement("default.notion")
@pytest.mark.parametrize(("row", "answer"), MET)
def test_each_answer_that_is_declared_is_met(virtmigrate, hosts, furnish, row, answer):
    furnish()
    uris = hosts["a"].uri, hosts["b"].uri
    words = [f"--{'' if answer else 'no-'}{row.virsh}"]
    if (row.name, answer) == ("persist_dest", False):
        words.append("--no-undefinesource")  # else it would have no definition at all
    said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], "--json", *words)
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["outcome"] == "succeeded"
    assert result["effective"][row.name] is answer
    health = hosts.check("g")
    assert health.problems == ()
    paused = (row.name, answer) == ("paused", True)
    assert health.running_on == (() if paused else ("vz-b",))


@requirement("rest")
def test_each_other_answer_is_refused_by_name(virtmigrate, hosts, furnish):
    furnish()
    uris = hosts["a"].uri, hosts["b"].uri
    for row, answer in ANSWERS:
        if DECLARED[row.name].how(answer) is not How.REFUSED:
            continue
        word = f"--{'' if answer else 'no-'}{row.virsh}"
        said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], "--json", word)
        assert said.code == 2, word
        refused = [
            r for r in json.loads(said.out)["refusals"] if r["subject"] == row.name
        ]
        assert {r["side"] for r in refused} >= {"source"}, word
        for refusal in refused:
            assert word in refusal["message"].split(), word
            assert DECLARED[row.name].note in refusal["message"], word
            assert refusal["remedy"], word
    assert hosts.check("g").running_on == ("vz-a",)
    assert len(hosts.check("g").intervals) == 1, "it was never stopped"


VALUES = [("bandwidth", "5"), ("xml", "g.xml"), ("persistent-xml", "g.xml")]


@requirement("vz.bandwidth")
@pytest.mark.parametrize("p2p", [[], ["--p2p"]], ids=["driven", "p2p"])
@pytest.mark.parametrize(("option", "value"), VALUES, ids=lambda word: word)
def test_a_value_that_can_not_be_is_refused(
    virtmigrate, hosts, furnish, option, value, p2p
):
    """By name, peer-to-peer too, where the driver would ignore a bandwidth."""
    furnish()
    value = value.replace("g.xml", str(hosts.world / "g.xml"))
    uris = hosts["a"].uri, hosts["b"].uri
    words = [f"--{option}", value, *p2p, "--json"]
    said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], *words)
    assert said.code == 2
    messages = [each["message"] for each in json.loads(said.out)["refusals"]]
    assert any(f"--{option}" in message for message in messages)
    assert hosts.check("g").running_on == ("vz-a",)


@requirement("offline.vz-disks")
@pytest.mark.parametrize("words", [["--offline"], ["--no-offline"], []], ids=" ".join)
def test_a_stopped_guest_moves_cold(virtmigrate, hosts, furnish, words):
    furnish(run=False)
    uris = hosts["a"].uri, hosts["b"].uri
    said = virtmigrate("-c", uris[0], "migrate", "g", uris[1], "--json", *words)
    assert said.code == 0, said.err
    assert virsh(hosts["a"], "list", "--all", "--name").out == ""
    assert virsh(hosts["b"], "domstate", "g").out == "shut off"


def test_same_host_twice_gives_no_dangerous_advice(virtmigrate, hosts, furnish):
    """To undefine the guest 'there' would delete the one that runs here."""
    furnish()
    uri = hosts["a"].uri
    said = virtmigrate("-c", uri, "migrate", "g", uri, "--json")
    assert said.code == 2
    (refusal,) = json.loads(said.out)["refusals"]
    assert refusal["message"] == "source and destination are the same host"


@requirement("persist.deferred")
def test_what_is_owed_is_paid_at_the_command_line(virtmigrate, hosts, furnish):
    furnish()
    uris = hosts["a"].uri, hosts["b"].uri
    words = ("--no-persistent", "--no-undefinesource")
    assert virtmigrate("-c", uris[0], "migrate", "g", uris[1], *words).code == 0
    assert virtmigrate("settle").out.startswith("owed: undo_persist of g")
    virsh(hosts["b"], "destroy", "g")
    assert virtmigrate("settle").out.startswith("paid: undo_persist of g")
    assert virsh(hosts["b"], "list", "--all", "--name").out == ""
    assert virsh(hosts["a"], "list", "--all", "--name").out == "g"


@requirement("default.notion")
def test_capabilities_and_options_tell_what_is_declared(virtmigrate, hosts):
    said = virtmigrate("capabilities", hosts["a"].uri)
    assert said.code == 0
    (line,) = [r for r in said.out.split("\n") if r.split()[:1] == ["compressed"]]
    assert line.split()[1:4] == ["inherent", "refused", "yes"]
    printed = json.loads(virtmigrate("capabilities", hosts["a"].uri, "--json").out)
    assert set(printed["switches"]) == set(DECLARED)
    for name, support in DECLARED.items():
        shown = printed["switches"][name]
        assert shown == support.model_dump(mode="json"), name
    listed = virtmigrate("options", "--json").out
    assert all(f'"{name}"' in listed for name in printed["switches"])
