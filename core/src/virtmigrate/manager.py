"""Plugins: found by entry points, checked one by one, reached through relays."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pluggy

from virtmigrate import defaults, hookspecs
from virtmigrate.errors import PluginError, UnknownHypervisor
from virtmigrate.host import CONTRACT, Hypervisor
from virtmigrate.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

    import typer

    from virtmigrate.events import Event
    from virtmigrate.uri import HostURI

log = logging.getLogger(__name__)
GROUP = "virtmigrate"


@dataclass(slots=True)
class PluginRecord:
    """One plugin, working or not.

    Attributes:
        name: Its entry point's name, or the name it was registered by.
        origin: Distribution and version that brought it.
        plugin: The module or object; None when it did not load.
        hypervisors: What it brings; empty for a cross-cutting plugin.
        error: Why it is not used, "" when it is.
    """

    name: str
    origin: str
    plugin: object | None = None
    hypervisors: tuple[Hypervisor, ...] = ()
    error: str = ""


class Manager:
    """All plugins of one process, and the way to their hooks."""

    def __init__(
        self, plugins: Iterable[object] = (), *, discover: bool = True
    ) -> None:
        """Load what is installed.

        Args:
            plugins: Further plugins (modules or objects), beside the discovered ones.
            discover: Whether entry points of the group `virtmigrate` are loaded.
        """
        self.records: list[PluginRecord] = []
        self._manager: pluggy.PluginManager | None = None
        self._relays: dict[str, Relay] = {}
        if discover:
            for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
                self.records.append(_load(point))
        for plugin in plugins:
            self.register(plugin)
        self._find_clashes()

    def register(self, plugin: object, name: str | None = None) -> PluginRecord:
        """Add a plugin by hand; it is checked like a discovered one.

        Raises:
            PluginError: It breaks the contract, or claims a name that is taken.
        """
        label = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        record = _checked(PluginRecord(label, "registered by hand", plugin))
        self.records.append(record)
        self._manager = None
        self._relays.clear()
        self._find_clashes()
        if record.error:
            self.records.remove(record)
            msg = f"plugin {label}: {record.error}"
            raise PluginError(msg, subject=label)
        return record

    def _find_clashes(self) -> None:
        claims: dict[str, PluginRecord] = {}
        for record in self.records:
            for hypervisor in record.hypervisors:
                for claim in {hypervisor.name, *(f"{s}:" for s in hypervisor.schemes)}:
                    first = claims.setdefault(claim, record)
                    if first is not record:
                        record.error = (
                            f"{claim} is claimed by {first.name} ({first.origin}) too"
                        )
                        first.error = first.error or (
                            f"{claim} is claimed by {record.name} ({record.origin}) too"
                        )

    @property
    def working(self) -> list[PluginRecord]:
        """Records of the plugins that are in use."""
        return [r for r in self.records if not r.error]

    @property
    def hypervisors(self) -> dict[str, Hypervisor]:
        """Working hypervisors by name."""
        return {h.name: h for record in self.working for h in record.hypervisors}

    def hypervisor_for(self, uri: HostURI) -> Hypervisor:
        """The hypervisor that serves this scheme.

        Raises:
            UnknownHypervisor: None does, or the plugin that would is broken: the
                stored cause is in the message.
        """
        for hypervisor in self.hypervisors.values():
            if uri.scheme in hypervisor.schemes:
                return hypervisor
        broken = [
            f"plugin {r.name} ({r.origin}) is broken: {r.error}"
            for r in self.records
            if r.error
            and (
                uri.scheme == r.name
                or any(uri.scheme in h.schemes for h in r.hypervisors)
            )
        ]
        known = ", ".join(
            sorted(s for h in self.hypervisors.values() for s in h.schemes)
        )
        cause = f"; {'; '.join(broken)}" if broken else ""
        raise UnknownHypervisor(
            f"no hypervisor serves {uri.scheme}: URIs{cause}",
            subject=uri.shown,
            remedy=f"schemes served here: {known or 'none'}; "
            "`virtmigrate plugins` tells more",
        )

    def relay(self, hypervisor: str) -> Relay:
        """The relay bound to this hypervisor (KeyError: it does not exist)."""
        if hypervisor not in self._relays:
            others = [
                r.plugin
                for r in self.working
                if r.hypervisors and all(h.name != hypervisor for h in r.hypervisors)
            ]
            self._relays[hypervisor] = Relay(self._pluggy(), others, hypervisor)
        return self._relays[hypervisor]

    def tell(self, event: Event) -> None:
        """Hand an event to every plugin; what one raises is logged."""
        for implementation in self._pluggy().hook.virtmigrate_event.get_hookimpls():
            try:
                implementation.function(event)
            except Exception:
                log.exception(
                    "plugin %s failed on an event", implementation.plugin_name
                )

    def extend_cli(self, app: typer.Typer) -> None:
        """Let every plugin add its commands; a failing one is reported, not fatal."""
        for implementation in self._pluggy().hook.virtmigrate_cli.get_hookimpls():
            try:
                implementation.function(app)
            except Exception as error:  # noqa: BLE001 - any plugin, any mistake
                log.warning(
                    "plugin %s adds no commands: %s", implementation.plugin_name, error
                )

    def _pluggy(self) -> pluggy.PluginManager:
        """All working plugins in order: defaults, cross-cutting, hypervisors last.

        pluggy asks the last registered first, so the nearest implementation wins.
        """
        if self._manager is None:
            manager = _empty()
            manager.register(defaults, "virtmigrate.defaults")
            for record in sorted(self.working, key=lambda r: bool(r.hypervisors)):
                manager.register(record.plugin, record.name)
            self._manager = manager
        return self._manager


def _empty() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.NAME)
    manager.add_hookspecs(hookspecs)
    return manager


def _load(point: EntryPoint) -> PluginRecord:
    dist = point.dist
    origin = f"{dist.name} {dist.version}" if dist else "unknown distribution"
    record = PluginRecord(point.name, origin)
    try:
        record.plugin = importlib.import_module(point.module)
        for attribute in point.attr.split(".") if point.attr else ():
            record.plugin = getattr(record.plugin, attribute)
    except Exception as error:  # noqa: BLE001 - any plugin, any mistake
        record.error = f"it does not load: {type(error).__name__}: {error}"
        log.warning("plugin %s (%s): %s", point.name, origin, record.error)
        return record
    return _checked(record)


def _checked(record: PluginRecord) -> PluginRecord:
    """Validate one plugin alone, so that its mistakes stay its own."""
    manager = _empty()
    try:
        manager.register(record.plugin, record.name)
        manager.check_pending()
        lists = manager.hook.virtmigrate_hypervisors()
        record.hypervisors = tuple(h for part in lists for h in part)
    except Exception as error:  # noqa: BLE001 - any plugin, any mistake
        record.error = f"it breaks the contract: {error}"
        return record
    for hypervisor in record.hypervisors:
        unknown: object = hypervisor
        if not isinstance(unknown, Hypervisor):
            record.error = f"{type(unknown).__name__} is no Hypervisor (host.py)"
        elif hypervisor.contract != CONTRACT:
            record.error = (
                f"{hypervisor.name} was written for contract {hypervisor.contract}, "
                f"this is {CONTRACT}"
            )
    if record.error:
        record.hypervisors = ()
    return record
