"""The command line in this process: words in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.core.scripted_plugin import ScriptedPlugin
from virtmigrate.cli.run import run
from virtmigrate.cli.tools import Tools


@dataclass
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str

    def json(self):
        """The one document on stdout."""
        return json.loads(self.out)


class Terminal:
    """Runs commands against a scripted world, or none."""

    def __init__(self, capsys, world=None, plugins=()):
        self.capsys, self.world = capsys, world
        self.plugins = (*([ScriptedPlugin(world)] if world else ()), *plugins)

    def __call__(self, *words):
        clock = self.world.clock if self.world else None
        tools = Tools(clock=clock, plugins=self.plugins, discover=False)
        self.capsys.readouterr()
        code = run(list(words), tools)
        said = self.capsys.readouterr()
        return Said(code, said.out, said.err)


class Gone:
    """A terminal after its window was closed.

    Attributes:
        tried: How often somebody wrote to it all the same.
    """

    encoding = "utf-8"

    def __init__(self, *, tty):
        self.tty = tty
        self.tried = 0

    def write(self, text):
        self.tried += 1
        raise OSError(5, "Input/output error")

    def flush(self):
        self.tried += 1
        raise OSError(5, "Input/output error")

    def isatty(self):
        return self.tty

    def fileno(self):
        raise OSError(5, "Input/output error")
