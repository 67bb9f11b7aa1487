"""Plugins: found by entry points, checked one by one, reached through relays."""

from __future__ import annotations

import importlib
import logging
import os
import re
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import entry_points
from itertools import permutations
from typing import TYPE_CHECKING

import pluggy

from virtmigrate import defaults, disk_hooks, hookspecs, plan_hooks
from virtmigrate.errors import PluginError, UnknownHypervisor
from virtmigrate.host import CONTRACT, Hypervisor
from virtmigrate.relay import CORE, Relay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from importlib.metadata import EntryPoint

    import typer

    from virtmigrate.events import Event
    from virtmigrate.uri import HostURI

log = logging.getLogger(__name__)
GROUP = "virtmigrate"
ALLOWED = "VIRTMIGRATE_PLUGINS"
"""Names of distributions, with commas or spaces between: no other is imported."""


@dataclass(slots=True)
class PluginRecord:
    """One plugin, working or not.

    Attributes:
        name: Its entry point's name, or the name it was registered by.
        origin: Distribution and version that brought it.
        module: Its module.
        path: The file that the module was loaded from; "" while it was not.
        plugin: The module or object; None when it did not load.
        hypervisors: What it brings; empty for a cross-cutting plugin.
        error: Why it is not used, "" when it is.
    """

    name: str
    origin: str
    module: str = ""
    path: str = ""
    plugin: object | None = None
    hypervisors: tuple[Hypervisor, ...] = ()
    error: str = ""


class Manager:
    """All plugins of one process, and the way to their hooks."""

    def __init__(
        self,
        plugins: Iterable[object] = (),
        *,
        discover: bool = True,
        allowed: Collection[str] | None = None,
    ) -> None:
        """Load what is installed, or of it what is allowed.

        Args:
            plugins: Further plugins (modules or objects), beside the discovered ones.
            discover: Whether entry points of the group `virtmigrate` are loaded.
            allowed: Names of distributions; plugins of others are named, and never
                imported. None = those of `VIRTMIGRATE_PLUGINS`, or all without it.
        """
        only = allowed_by(os.environ) if allowed is None else _names(allowed)
        self.records: list[PluginRecord] = []
        self._manager: pluggy.PluginManager | None = None
        self._relays: dict[str, Relay] = {}
        self._schemes: dict[str, Hypervisor] = {}
        self._listeners: list[tuple[str, pluggy.HookCaller]] | None = None
        if discover:
            for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
                self.records.append(_load(point, only))
            self._find_clashes()
        for plugin in plugins:
            self.register(plugin)

    def register(self, plugin: object, name: str | None = None) -> PluginRecord:
        """Add a plugin by hand; it is checked like a discovered one.

        Raises:
            PluginError: It breaks the contract, or claims a name that is taken.
        """
        label = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        record = _checked(PluginRecord(label, "registered by hand", plugin=plugin))
        for other in self.working:
            # Whoever comes later by hand gives way; what worked goes on working.
            record.error = record.error or _clash(record, other)
        if record.error:
            msg = f"plugin {label}: {record.error}"
            raise PluginError(msg, subject=label)
        self.records.append(record)
        self._manager = self._listeners = None
        self._relays.clear()
        self._schemes.clear()
        return record

    def _find_clashes(self) -> None:
        """Of discovered plugins none comes first: both are named, neither is used."""
        for one, other in permutations(self.records, 2):
            one.error = one.error or _clash(one, other)

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
        if (served := self._schemes.get(uri.scheme)) is not None:
            return served
        for hypervisor in self.hypervisors.values():
            if uri.scheme in hypervisor.schemes:
                self._schemes[uri.scheme] = hypervisor
                return hypervisor
        broken = [
            f"plugin {r.name} ({r.origin}) is not used: {r.error}"
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
        """The relay bound to this hypervisor.

        Raises:
            PluginError: No working plugin brings it.
        """
        if (known := self._relays.get(hypervisor)) is not None:
            return known
        if hypervisor not in self.hypervisors:
            msg = f"no working plugin brings the hypervisor {hypervisor!r}"
            raise PluginError(msg, subject=hypervisor)
        return self._bound(hypervisor)

    def bystanders(self) -> Relay:
        """The relay that holds no hypervisor: cross-cutting plugins and the core."""
        return self._relays.get("") or self._bound("")

    def _bound(self, hypervisor: str) -> Relay:
        # Registered once more without the other hypervisors: to leave them out at
        # each call (`subset_hook_caller`) costs more than the call.
        bound = [
            r
            for r in self.working
            if not r.hypervisors or any(h.name == hypervisor for h in r.hypervisors)
        ]
        relay = self._relays[hypervisor] = Relay(_registered(bound), hypervisor)
        return relay

    @property
    def listens(self) -> bool:
        """Whether any plugin wants to hear of events."""
        return bool(self._listening())

    def tell(self, event: Event) -> None:
        """Hand an event to every plugin; what one raises is logged."""
        for name, call in self._listening():
            try:
                call(event=event)
            except Exception:
                log.exception("plugin %s failed on an event", name)

    def extend_cli(self, app: typer.Typer) -> None:
        """Let every plugin add its commands; a failing one is reported, not fatal."""
        for name, call in self._one_by_one("virtmigrate_cli"):
            try:
                call(app=app)
            except Exception as error:  # noqa: BLE001 - any plugin, any mistake
                log.warning("plugin %s adds no commands: %s", name, error)

    def _listening(self) -> list[tuple[str, pluggy.HookCaller]]:
        if self._listeners is None:
            self._listeners = self._one_by_one("virtmigrate_event")
        return self._listeners

    def _one_by_one(self, hook: str) -> list[tuple[str, pluggy.HookCaller]]:
        """A caller for each plugin that has this hook, so that none stops another."""
        manager = self._pluggy()
        plugins = manager.get_plugins()
        return [
            (
                implementation.plugin_name,
                manager.subset_hook_caller(hook, plugins - {implementation.plugin}),
            )
            for implementation in getattr(manager.hook, hook).get_hookimpls()
        ]

    def _pluggy(self) -> pluggy.PluginManager:
        """All working plugins."""
        if self._manager is None:
            self._manager = _registered(self.working)
        return self._manager


def _registered(records: Iterable[PluginRecord]) -> pluggy.PluginManager:
    """Plugins in order: defaults, cross-cutting, hypervisors last.

    pluggy asks the last registered first, so the nearest implementation wins.
    """
    manager = _empty()
    manager.register(defaults, CORE)
    ordered = sorted(records, key=lambda r: bool(r.hypervisors))
    for number, record in enumerate(ordered, 1):
        label = f"{record.name} ({record.origin})"
        # Two distributions may give their plugins the same name.
        unique = label if not manager.has_plugin(label) else f"{label}, {number}"
        manager.register(record.plugin, unique)
    return manager


class _Plugins(pluggy.PluginManager):
    """Looks for hooks where they can be: half of a module's names are Python's own.

    pluggy looks at each name through `inspect`, and that takes longest.
    """

    def parse_hookimpl_opts(
        self, plugin: object, name: str
    ) -> pluggy.HookimplOpts | None:
        """What the mark on an implementation says; None = it has none."""
        if name.startswith("__"):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def _empty() -> pluggy.PluginManager:
    manager = _Plugins(hookspecs.NAME)
    manager.add_hookspecs(hookspecs)
    manager.add_hookspecs(plan_hooks)
    manager.add_hookspecs(disk_hooks)
    return manager


def allowed_by(environment: Mapping[str, str]) -> frozenset[str] | None:
    """The distributions that the environment allows; None = it has no list.

    A list that is empty allows nothing.
    """
    given = environment.get(ALLOWED)
    return None if given is None else _names(re.split(r"[,\s]+", given.strip()))


def _names(names: Iterable[str]) -> frozenset[str]:
    """Names of distributions as they compare (PEP 503)."""
    return frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in names if name)


def _load(point: EntryPoint, only: frozenset[str] | None) -> PluginRecord:
    dist = point.dist
    origin = f"{dist.name} {dist.version}" if dist else "unknown distribution"
    record = PluginRecord(point.name, origin, point.module)
    if only is not None and not (dist and _names([dist.name]) & only):
        record.error = f"it is not allowed by {ALLOWED}, and was not imported"
        return record
    try:
        module = record.plugin = importlib.import_module(point.module)
        record.path = str(getattr(module, "__file__", None) or "")
        for attribute in point.attr.split(".") if point.attr else ():
            record.plugin = getattr(record.plugin, attribute)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any plugin, any mistake
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
        hash(record.plugin)  # pluggy keeps plugins in sets
        lists = manager.hook.virtmigrate_hypervisors()
        found = tuple(h for part in lists for h in part)
        record.error = next((e for e in map(_fault, found) if e), "")
        claims = Counter(_claims(found) if not record.error else ())
        twice = sorted(claim for claim, times in claims.items() if times > 1)
        if twice:
            record.error = f"it claims {', '.join(twice)} twice"
    except Exception as error:  # noqa: BLE001 - any plugin, any mistake
        record.error = f"it breaks the contract: {error}"
    if not record.error:
        record.hypervisors = found
    return record


def _fault(hypervisor: object) -> str:
    """What is wrong with an object that is handed over as a hypervisor."""
    if not isinstance(hypervisor, Hypervisor):
        return f"{type(hypervisor).__name__} is no Hypervisor (host.py)"
    if hypervisor.contract != CONTRACT:
        return (
            f"{hypervisor.name} was written for contract {hypervisor.contract}, "
            f"this is {CONTRACT}"
        )
    names: list[object] = [hypervisor.name, *hypervisor.schemes]
    if len(names) == 1 or not all(isinstance(n, str) and n for n in names):
        return f"{type(hypervisor).__name__} has no name, or no URI scheme"
    return ""


def _claims(hypervisors: Iterable[Hypervisor]) -> list[str]:
    """What nobody else may claim: names, and schemes with their colon."""
    return [
        claim
        for hypervisor in hypervisors
        for claim in (hypervisor.name, *(f"{s}:" for s in hypervisor.schemes))
    ]


def _clash(record: PluginRecord, other: PluginRecord) -> str:
    if record.plugin is not None and record.plugin is other.plugin:
        return f"it is registered already, as {other.name} ({other.origin})"
    both = set(_claims(record.hypervisors)) & set(_claims(other.hypervisors))
    if not both:
        return ""
    return f"{', '.join(sorted(both))} is claimed by {other.name} ({other.origin}) too"
