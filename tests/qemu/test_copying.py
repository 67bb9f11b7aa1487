"""A plan's disks as libvirt's flags, parameters and documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate_libvirt.flags import FLAGS
from virtmigrate_libvirt.xml import parse
from virtmigrate_qemu.copying import flags_for, params_for, vouched

ALL, TOP = FLAGS["copy_storage"], FLAGS["copy_storage_inc"]
UNSAFE, SYNCHRONOUS = FLAGS["unsafe"], FLAGS["copy_storage_synchronous_writes"]
XML = """
<domain type='qemu'><name>g</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/a/d.img' index='1'/>
<backingStore type='file'><source file='/a/base'/></backingStore>
<target dev='vda'/></disk>
<disk type='file' device='disk'><source file='/a/e.img'/><target dev='vdb'/></disk>
</devices></domain>
"""


def disk(target="vda", way=Way.STAYS, sharing=Sharing.SHARED, **more):
    path = more.pop("path", f"/a/{target}")
    there = more.pop("there", path)
    return Disk(target=target, path=path, there=there, way=way, sharing=sharing, **more)


COPIED = disk("vdb", Way.COPIED, Sharing.NOT_SHARED)
LAYER = disk("vdc", Way.TOP_COPIED, Sharing.NOT_SHARED)


@requirement("disks.empty-list")
@pytest.mark.parametrize("word", [0, ALL, TOP, ALL | SYNCHRONOUS])
def test_where_nothing_is_copied_nothing_says_copy(word):
    found = flags_for(word, [disk()])
    assert not found & (ALL | TOP | SYNCHRONOUS)
    params = params_for(
        {"migrate_disks": ["vda"], "disks_port": 5}, [disk()], (XML,) * 2
    )
    assert params == {}


@requirement("disks.empty-list")
@given(
    st.lists(st.sampled_from([disk(), COPIED, LAYER]), min_size=1, max_size=5),
    st.sampled_from([0, ALL, TOP]),
)
def test_what_says_copy_always_lists_what(disks, word):
    flags, params = flags_for(word, disks), params_for({}, disks, (None, None))
    listed = params.get("migrate_disks", [])
    assert listed == [each.target for each in disks if each.copied]
    assert bool(flags & (ALL | TOP)) is bool(listed)
    assert flags & (ALL | TOP) != ALL | TOP


def test_a_guest_without_disks_is_left_as_it_was_asked():
    assert flags_for(ALL, []) == ALL
    assert params_for({"migrate_disks": ["vda"]}, [], (XML, XML)) == {
        "migrate_disks": ["vda"]
    }


@requirement("disks.paths")
def test_both_documents_have_the_path_there_and_read_the_chain_anew():
    moved = disk(there="/b/d.img")
    params = params_for({}, [moved], (XML, XML))
    for name in ("destination_xml", "persistent_xml"):
        first, second = parse(params[name]).disks()
        assert (first.source, second.source) == ("/b/d.img", "/a/e.img")
        assert "backingStore" not in params[name]
    assert "destination_xml" not in params_for({}, [disk()], (XML, XML))
    only = params_for({}, [moved], (XML, None))
    assert "persistent_xml" not in only


@requirement("disks.paths")
def test_the_callers_own_document_is_the_one_that_is_changed():
    own = XML.replace("<name>g</name>", "<name>g</name><title>mine</title>")
    given_own = params_for(
        {"destination_xml": own}, [disk(there="/b/d.img")], (XML, None)
    )
    assert "mine" in given_own["destination_xml"]


@requirement("disks.vouched")
@pytest.mark.parametrize(
    ("disks", "proven"),
    [
        ([disk()], True),
        ([disk(), COPIED], True),
        ([COPIED], False),
        ([disk(sharing=Sharing.UNKNOWN)], False),
        ([disk(), disk("vdd", sharing=Sharing.UNKNOWN)], False),
        ([disk(read_only=True)], False),
        ([disk(kind="network")], False),
        ([disk(path="")], False),
    ],
)
def test_only_what_is_proven_is_vouched_for(disks, proven):
    assert vouched(disks) is proven
    assert bool(flags_for(0, disks) & UNSAFE) is proven


def test_what_is_said_of_single_disks_goes_with_those_that_are_copied():
    asked = {"migrate_disks_detect_zeroes": ["vda", "vdb"], "disks_port": 5}
    assert params_for(asked, [disk(), COPIED], (None, None)) == {
        "migrate_disks": ["vdb"],
        "migrate_disks_detect_zeroes": ["vdb"],
        "disks_port": 5,
    }


VOLUME = """
<domain type='qemu'><name>g</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
<devices><disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
<source pool='p' volume='d.img' index='1'/><target dev='vda'/></disk>
</devices></domain>
"""


def named(params):
    """What each document that was made names the disk by."""
    names = ("destination_xml", "persistent_xml")
    return [parse(params[n]).disks()[0].named for n in names if n in params]


@requirement("disks.volumes")
@pytest.mark.parametrize(
    ("there", "pool", "names"),
    [
        ("/a/d.img", "p", []),
        ("/a/d.img", "q", [("q", "d.img")] * 2),
        ("/b/d.img", "p", [("p", "d.img")] * 2),
        ("/b/e.img", "q", [("q", "e.img")] * 2),
        ("/a/d.img", "", []),
        ("/b/e.img", "", ["/b/e.img"] * 2),
    ],
)
def test_both_documents_name_a_volume_by_its_pool_there(there, pool, names):
    moved = disk(path="/a/d.img", there=there, pool="p", pool_there=pool)
    assert named(params_for({}, [moved], (VOLUME, VOLUME))) == names


@requirement("disks.volumes")
def test_with_top_layers_the_live_document_names_the_file():
    """libvirt would take a volume for one that it has to make, and refuse to."""
    how = {"there": "/a/d.img", "path": "/a/d.img", "pool": "p", "pool_there": "p"}
    top = disk(way=Way.TOP_COPIED, sharing=Sharing.NOT_SHARED, **how)
    params = params_for({}, [top], (VOLUME, VOLUME))
    assert named(params) == ["/a/d.img"]
    assert "persistent_xml" not in params
    full = disk(way=Way.COPIED, sharing=Sharing.NOT_SHARED, **how)
    assert named(params_for({}, [full, LAYER], (VOLUME, VOLUME))) == ["/a/d.img"]
    assert named(params_for({}, [full], (VOLUME, VOLUME))) == []
    assert named(params_for({}, [disk(**how), LAYER], (VOLUME, VOLUME))) == []
