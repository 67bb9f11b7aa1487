"""Plugins: found, checked one by one, and kept from harming each other."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.core.scripted import World
from tests.core.scripted_plugin import ScriptedHypervisor, ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Manager, hookimpl
from virtmigrate.errors import PluginError, UnknownHypervisor
from virtmigrate.host import CONTRACT
from virtmigrate.manager import GROUP
from virtmigrate.uri import parse_uri


def hypervisor(name="other", schemes=("other",), contract=CONTRACT):
    """A hypervisor of that name, made as a plugin's author would."""
    made = ScriptedHypervisor(World())
    made.name, made.schemes, made.contract = name, frozenset(schemes), contract
    return made


def bringing(*hypervisors, title="Bringing"):
    """A plugin that brings these."""

    def virtmigrate_hypervisors(self):
        return list(hypervisors)

    body = {"virtmigrate_hypervisors": hookimpl(virtmigrate_hypervisors)}
    return type(title, (), body)()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution for real: a module and its metadata on `sys.path`."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def add(name, code, *, point=None, entry=None, version="1.2"):
        module = f"{name.replace('-', '_')}_module"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        points = f"[{GROUP}]\n{point or name} = {entry or module}\n"
        (info / "entry_points.txt").write_text(points, encoding="utf-8")

    yield add
    for module in modules:
        sys.modules.pop(module, None)


GOOD = """
from virtmigrate.hookspecs import hookimpl
events = []

@hookimpl
def virtmigrate_event(event):
    events.append(event)
"""
IMPORT = "from virtmigrate.hookspecs import hookimpl"
BROKEN = {
    "raises": ("raise RuntimeError('no such library')", "no such library"),
    "exits": ("import sys; sys.exit(3)", "SystemExit"),
    "does not parse": ("def (", "SyntaxError"),
    "misses its import": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "has an unknown hook": (
        "@hookimpl\ndef virtmigrate_begn(ctx): ...",
        "virtmigrate_begn",
    ),
    "has an unknown argument": (
        "@hookimpl\ndef virtmigrate_begin(context): ...",
        "context",
    ),
    "raises when asked": (
        "@hookimpl\ndef virtmigrate_hypervisors(): return 1 / 0",
        "division by zero",
    ),
    "hands over one, not a list": (
        "@hookimpl\ndef virtmigrate_hypervisors(): return object()",
        "not iterable",
    ),
    "hands over something else": (
        "@hookimpl\ndef virtmigrate_hypervisors(): return [object()]",
        "object is no Hypervisor",
    ),
}


def record_of(manager, name):
    (record,) = [r for r in manager.records if r.name == name]
    return record


@pytest.mark.parametrize("how", BROKEN)
@requirement("plugin.isolated")
@requirement("plugins.origin")
def test_a_plugin_that_is_broken_is_named_and_takes_no_other_down(install, how):
    code, cause = BROKEN[how]
    install("broken-dist", f"{IMPORT}\n{code}", point="bad")
    install("good-dist", GOOD, point="good")
    manager = Manager()
    bad, good = record_of(manager, "bad"), record_of(manager, "good")
    assert cause in bad.error
    assert bad.origin == "broken-dist 1.2"
    assert bad not in manager.working
    assert good in manager.working
    manager.tell("an event")
    assert good.plugin.events == ["an event"]


@requirement("plugin.isolated")
@requirement("plugins.origin")
def test_asking_for_a_broken_plugins_hypervisor_tells_the_cause(install):
    install("broken-dist", "raise OSError('libdear.so is missing')", point="dear")
    with pytest.raises(UnknownHypervisor) as caught:
        Manager().hypervisor_for(parse_uri("dear:///system"))
    assert "broken-dist 1.2" in caught.value.message
    assert "libdear.so is missing" in caught.value.message
    assert caught.value.exit_code == 2


IMPORTS = "raise SystemExit('it was imported')"
LISTS = {
    "Good.Dist": True,
    "other, good-dist": True,
    "good-dist virtmigrate-mock": True,
    "": False,
    "good": False,
    "good-dist-2": False,
}


@pytest.mark.parametrize("allowed", LISTS)
@requirement("plugins.allowed")
def test_only_what_is_allowed_is_imported(install, monkeypatch, allowed):
    install("good_dist", GOOD, point="good")
    install("evil-dist", IMPORTS, point="evil")
    monkeypatch.setenv("VIRTMIGRATE_PLUGINS", allowed)
    manager = Manager()
    evil, good = record_of(manager, "evil"), record_of(manager, "good")
    assert (evil.origin, evil.module) == ("evil-dist 1.2", "evil_dist_module")
    assert (evil.plugin, evil.path) == (None, "")
    assert "not imported" in evil.error
    assert "evil_dist_module" not in sys.modules
    assert (good in manager.working) is LISTS[allowed]
    assert bool(good.path) is LISTS[allowed]


@requirement("plugins.allowed")
def test_a_list_in_the_program_replaces_that_of_the_environment(install, monkeypatch):
    install("good-dist", GOOD, point="good")
    monkeypatch.setenv("VIRTMIGRATE_PLUGINS", "good-dist")
    assert record_of(Manager(allowed=()), "good").error
    monkeypatch.setenv("VIRTMIGRATE_PLUGINS", "other")
    manager = Manager(allowed=["good-dist"])
    assert not record_of(manager, "good").error
    assert record_of(manager, "good").path.endswith("good_dist_module.py")


@requirement("plugins.allowed")
def test_asking_for_what_is_not_allowed_tells_why(install):
    install("dear-dist", IMPORTS, point="dear")
    with pytest.raises(UnknownHypervisor) as caught:
        Manager(allowed=()).hypervisor_for(parse_uri("dear:///system"))
    assert "dear-dist 1.2" in caught.value.message
    assert "VIRTMIGRATE_PLUGINS" in caught.value.message


def test_an_attribute_of_a_module_can_be_the_plugin(install):
    install("good-dist", GOOD + "class A:\n    pass\n", entry="good_dist_module:A")
    assert record_of(Manager(), "good-dist").plugin.__name__ == "A"


def test_two_distributions_may_call_their_plugins_alike(install):
    install("one-dist", GOOD, point="audit")
    install("two-dist", GOOD, point="audit")
    manager = Manager()
    both = [r for r in manager.records if r.name == "audit"]
    manager.tell("an event")
    assert [r.plugin.events for r in both] == [["an event"], ["an event"]]


@requirement("plugin.isolated")
def test_discovered_plugins_that_claim_one_name_are_both_named_and_unused(install):
    code = """
from tests.core.scripted import World
from tests.core.scripted_plugin import ScriptedHypervisor
from virtmigrate.hookspecs import hookimpl

@hookimpl
def virtmigrate_hypervisors():
    made = ScriptedHypervisor(World())
    made.name, made.schemes = "twin", frozenset({"twin"})
    return [made]
"""
    install("one-dist", code, point="one")
    install("two-dist", code, point="two")
    manager = Manager()
    one, two = record_of(manager, "one"), record_of(manager, "two")
    assert "claimed by two (two-dist 1.2) too" in one.error
    assert "claimed by one (one-dist 1.2) too" in two.error
    assert "twin" not in manager.hypervisors
    with pytest.raises(UnknownHypervisor, match="claimed by"):
        manager.hypervisor_for(parse_uri("twin:///x"))


# By hand ------------------------------------------------------------------------------


@pytest.fixture
def manager(world):
    return Manager([ScriptedPlugin(world)], discover=False)


TAKEN = {
    "a name": bringing(hypervisor("scripted", ["mine"])),
    "a scheme": bringing(hypervisor("mine", ["mine", "scripted"])),
}


@pytest.mark.parametrize("what", TAKEN)
@requirement("plugin.isolated")
def test_a_claim_that_is_taken_is_refused_and_the_first_goes_on(manager, what):
    with pytest.raises(PluginError, match="claimed by ScriptedPlugin"):
        manager.register(TAKEN[what])
    assert list(manager.hypervisors) == ["scripted"]
    assert manager.hypervisor_for(parse_uri("scripted:///a")).name == "scripted"
    assert [r.error for r in manager.records] == [""]


def test_a_name_and_a_scheme_are_different_claims(manager):
    manager.register(bringing(hypervisor("a", ["b"])))
    manager.register(bringing(hypervisor("b", ["a"])))
    assert manager.hypervisor_for(parse_uri("a:///x")).name == "b"


REFUSED = {
    "twice the same name": bringing(hypervisor("x", ["x"]), hypervisor("x", ["y"])),
    "twice the same scheme": bringing(hypervisor("x", ["z"]), hypervisor("y", ["z"])),
    "another contract": bringing(hypervisor(contract=CONTRACT + 1)),
    "an older contract": bringing(hypervisor(contract=CONTRACT - 1)),
    "no scheme": bringing(hypervisor(schemes=())),
    "no name": bringing(hypervisor(name="")),
    "a name that is none": bringing(hypervisor(name=7)),
}


@pytest.mark.parametrize("what", REFUSED)
@requirement("plugin.isolated")
def test_a_plugin_that_breaks_the_contract_is_refused(manager, what):
    with pytest.raises(PluginError) as caught:
        manager.register(REFUSED[what], "mine")
    assert caught.value.subject == "mine"
    assert caught.value.message.startswith("plugin mine: ")
    assert list(manager.hypervisors) == ["scripted"]


def test_the_contract_error_names_both_versions(manager):
    with pytest.raises(PluginError, match=rf"contract {CONTRACT + 1}, this is"):
        manager.register(REFUSED["another contract"])


class Moody:
    """A hypervisor whose properties raise."""

    def __getattr__(self, name):
        msg = f"no {name} today"
        raise RuntimeError(msg)


def test_a_hypervisor_that_raises_when_looked_at_is_refused(manager):
    with pytest.raises(PluginError, match=r"today|is no Hypervisor"):
        manager.register(bringing(Moody()))


def test_the_same_plugin_twice_is_refused(manager):
    plugin = bringing()
    manager.register(plugin)
    with pytest.raises(PluginError, match="registered already"):
        manager.register(plugin)
    manager.register(bringing())


def test_a_plugin_registered_later_is_heard_at_once(manager):
    heard = []

    class Ear:
        @hookimpl
        def virtmigrate_event(self, event):
            heard.append(event)

    manager.tell("first")
    manager.register(Ear())
    manager.tell("second")
    assert heard == ["second"]


@requirement("events.sinks")
def test_a_failing_listener_is_logged_and_stops_nobody(manager, caplog):
    heard = []

    class Deaf:
        @hookimpl
        def virtmigrate_event(self):
            raise ValueError("not listening")

    class Ear:
        @hookimpl
        def virtmigrate_event(self, event):
            heard.append(event)

    for plugin in (Ear(), Deaf(), Ear()):
        manager.register(plugin, type(plugin).__name__)
    with caplog.at_level(logging.ERROR):
        manager.tell("an event")
    assert heard == ["an event"] * 2
    assert "Deaf" in caplog.text
    assert "not listening" in caplog.text


def test_commands_of_one_plugin_survive_anothers_failure(manager, caplog):
    class Bad:
        @hookimpl
        def virtmigrate_cli(self, app):
            raise ValueError("no commands today")

    class Good:
        @hookimpl
        def virtmigrate_cli(self, app):
            app.append("good")

    for plugin in (Good(), Bad(), Good()):
        manager.register(plugin)
    app = []
    with caplog.at_level(logging.WARNING):
        manager.extend_cli(app)
    assert app == ["good", "good"]
    assert "no commands today" in caplog.text


def test_an_unknown_scheme_is_refused_with_those_that_are_served(manager):
    with pytest.raises(UnknownHypervisor) as caught:
        manager.hypervisor_for(parse_uri("qemu+ssh://root:pw@h/system"))
    assert "scripted" in caught.value.remedy
    assert "pw" not in str(caught.value.as_dict())


def test_a_relay_to_nowhere_is_an_error(manager):
    with pytest.raises(PluginError, match=r"no working plugin brings .*'nowhere'"):
        manager.relay("nowhere")


def test_nothing_is_discovered_when_told_so(install):
    install("good-dist", GOOD, point="good")
    assert Manager(discover=False).records == []


def test_a_plugin_that_can_not_be_hashed_is_refused_at_once():
    """Else the first hook would fail, whoever calls it."""

    class Unhashable:
        __hash__ = None

    manager = Manager(discover=False)
    with pytest.raises(PluginError, match="unhashable"):
        manager.register(Unhashable())
    assert manager.working == []
