"""Bound relays: the typed way to one side's hooks.

A relay holds one hypervisor's plugin, the cross-cutting plugins and the core's
defaults. Nothing but this file and `manager.py` calls a pluggy hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from virtmigrate.capabilities import Capabilities, undeclared
from virtmigrate.disks import Disk
from virtmigrate.errors import PluginError, VirtmigrateError
from virtmigrate.forecast import Workload
from virtmigrate.option_rows import BY_NAME
from virtmigrate.plan import Finding

if TYPE_CHECKING:
    from types import UnionType

    import pluggy

    from virtmigrate.context import Context, PlanContext
    from virtmigrate.host import Host, RunState
    from virtmigrate.phases import Fate

NAMES = BY_NAME.keys()


class Relay:
    """The hooks of one hypervisor, each as a typed method."""

    def __init__(self, manager: pluggy.PluginManager, label: str) -> None:
        """Bind to one hypervisor.

        Args:
            manager: Where its plugin is registered, and no other hypervisor's.
            label: The hypervisor's name, for errors.
        """
        self._hooks = manager.hook
        self._label = label

    def _call(self, hook: str, kind: type | UnionType, **kwargs: object) -> Any:  # noqa: ANN401
        caller = getattr(self._hooks, f"virtmigrate_{hook}")
        try:
            answer = caller(**kwargs)
        except VirtmigrateError:
            raise
        except Exception as error:
            msg = f"{self._label}: {hook} raised {type(error).__name__}: {error}"
            raise PluginError(msg, subject=hook) from error
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

    def preflight(self, request: PlanContext) -> list[Finding]:
        """Findings of this side's plugins, in one list."""
        lists: list[object] = self._call("preflight", list, request=request)
        found: list[Finding] = []
        for part in lists:
            items = part if isinstance(part, list | tuple) else [part]
            for item in items:
                if not isinstance(item, Finding) or items is not part:
                    gave = type(item).__name__
                    msg = f"{self._label}: preflight gave {gave}, not a list of Finding"
                    raise PluginError(msg, subject="preflight")
                found.append(item)
        return found

    def gauge(self, request: PlanContext, seconds: float) -> Workload | None:
        """What the guest does to its memory; None = this hypervisor can't say."""
        answer: Workload | None = self._call(
            "gauge", Workload | None, request=request, seconds=seconds
        )
        return answer

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
