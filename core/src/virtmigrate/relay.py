"""Bound relays: the typed way to one side's hooks.

A relay holds one hypervisor's plugin, the cross-cutting plugins and the core's
defaults. Nothing but this file and `manager.py` calls a pluggy hook.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from virtmigrate.capabilities import Capabilities, undeclared
from virtmigrate.disks import Disk
from virtmigrate.errors import PluginError, VirtmigrateError
from virtmigrate.forecast import Workload
from virtmigrate.option_rows import BY_NAME
from virtmigrate.plan import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import UnionType

    import pluggy

    from virtmigrate.context import Context, PlanContext
    from virtmigrate.host import Host, RunState
    from virtmigrate.phases import Fate

NAMES = BY_NAME.keys()
CORE = "virtmigrate.defaults"
"""The name that the core's own plugin is registered by."""


@dataclass(frozen=True, slots=True)
class Look:
    """One plugin's part of the pre-flight.

    Attributes:
        plugin: Its name, for people.
        own: Whether it is the hypervisor's plugin or the core: no guest moves unless
            these have looked.
        ask: Its findings.
    """

    plugin: str
    own: bool
    ask: Callable[[PlanContext], list[Finding]]


class Relay:
    """The hooks of one hypervisor, each as a typed method."""

    def __init__(self, manager: pluggy.PluginManager, label: str) -> None:
        """Bind to one hypervisor.

        Args:
            manager: Where its plugin is registered, and no other hypervisor's.
            label: The hypervisor's name, for errors.
        """
        self._manager = manager
        self._hooks = manager.hook
        self._label = label

    def _call(self, hook: str, kind: type | UnionType, **kwargs: object) -> Any:  # noqa: ANN401
        caller = getattr(self._hooks, f"virtmigrate_{hook}")
        answer = _answer(caller, self._label, hook, **kwargs)
        if not isinstance(answer, kind):
            gave = type(answer).__name__
            wanted = getattr(kind, "__name__", str(kind))
            msg = f"{self._label}: {hook} gave {gave}, not {wanted}"
            remedy = "the plugin must implement it" if answer is None else None
            raise PluginError(msg, subject=hook, remedy=remedy)
        return answer

    def capabilities(self, host: Host) -> Capabilities:
        """What this host declares; a declaration of unknown options is an error."""
        declared: Capabilities = self._call("capabilities", Capabilities, host=host)
        known = declared.switches.keys() <= NAMES and declared.values.keys() <= NAMES
        if not known and (unknown := undeclared(declared)):
            msg = f"{self._label} declares options that do not exist"
            raise PluginError(msg, subject=", ".join(unknown))
        return declared

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The pre-flight of each plugin by itself, the nearest first.

        So that none hides what another found. Wrappers surround each of them.
        """
        hook = "virtmigrate_preflight"
        hypervisors = self._hooks.virtmigrate_hypervisors.get_hookimpls()
        bringing = {one.plugin_name for one in hypervisors}
        everyone = getattr(self._hooks, hook).get_hookimpls()
        ones = [
            one for one in reversed(everyone) if not (one.wrapper or one.hookwrapper)
        ]
        found: list[Look] = []
        for one in ones:
            others = {other.plugin for other in ones} - {one.plugin}
            caller = self._manager.subset_hook_caller(hook, others)
            own = one.plugin_name in bringing
            name = self._label if own else one.plugin_name
            own = own or name == CORE
            found.append(Look(name, own, partial(_findings, caller, name)))
        return tuple(found)

    def gauge(self, request: PlanContext, seconds: float) -> Workload | None:
        """What the guest does to its memory; None = this hypervisor can't say."""
        answer: Workload | None = self._call(
            "gauge", Workload | None, request=request, seconds=seconds
        )
        return answer

    def stand_in(self, request: PlanContext, name: str, uuid: str) -> bool:
        """Start a guest of no worth; False = this hypervisor brings none."""
        answer: bool | None = self._call(
            "stand_in", bool | None, request=request, name=name, uuid=uuid
        )
        return bool(answer)

    def disks(self, request: PlanContext) -> list[Disk]:
        """The guest's disks."""
        answer: list[object] | tuple[object, ...] = self._call(
            "disks", list | tuple, request=request
        )
        if all(isinstance(item, Disk) for item in answer):
            return [item for item in answer if isinstance(item, Disk)]
        msg = f"{self._label}: disks gave something else than Disk"
        raise PluginError(msg, subject="disks")

    def make_disks(self, ctx: Context) -> None:
        """Make images at the destination."""
        self._call("make_disks", bool, ctx=ctx)

    def delete_disks(self, ctx: Context) -> None:
        """Delete what was made there."""
        self._call("delete_disks", bool, ctx=ctx)

    def remove_source_disks(self, ctx: Context) -> None:
        """Delete the source's images of disks that were copied."""
        self._call("remove_source_disks", bool, ctx=ctx)

    def begin(self, ctx: Context) -> bytes:
        """Begin; gives the cookie for prepare."""
        answer: bytes = self._call("begin", bytes, ctx=ctx)
        return answer

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """Prepare; gives the cookie for perform."""
        answer: bytes = self._call("prepare", bytes, ctx=ctx, cookie=cookie)
        return answer

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """Perform; gives the cookie for finish."""
        answer: bytes = self._call("perform", bytes, ctx=ctx, cookie=cookie)
        return answer

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """Finish; gives the cookie for confirm."""
        answer: bytes = self._call("finish", bytes, ctx=ctx, cookie=cookie, fate=fate)
        return answer

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> None:
        """Confirm."""
        self._call("confirm", bool, ctx=ctx, cookie=cookie, fate=fate)

    def enter_coma(self, ctx: Context) -> None:
        """Pause at the source."""
        self._call("enter_coma", bool, ctx=ctx)

    def leave_coma(self, ctx: Context) -> None:
        """Resume at the source."""
        self._call("leave_coma", bool, ctx=ctx)

    def restore_run_state(self, ctx: Context, landing: RunState) -> None:
        """Give the landed guest its run state."""
        self._call("restore_run_state", bool, ctx=ctx, landing=landing)

    def undo_persist(self, ctx: Context) -> None:
        """Undo the destination's definition."""
        self._call("undo_persist", bool, ctx=ctx)

    def restore_source(self, ctx: Context) -> None:
        """Make the source's definition again."""
        self._call("restore_source", bool, ctx=ctx)


def _answer(caller: pluggy.HookCaller, label: str, hook: str, **kwargs: object) -> Any:  # noqa: ANN401
    """What a hook answers; whatever it raises is of our tree."""
    try:
        return caller(**kwargs)
    except VirtmigrateError:
        raise
    except Exception as error:
        msg = f"{label}: {hook} raised {type(error).__name__}: {error}"
        raise PluginError(msg, subject=hook) from error


def _findings(
    caller: pluggy.HookCaller, label: str, request: PlanContext
) -> list[Finding]:
    """The findings of the plugin that this caller reaches, in one list."""
    lists = _answer(caller, label, "preflight", request=request)
    found: list[Finding] = []
    for part in lists if isinstance(lists, list) else [lists]:
        items = part if isinstance(part, list | tuple) else [part]
        for item in items:
            if not isinstance(item, Finding) or items is not part:
                gave = type(item).__name__
                msg = f"{label}: preflight gave {gave}, not a list of Finding"
                raise PluginError(msg, subject="preflight")
            found.append(item)
    return found
