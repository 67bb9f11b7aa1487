"""One version for all distributions, `==` between siblings, one place for each."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.requirements import requirement

ROOT = Path(__file__).parents[2]
WORKSPACE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MEMBERS = sorted(
    path / "pyproject.toml"
    for pattern in WORKSPACE["tool"]["uv"]["workspace"]["members"]
    for path in ROOT.glob(pattern)
    if (path / "pyproject.toml").exists()
)
PROJECTS = {
    str(path.parent.relative_to(ROOT)): tomllib.loads(path.read_text(encoding="utf-8"))[
        "project"
    ]
    for path in MEMBERS
}
SIBLINGS = {project["name"] for project in PROJECTS.values()}
VERSION = PROJECTS["core"]["version"]

each_distribution = pytest.mark.parametrize("folder", PROJECTS)


def requirements_of(project):
    extras = project.get("optional-dependencies", {}).values()
    return [
        *project.get("dependencies", []),
        *(line for extra in extras for line in extra),
    ]


@each_distribution
@requirement("built.one-version")
def test_one_version_for_all(folder):
    assert PROJECTS[folder]["version"] == VERSION


@each_distribution
@requirement("built.one-version")
def test_siblings_are_pinned_to_the_same_version(folder):
    for line in requirements_of(PROJECTS[folder]):
        name = line.split("==")[0].split(">=")[0].split("[")[0].strip()
        if name in SIBLINGS:
            assert line.endswith(f"=={VERSION}"), line


@each_distribution
@requirement("built.names")
@requirement("built.python")
def test_every_distribution_is_a_prefix_package_for_python_3_11(folder):
    project = PROJECTS[folder]
    module = project["name"].replace("-", "_")
    assert module.partition("_")[0] == "virtmigrate"
    assert [path.name for path in (ROOT / folder / "src").glob("[a-z]*/")] == [module]
    assert project["requires-python"] == ">=3.11"


@each_distribution
def test_third_parties_have_a_lower_bound(folder):
    for line in requirements_of(PROJECTS[folder]):
        assert ">=" in line or "==" in line, line


@each_distribution
def test_every_distribution_is_typed_and_has_a_readme(folder):
    module = PROJECTS[folder]["name"].replace("-", "_")
    assert (ROOT / folder / "src" / module / "py.typed").exists()
    assert (ROOT / folder / PROJECTS[folder]["readme"]).stat().st_size > 0


@each_distribution
def test_the_workspace_knows_where_every_sibling_is(folder):
    sources = WORKSPACE["tool"]["uv"]["sources"]
    assert sources[PROJECTS[folder]["name"]] == {"workspace": True}


@each_distribution
def test_every_source_tree_is_checked(folder):
    module = PROJECTS[folder]["name"].replace("-", "_")
    tools = WORKSPACE["tool"]
    assert f"{folder}/src" in tools["mypy"]["files"]
    assert f"{folder}/src" in tools["mypy"]["mypy_path"]
    assert module in tools["importlinter"]["root_packages"]
    assert module in tools["coverage"]["run"]["source_pkgs"]
    assert module in tools["ruff"]["lint"]["isort"]["known-first-party"]
