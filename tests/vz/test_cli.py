"""The command line at vz hosts."""

from __future__ import annotations

import json

import pytest

from tests.core.terminal import Terminal
from tests.requirements import requirement
from tests.vz_host.conftest import virsh


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
def test_capabilities_tell_what_is_inherent(virtmigrate, hosts):
    said = virtmigrate("capabilities", hosts["a"].uri)
    assert said.code == 0
    (line,) = [r for r in said.out.split("\n") if r.split()[:1] == ["compressed"]]
    assert line.split()[1:4] == ["inherent", "refused", "yes"]
