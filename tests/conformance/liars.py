"""Plugins that are wrong: false declarations, hooks that do not what they should."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from virtmigrate import hookimpl
from virtmigrate.capabilities import (
    Constraint,
    Form,
    How,
    Knob,
    Progress,
    SourceAfterPerform,
    Support,
    Term,
)
from virtmigrate.errors import HostError
from virtmigrate.phases import Fate
from virtmigrate_mock import STYLES, Style, register_style
from virtmigrate_mock.machine import Machine
from virtmigrate_mock.storage import MockStorage

NATIVE, INHERENT, EMULATED = How.NATIVE, How.INHERENT, How.EMULATED
NEVER = Constraint(
    id="never", when=(Term(what="live", answer=True),), message="no", remedy="none"
)


@dataclass(frozen=True, slots=True)
class Liar(Style):
    """Behaves as the honest style, and declares something else.

    Attributes:
        lies: Fields of the declaration to replace.
    """

    lies: dict = field(default_factory=dict)

    def capabilities(self, host):
        """The honest declaration, falsified."""
        # slots=True makes the class anew: no argument-less super() here
        return Style.capabilities(self, host).model_copy(update=self.lies)


def honest(style):
    """The fields of a style."""
    return {name: getattr(style, name) for name in Style.__dataclass_fields__}


def declaring(style, **lies):
    """A style that declares this instead; its name."""
    fields = honest(STYLES[style]) | {"name": f"{style}-liar"}
    return register_style(Liar(**fields, lies=lies)).name


def switch(style, option, **ways):
    """A style in which one switch is declared otherwise."""
    switches = dict(STYLES[style].switches)
    switches[option] = switches[option].model_copy(update=ways)
    return declaring(style, switches=switches)


# fmt: off
DECLARATIONS = {
    # what is declared falsely: (style, standard tests that find it)
    "compression that can be told": (
        lambda: switch("vz-like", "compressed", off=NATIVE),
        ["test_switch[compressed-no]", "test_switch_is_well_declared[compressed]"]),
    "compression that is never on": (
        lambda: switch("vz-like", "compressed", on=How.REFUSED, off=INHERENT,
                       default=False),
        ["test_switch[compressed-no]"]),
    "a tunnel that is always there": (
        lambda: switch("vz-like", "tunnelled", on=INHERENT, off=How.REFUSED,
                       default=True),
        ["test_switch[tunnelled-yes]"]),
    "refused turned inherent": (
        lambda: switch("vz-like", "unsafe", on=INHERENT),
        ["test_switch_is_well_declared[unsafe]"]),
    "a native coma": (
        lambda: switch("vz-like", "live", on=NATIVE, off=NATIVE), ["test_coma"]),
    "an inherent coma": (
        lambda: switch("vz-like", "live", on=How.REFUSED, off=INHERENT, default=False),
        ["test_coma"]),
    "a transient guest, natively": (
        lambda: switch("vz-like", "persist_dest", off=NATIVE),
        ["test_persistence[source-persistent]"]),
    "a transient guest, emulated at once": (
        lambda: switch("vz-like", "persist_dest", off=EMULATED),
        ["test_persistence[source-persistent]"]),
    "a source that keeps its definition by itself": (
        lambda: switch("vz-like", "undefine_source", off=NATIVE),
        ["test_persistence[source-persistent+persist]",
         "test_point_of_no_return_fits_the_answers"]),
    "a source that perform deletes": (
        lambda: declaring("qemu-like", source_after_perform=SourceAfterPerform.GONE),
        ["test_perform_leaves_the_source_as_declared"]),
    "a source that perform keeps": (
        lambda: declaring("vz-like", source_after_perform=SourceAfterPerform.PAUSED),
        ["test_perform_leaves_the_source_as_declared"]),
    "another form": (
        lambda: declaring("qemu-like", forms=(Form.CALL,)),
        ["test_perform_leaves_the_source_as_declared"]),
    "peer-to-peer without its form": (
        lambda: declaring("qemu-like", forms=(Form.DRIVEN,)),
        ["test_answer_can_be_asked_for[p2p-yes]"]),
    "no form": (
        lambda: declaring("qemu-like", forms=()),
        ["test_forms_and_knobs_are_given_once"]),
    "progress in bytes": (
        lambda: declaring("vz-like", progress=Progress.BYTES),
        ["test_progress_counts_what_is_declared"]),
    "no progress": (
        lambda: declaring("qemu-like", progress=Progress.NOTHING),
        ["test_progress_counts_what_is_declared"]),
    "a knob that is none": (
        lambda: declaring("vz-like", knobs=(Knob.DOWNTIME_MS,)),
        ["test_knob_is_turned[downtime-ms]"]),
    "a timer's knob that is none": (
        lambda: declaring("vz-like", knobs=(Knob.SUSPEND,)),
        ["test_timer_turns_a_knob[suspend]"]),
    "a stopped guest moves by itself": (
        lambda: declaring("qemu-like", offline_by_plain_move=True),
        ["test_stopped_guest"]),
    "a refusal without a reason": (
        lambda: switch("vz-like", "direct", note=""),
        ["test_switch_is_well_declared[direct]"]),
    "a default that is refused": (
        lambda: switch("vz-like", "direct", default=True),
        ["test_switch_is_well_declared[direct]"]),
    "an option that does not exist": (
        lambda: declaring("qemu-like", switches={"lively": Support(on=NATIVE,
                                                                   off=NATIVE)}),
        ["test_declaration_is_of_this_hypervisor"]),
    "a value among the switches": (
        lambda: declaring("qemu-like", switches=STYLES["qemu-like"].switches
                          | {"dest_name": Support(on=NATIVE, off=NATIVE)}),
        ["test_switches_and_values_are_where_they_belong"]),
    "a rule about nothing": (
        lambda: declaring("qemu-like", constraints=(replace_term("lively"),)),
        ["test_constraints_are_about_what_exists"]),
    "a rule that leaves no room": (
        lambda: declaring("qemu-like", constraints=(NEVER,)),
        ["test_a_bare_request_is_accepted", "test_answer_can_be_asked_for[live-yes]"]),
    "two hosts that are one": (
        lambda: declaring("qemu-like", host_uuid="one"),
        ["test_declaration_is_of_this_hypervisor"]),
}
# fmt: on


def replace_term(what):
    """A rule about this option."""
    return NEVER.model_copy(update={"when": (Term(what=what, answer=True),)})


class Dropped:
    """Loses begin's cookie."""

    @hookimpl(wrapper=True)
    def virtmigrate_begin(self, ctx):
        yield
        return b""


class NoAnswer:
    """Perform answers nothing."""

    @hookimpl(wrapper=True)
    def virtmigrate_perform(self, ctx):
        yield


class DeafToTheFate:
    """Finish starts what is there, whatever became of the guest."""

    @hookimpl(wrapper=True)
    def virtmigrate_finish(self, ctx, fate):
        if fate is Fate.CANCELLED:
            with ctx.destination.world.store as state:
                state.incoming.clear()
                here = state.hosts[ctx.destination.name]
                machine = Machine(state, ctx.clock.now())
                machine.run(here, here.guests[ctx.plan.guest.uuid])
        return (yield)


class Retires:
    """Confirm retires the source's definition, whatever became of the guest."""

    @hookimpl(wrapper=True)
    def virtmigrate_confirm(self, ctx, fate):
        answer = yield
        if fate is Fate.CANCELLED:
            ctx.guest.undefine()
        return answer


class Sleepy:
    """Leaves the guest paused where it should run again."""

    @hookimpl(wrapper=True)
    def virtmigrate_restore_run_state(self, ctx):
        answer = yield
        ctx.arrival.suspend()
        return answer


class Hasty:
    """Pauses the guest while a plan is made."""

    @hookimpl
    def virtmigrate_preflight(self, request):
        request.guest.suspend()
        return []


class Fickle:
    """Declares something else each time."""

    def __init__(self):
        self.times = itertools.count()

    @hookimpl(wrapper=True)
    def virtmigrate_capabilities(self, host):
        declared = yield
        return declared.model_copy(update={"versions": {"time": str(next(self.times))}})


class Forgetful:
    """Owes the definition at the destination, and never pays."""

    @hookimpl(wrapper=True)
    def virtmigrate_undo_persist(self, ctx):
        xml = ctx.captured.definitions.persistent
        answer = yield
        ctx.destination.define(xml)
        return answer


class Meddling:
    """Makes the source's definition again with other words."""

    @hookimpl(wrapper=True)
    def virtmigrate_restore_source(self, ctx):
        answer = yield
        xml = ctx.captured.definitions.persistent
        ctx.source.define(xml.replace("</name>", "</name><title>mine</title>", 1))
        return answer


# fmt: off
PLUGINS = {
    # what a plugin does wrong: (style, standard tests that find it)
    Dropped: ("qemu-like", ["test_bare_move", "test_cookies_travel_unchanged"]),
    NoAnswer: ("qemu-like", ["test_bare_move"]),
    DeafToTheFate: ("qemu-like", ["test_struck[error-after-prepare]",
                                  "test_struck[cancel-before-perform]"]),
    Retires: ("qemu-like", ["test_struck[error-after-begin]"]),
    Sleepy: ("vz-like", ["test_coma"]),
    Hasty: ("qemu-like", ["test_planning_changes_nothing", "test_switch[direct-yes]"]),
    Fickle: ("qemu-like", ["test_declaration_is_the_same_each_time"]),
    Forgetful: ("vz-like", ["test_persistence[source-persistent]"]),
    Meddling: ("vz-like", ["test_persistence[source-persistent+persist]"]),
}
# fmt: on


MAKE, LOOK, DELETE = MockStorage.make, MockStorage.look, MockStorage.delete


def overwriting(storage, pool, name, image):
    """Makes it anew, whatever is there."""
    DELETE(storage, pool, name)
    return MAKE(storage, pool, name, image)


def otherwise(storage, pool, name, image):
    """Makes something else."""
    return MAKE(storage, pool, name, replace(image, format="vmdk"))


def stale():
    """Tells what it saw first."""
    seen = {}

    def look(storage, pool, name):
        return seen.setdefault(name, LOOK(storage, pool, name))

    return look


def strict(storage, pool, name):
    """Fails where there is nothing to delete."""
    if LOOK(storage, pool, name) is None:
        raise HostError("no such image", side=storage.host.side)
    DELETE(storage, pool, name)


def restless(storage, pool, name):
    """Never tells the same times."""
    image = LOOK(storage, pool, name)
    return image and replace(image, changed_ns=next(TICKS))


TICKS = itertools.count()
STORAGES = {
    "overwrites": ("make", overwriting, "test_an_image_is_made_once"),
    "makes another": ("make", otherwise, "test_an_image_is_what_it_was_made_as"),
    "remembers": ("look", stale(), "test_storage_is_looked_at_past_every_cache"),
    "fails": ("delete", strict, "test_deleting_an_image_twice_is_harmless"),
    "restless": ("look", restless, "test_an_image_keeps_its_times"),
    "all use all": ("users", lambda *_: ["g"], "test_storage_is_a_storage"),
}
"""Wrong storage: the method, what takes its place, the standard test that finds out."""
