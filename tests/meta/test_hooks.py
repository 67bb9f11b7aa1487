"""Every hook is documented as it is, and its example is one that registers."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from tests.requirements import requirement
from virtmigrate import Manager, defaults, disk_hooks, hookspecs, plan_hooks
from virtmigrate.hookspecs import hookimpl

PAGE = Path(__file__).parents[2] / "docs" / "hooks.md"
SPECS = vars(hookspecs) | vars(plan_hooks) | vars(disk_hooks)
HOOKS = {
    name: function
    for name, function in SPECS.items()
    if name.startswith("virtmigrate_") and inspect.isfunction(function)
}
each_hook = pytest.mark.parametrize("name", HOOKS)


def example_of(name):
    """The code under "Example::" in a hook's docstring."""
    doc = inspect.getdoc(HOOKS[name])
    return textwrap.dedent(doc.split("Example::\n", 1)[1].split("\n.. ", 1)[0])


@requirement("hooks.documented")
def test_the_page_has_a_heading_with_the_signature_of_each_hook():
    signatures = [
        f"{name}({', '.join(inspect.signature(function).parameters)})"
        for name, function in HOOKS.items()
    ]
    text = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^### (virtmigrate_\w+\(.*\))$", text, re.MULTILINE)
    assert sorted(headings) == sorted(signatures)


MUST = {f"virtmigrate_{name}" for name in ("hypervisors", "capabilities", "perform")}
WITHOUT = {f"virtmigrate_{name}" for name in ("cli", "event", "stand_in")}
"""Hooks that the core does without."""


@requirement("hooks.documented")
def test_what_a_plugin_must_have_is_said_and_the_core_has_the_rest():
    own = {name for name in vars(defaults) if name.startswith("virtmigrate_")}
    assert HOOKS.keys() - own == MUST | WITHOUT
    told = (inspect.getdoc(hookspecs) or "").partition("must have")[2]
    assert set(re.findall(r"`(virtmigrate_\w+)`", told)) == MUST


@each_hook
@requirement("hooks.documented")
def test_docstring_tells_parameters_return_and_version(name):
    doc = inspect.getdoc(HOOKS[name])
    told = re.findall(r"^:param (\w+):", doc, re.MULTILINE)
    assert told == list(inspect.signature(HOOKS[name]).parameters)
    returns = inspect.signature(HOOKS[name]).return_annotation
    assert (":return:" in doc) is (returns != "None")
    assert ".. versionadded:: " in doc


@each_hook
@requirement("hooks.documented")
def test_example_registers(name):
    scope = {"hookimpl": hookimpl}
    exec(compile(example_of(name), name, "exec"), scope)
    plugin = type("Plugin", (), {"__name__": "example"})()
    written = scope[name]
    if name == "virtmigrate_hypervisors":
        # It would hand over a hypervisor of its author's; here only its form counts.
        assert list(inspect.signature(written).parameters) == []
        return
    setattr(plugin, name, written)
    assert Manager(discover=False).register(plugin).error == ""
