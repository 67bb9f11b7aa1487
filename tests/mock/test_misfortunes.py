"""Every hook and primitive struck in every way: never two copies, never none.

The world keeps its own log of who ran when, and judges it (`World.violations`).
"""

from __future__ import annotations

import itertools

import pytest

from tests.requirements import requirement
from virtmigrate import Manager, MemoryJournal, Migrator, Options, VirtmigrateError
from virtmigrate_mock import Fault, World

MANAGER = Manager()
REQUESTS = {
    "bare": {},
    "coma": {"live": False},
    "keep-source": {"undefine_source": False},
    "transient": {"persist_dest": False, "undefine_source": False},
    "paused": {"paused": True},
}
STEPS = (
    "begin", "prepare", "perform", "finish", "confirm",
    "look", "resume", "suspend", "destroy", "define", "undefine",
)  # fmt: skip
KINDS = ("error", "unreachable", "lost-answer", "crash-host", "hang")
LOOKS = tuple(range(1, 8))


def strikes(step: str) -> list[Fault]:
    """Each way in which this call can go wrong; looks one by one, side by side."""
    looked = step == "look"
    return [
        Fault(step, kind, when, nth=nth, side=side, for_s=5.0)
        for kind, when, nth, side in itertools.product(
            KINDS,
            ("before", "after"),
            LOOKS if looked else (1,),
            ("source", "destination") if looked else (None,),
        )
    ]


def beyond_repair(fault: Fault) -> bool:
    """The source's host died with the answer to perform under way.

    Whether the copy at the destination is complete is then known to nobody who is
    alive, so it is not started.
    """
    return (fault.step, fault.kind, fault.when) == ("perform", "crash-host", "after")


@requirement("lost.run-state")
@requirement("lost.unknown")
@pytest.mark.parametrize("style", ["qemu-like", "vz-like"])
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("step", STEPS)
def test_whatever_is_struck_the_guest_is_in_one_place(style, request_name, step):
    for fault in strikes(step):
        world = World.create("misfortune", style=style, replace=True)
        world.add_guest("a", "g", memory_mib=256, dirty_mib_s=10)
        world.script(fault)
        migrator = Migrator(manager=MANAGER, journal=MemoryJournal(), clock=world.clock)
        uris = (world.uri("a"), world.uri("b"))
        try:
            migrator.migrate("g", *uris, Options(**REQUESTS[request_name]))
        except (ExceptionGroup, VirtmigrateError):
            # It could not begin: then it is where it was.
            if fault.kind != "crash-host":
                assert world.where("g") == ["a"], fault
        if not beyond_repair(fault):
            assert world.violations() == [], fault
