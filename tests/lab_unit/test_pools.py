"""The table of pools, and what a host's libvirtd and mounts are made of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from virtmigrate_lab import pools
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.layout import Layout


@pytest.fixture
def furnished(tmp_path):
    """The files of hosts a and b."""
    layout = Layout(tmp_path / "a lab")
    for name in "ab":
        pools.furnish(layout, layout.host(name), name)
    return layout


def test_every_pool_is_defined_and_started_with_the_daemon(furnished):
    storage = furnished.host("a").etc / "libvirt" / "storage"
    for name, pool in pools.POOLS.items():
        root = ET.parse(storage / f"{name}.xml").getroot()
        assert root.findtext("name") == name
        assert root.findtext("target/path") == pool.target("a")
        inside = f"/etc/libvirt/storage/{name}.xml"
        assert str((storage / "autostart" / f"{name}.xml").readlink()) == inside


def mounts(layout, host):
    lines = (layout.host(host).root / pools.FSTAB).read_text("utf-8").splitlines()
    return {target: source for source, target, *_ in (line.split() for line in lines)}


def test_what_is_shared_is_one_directory_and_what_lies_is_not(furnished):
    a, b = mounts(furnished, "a"), mounts(furnished, "b")
    for name in ("shared", "remount"):
        pool = pools.POOLS[name]
        assert a[pool.target("a")] == b[pool.target("b")] == a[f"{pools.ROOT}/shared"]
    lying = pools.POOLS["lying"]
    assert lying.target("a") == lying.target("b")
    assert a[lying.target("a")] != b[lying.target("b")]


def test_a_blank_in_the_labs_path_is_written_as_fstab_wants_it(furnished):
    source = mounts(furnished, "a")[pools.POOLS["shared"].target("a")]
    assert source == str(furnished.storage / "shared").replace(" ", "\\040")


def test_an_unknown_pool_is_refused_with_those_there_are():
    with pytest.raises(LabRefused, match=r"no pool gone .*local, shared"):
        pools.named("gone")


LISTED = "".join(
    f" {name}   {state}   yes\n"
    for name, state in {
        **dict.fromkeys(pools.POOLS, "active"),
        "tiny": "inactive",
        "mine": "active",
        "old": "inactive",
    }.items()
)


@pytest.mark.parametrize("changed", [False, True])
def test_pools_are_made_as_they_were(changed):
    asked = []

    def virsh(words):
        asked.append(words)
        return LISTED

    pools.renew(virsh, changed=changed)
    listing, commands = asked
    assert listing == "pool-list --all"
    found = commands.split("; ")
    assert found[0] == "pool-start tiny"
    expected = {"pool-destroy mine", "pool-undefine mine", "pool-undefine old"}
    assert expected <= set(found)
    refreshed = {each.split()[1] for each in found if "refresh" in each}
    assert refreshed == (pools.POOLS.keys() - {"tiny"} if changed else set())


def test_all_that_is_in_a_pool_is_removed_but_not_what_links_lead_to(tmp_path):
    (tmp_path / "kept").write_text("kept", encoding="utf-8")
    pool = tmp_path / "pool"
    (pool / "folder").mkdir(parents=True)
    (pool / "folder" / "file").touch()
    (pool / "link").symlink_to("../kept")
    (pool / "gone").symlink_to("../nowhere")
    assert pools.empty(pool)
    assert list(pool.iterdir()) == []
    assert not pools.empty(pool)
    assert (tmp_path / "kept").exists()
