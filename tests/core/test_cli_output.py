"""What is printed: folded, escaped, without secrets, without colour on request."""

from __future__ import annotations

import pytest

from tests.core.terminal import Gone
from tests.requirements import requirement
from virtmigrate.cli.output import answer, fold, safe, say, shown
from virtmigrate.printable import printable


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain name", "plain name"),
        ("grün 虚拟机", "grün 虚拟机"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("left\u202eright", "left\\u202eright"),
        ("bell\a\x00", "bell\\x07\\x00"),
        ("\udcff", "\\udcff"),
    ],
)
def test_nothing_in_a_name_steers_a_terminal(text, escaped):
    assert printable(text) == escaped


def test_secrets_are_blanked_in_text_and_data():
    assert "hunter2" not in shown("qemu+tls://u:hunter2@host/system")
    data = safe({"a": ["tcp://u:hunter2@h", {"b": "password=hunter2"}], "n": 1})
    assert "hunter2" not in str(data)
    assert data["n"] == 1


def test_a_short_line_is_left_alone():
    assert fold("  begin  source", 80) == "  begin  source"


def test_a_long_line_goes_on_under_its_last_column():
    line = "  begin    source       capture  " + "word " * 20
    first, *rest = fold(line, 60).split("\n")
    assert first.startswith("  begin    source       capture  word")
    assert rest
    assert all(len(part) <= 60 for part in (first, *rest))
    assert all(part.startswith(" " * 33 + "word") for part in rest)


def test_a_word_that_must_be_copied_is_never_cut():
    uri = "qemu+ssh://" + "h" * 100 + "/system"
    assert uri in fold(f"  to  {uri} and more", 60)


@requirement("cli.streams")
def test_people_are_told_on_stderr_and_answers_go_to_stdout(capsys):
    say("refused: no")
    answer("yes")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("yes\n", "refused: no\n")


def test_markup_in_a_name_is_text(capsys):
    say("warning: [red]guest[/red] :smile:")
    assert capsys.readouterr().err == "warning: [red]guest[/red] :smile:\n"


@requirement("cli.no-color")
def test_colour_on_a_terminal_and_none_where_it_is_not_wanted(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    say("refused: no")
    assert "\x1b[31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    say("refused: no")
    assert "\x1b[31m" not in capsys.readouterr().err


def test_a_terminal_that_went_away_stops_nothing(monkeypatch):
    gone = Gone(tty=False)
    monkeypatch.setattr("sys.stderr", gone)
    say("is anybody there?")
    assert gone.tried
