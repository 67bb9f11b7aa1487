"""Imports point one way, read from every source file; and files stay small."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.requirements import requirement

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
CORE, SHARED = "virtmigrate", "virtmigrate_libvirt"
MAY = {
    CORE: set(),
    SHARED: {CORE},
    "virtmigrate_qemu": {CORE, SHARED},
    "virtmigrate_vz": {CORE, SHARED},
    "virtmigrate_mock": {CORE},
    "virtmigrate_testkit": {CORE},
    "virtmigrate_lab": {CORE},
}
"""Distribution to the siblings that it may import."""
PACKAGES = {
    path.name: path
    for pattern in ("core/src/*", "libs/*/src/*", "plugins/*/src/*")
    for path in ROOT.glob(pattern)
    if (path / "__init__.py").exists()
}

each_package = pytest.mark.parametrize("package", PACKAGES)


def imported_by(source):
    """The top names that a file's text imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


@cache
def imports_of(package):
    files = PACKAGES[package].rglob("*.py")
    return set().union(*(imported_by(f.read_text(encoding="utf-8")) for f in files))


def test_every_package_has_its_place():
    assert set(PACKAGES) == set(MAY)


@each_package
@requirement("built.imports")
def test_imports_point_one_way(package):
    assert imports_of(package) & set(MAY) - {package} <= MAY[package]


@each_package
@requirement("built.one-libvirt")
def test_only_one_distribution_imports_libvirt(package):
    names = {name for name in imports_of(package) if name.startswith("libvirt")}
    assert bool(names) is (package == SHARED), names


def test_the_scan_sees_every_way_to_import():
    source = "def f():\n    import a.b, c\n    from d.e import f\nfrom . import g"
    assert imported_by(source) == {"a", "c", "d"}


@requirement("built.small-files")
def test_files_are_small():
    folders = ("core", "libs", "plugins", "tests", "examples", "bench", "scripts")
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MOST_LINES
    }
    assert long == {}
