"""The command line as a whole: start-up, help, plugins, what it never shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.terminal import Terminal
from tests.requirements import requirement
from virtmigrate import __version__, cli
from virtmigrate.cli.app import COMMANDS, ENVIRONMENT
from virtmigrate.errors import HostUnreachable, Side
from virtmigrate.hookspecs import hookimpl
from virtmigrate.phases import EXIT_CODES

HOSTS = ("scripted:///a", "scripted:///b")
MAIN = (
    "import signal, sys; from virtmigrate.cli import main;"
    # a job in the background is started with it ignored
    "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
)
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
VARIABLES = re.findall(r"VIRTMIGRATE_\w+|NO_COLOR", ENVIRONMENT)
PROMISED = {
    *("plan", "migrate", "options", "capabilities", "plugins"),
    *("status", "recover", "journal"),
}
NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]


def python(code, *words, **more):
    """A fresh interpreter."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=25, check=False, **more
    )


@requirement("api.light")
def test_importing_virtmigrate_costs_no_terminal_library():
    code = (
        "import sys, virtmigrate, virtmigrate.cli\n"
        "print([m for m in ('typer', 'rich', 'click') if m in sys.modules])"
    )
    assert python(code).stdout == "[]\n"


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_the_version_is_said_without_a_terminal_library(words):
    code = (
        "import sys; from virtmigrate.cli import main; code = main(sys.argv[1:])\n"
        "sys.exit(code or 'typer' in sys.modules)"
    )
    said = python(code, *words)
    assert (said.returncode, said.stdout) == (0, f"virtmigrate {__version__}\n")


@requirement("cli.extra")
def test_without_the_extra_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['typer'] = None\n"
        "from virtmigrate.cli import main; sys.exit(main(['plan', 'g', 'x']))"
    )
    said = python(code)
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "virtmigrate[cli]" in said.stderr


def test_python_dash_m_is_the_same_command():
    said = subprocess.run(
        [sys.executable, "-m", "virtmigrate", "version"],
        capture_output=True,
        encoding="utf-8",
        timeout=25,
        check=True,
    )
    assert said.stdout == f"virtmigrate {__version__}\n"


def test_version_as_json(terminal):
    assert terminal("version", "--json").json()["virtmigrate"] == __version__


@pytest.mark.parametrize("name", ["", *NAMES])
@requirement("cli.exit-codes")
def test_help_fits_80_columns_and_states_the_exit_codes(terminal, name):
    said = terminal(*name.split(), "--help")
    assert said.code == 0
    assert max(map(len, said.out.split("\n"))) <= 80
    assert "…" not in said.out.replace("COMMAND …", "").replace(",…", "")
    for outcome, code in EXIT_CODES.items():
        assert f"{code} {outcome.partition(':')[0]}" in " ".join(said.out.split())


@requirement("cli.commands")
def test_the_commands_of_the_program(terminal):
    assert set(NAMES) >= PROMISED
    assert all(terminal(name, "--help").code == 0 for name in PROMISED)


def test_nothing_typed_shows_the_help(terminal):
    said = terminal()
    assert "Usage: virtmigrate" in said.out + said.err
    assert all(name in said.out + said.err for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@requirement("cli.json")
def test_every_command_gives_json_on_stdout_even_when_it_is_refused(terminal, name):
    said = terminal(name, "--json", "--no-such-option")
    assert said.code == 2
    assert said.json()["outcome"] == "refused"
    assert said.json()["refusals"][0]["error"] == "BadInput"


def test_a_mistyped_command_is_answered_with_the_right_one(terminal):
    said = terminal("migrte")
    assert said.code == 2
    assert "did you mean migrate?" in said.err


@requirement("plugins.commands")
def test_a_plugin_adds_its_commands(capsys):
    class Extra:
        @hookimpl
        def virtmigrate_cli(self, app):
            @app.command("greet")
            def greet():
                sys.stdout.write("hello\n")

    assert Terminal(capsys, plugins=[Extra()])("greet").out == "hello\n"


@requirement("plugins.commands")
def test_a_plugin_whose_commands_fail_is_named_and_takes_nothing_down(capsys):
    class Broken:
        @hookimpl
        def virtmigrate_cli(self, app):
            raise RuntimeError("no commands today")

    said = Terminal(capsys, plugins=[Broken()])("plugins")
    assert said.code == 0
    assert "warning: plugin" in said.err
    assert "no commands today" in " ".join(said.err.split())
    assert "Broken" in said.out


def test_plugins_are_listed_with_their_origin(terminal):
    (plugin,) = terminal("plugins", "--json").json()["plugins"]
    assert plugin["origin"] == "registered by hand"
    assert plugin["hypervisors"][0]["schemes"] == ["scripted"]
    assert plugin["error"] == ""
    assert "scripted:" in terminal("plugins").out


def test_an_error_that_nobody_expected_is_one_line_and_no_traceback(terminal, world):
    def bug(world):
        raise ZeroDivisionError("1/0 \x1b[31m password=hunter2")

    world.breaks("source.look", "before", bug)
    said = terminal("-c", HOSTS[0], "plan", "demo", HOSTS[1])
    assert said.code == 6
    assert "ZeroDivisionError" in said.err
    assert "this is a bug" in said.err
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err
    assert "hunter2" not in said.err


def test_the_traceback_of_a_bug_is_there_when_asked_for(terminal, world, monkeypatch):
    monkeypatch.setenv("VIRTMIGRATE_DEBUG", "1")
    world.breaks("source.look", "before", ZeroDivisionError("1/0"))
    said = terminal("-c", HOSTS[0], "plan", "demo", HOSTS[1], "--json")
    assert "Traceback" in said.err
    assert said.json()["errors"][0]["error"] == "Bug"


def test_a_host_that_fails_is_an_error_with_its_side_and_exit_code_1(terminal, world):
    world.breaks(
        "destination.look",
        "before",
        HostUnreachable("nobody answers", side=Side.DESTINATION, remedy="start it"),
    )
    said = terminal("-c", HOSTS[0], "plan", "demo", HOSTS[1], "--json")
    assert said.code == 1
    assert said.json()["outcome"] == "error"
    assert "error: destination: nobody answers (start it)" in said.err


@requirement("cli.environment")
def test_the_source_comes_from_the_environment_too(terminal, monkeypatch):
    monkeypatch.setenv("VIRTMIGRATE_CONNECT", HOSTS[0])
    assert terminal("plan", "demo", HOSTS[1]).code == 0


def test_the_source_may_stand_before_or_after_the_command(terminal):
    before = terminal("-c", HOSTS[0], "plan", "demo", HOSTS[1], "--json")
    after = terminal("plan", "demo", HOSTS[1], "--connect", HOSTS[0], "--json")
    assert before.json() == after.json()


def test_without_a_source_the_remedy_is_told(terminal):
    said = terminal("plan", "demo", HOSTS[1])
    assert said.code == 2
    assert "VIRTMIGRATE_CONNECT" in said.err


def test_capabilities_tell_how_each_option_is_met(terminal):
    data = terminal("capabilities", HOSTS[0], "--json").json()
    assert data["switches"]["live"]["on"] == "native"
    text = terminal("-c", HOSTS[0], "capabilities")
    assert "compressed" in text.out
    assert max(map(len, text.out.split("\n"))) <= 80


def test_a_reader_that_leaves_is_no_error_to_tell():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as gone:
        said = subprocess.run(
            [sys.executable, "-c", MAIN, "options"],
            stdout=gone,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=25,
            check=False,
        )
    assert (said.returncode, said.stderr) == (141, "")


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_main", interrupted)
    assert cli.main(["plan"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_json_is_ascii_so_that_it_steers_no_terminal(terminal, world):
    world.hosts["a"].name = "d\x9bm\u202eo"
    said = terminal("-c", HOSTS[0], "plan", "d\x9bm\u202eo", HOSTS[1], "--json")
    assert said.out.isascii()
    assert json.loads(said.out)["guest"]["name"] == "d\x9bm\u202eo"


@requirement("cli.environment")
def test_the_page_tells_every_command_exit_code_and_variable():
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"\n| `{name}" in page for name in NAMES)
    for outcome, code in EXIT_CODES.items():
        assert f"\n| {code} | {outcome.partition(':')[0]}" in page
    assert all(f"| `{name}` |" in page for name in VARIABLES)
