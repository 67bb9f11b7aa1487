"""Benches of the plugins of this repository."""

from __future__ import annotations

from virtmigrate.option_rows import VALUES
from virtmigrate_mock import World
from virtmigrate_mock.styles import STREAM
from virtmigrate_testkit import Bench, Copy

WORLD = "conformance"


class MockBench(Bench):
    """Two hosts of a world in memory; its clock is virtual."""

    style = "qemu-like"
    label = "mock (qemu-like)"
    values = dict.fromkeys((row.name for row in VALUES), ...)

    def open(self, request):
        self.tidy()

    def tidy(self):
        self.world = World.create(WORLD, style=self.style, replace=True)
        for host in "ab":
            self.world.add_pool(host, "images", "/images")

    def close(self):
        self.world.forget()

    @property
    def clock(self):
        return self.world.clock

    def hosts(self):
        return self.world.uri("a"), self.world.uri("b")

    def start(self, name, state, *, persistent):
        self.world.add_guest(
            "a", name, memory_mib=512, state=state, persistent=persistent
        )

    def look(self, name):
        found = self.world.state().hosts
        known = [[g for g in found[h].guests.values() if g.name == name] for h in "ab"]
        return tuple(
            Copy(g[0].state, g[0].persistent_xml) if g else Copy() for g in known
        )

    def progress(self, name):
        return self.world.counter(name)

    def slow(self):
        with self.world.store as state:
            state.link.rate_mib_s = 100.0
            state.step_s = 0.5

    def observed(self, name):
        """What was seen on the wire."""
        streams = [r.detail for r in self.world.state().history if r.what == "stream"]
        if not streams:
            return {}
        return {option: option in streams[-1].split(",") for option in STREAM}

    def older(self, definition):
        return definition.replace("</name>", "</name><title>older</title>", 1)


class VzLikeBench(MockBench):
    """The same with hosts that answer as Virtuozzo does."""

    style = "vz-like"
    label = "mock (vz-like)"
    no_transient = "a guest of this style always has a definition"
    no_define_there = "the destination has a definition of this guest already"
