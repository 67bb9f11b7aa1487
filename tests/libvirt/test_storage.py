"""A host's pools and volumes, as libvirt's documents tell them."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import libvirt
import pytest

from tests.requirements import requirement
from virtmigrate.devices import Device
from virtmigrate.storage import Pool, read_as
from virtmigrate_libvirt.storage import LibvirtStorage

IMAGES = """<pool type='dir'><name>images</name><available unit='bytes'>7</available>
<target><path>/images</path></target></pool>"""
GROUP = """<pool type='logical'><name>vg</name><target><path>/dev/vg</path></target>
</pool>"""
LUN = "6001405aa0b1c2d3e4f5061728394a5b"
BY_ID = "/dev/disk/by-id/"
DISK = f"""<device><name>block_sdb_3{LUN}</name>
<devnode type='dev'>/dev/sdb</devnode>
<devnode type='link'>{BY_ID}wwn-0x{LUN}</devnode>
<capability type='storage'><block>/dev/sdb</block><drive_type>disk</drive_type>
<serial>3{LUN}</serial><size>8589934592</size></capability></device>"""
IDLE = """<pool type='netfs'><name>idle</name><target><path>/idle/</path></target>
</pool>"""
DOMAIN = """<domain><name>g</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
<devices><disk type='{kind}'><source {source}/><target dev='vda'/></disk></devices>
</domain>"""
LOOKS_LIKE_QCOW2 = """<volume type='file'><name>x.raw</name>
<capacity unit='bytes'>1073741824</capacity>
<allocation unit='bytes'>4096</allocation><physical unit='bytes'>4194304</physical>
<target><format type='qcow2'/><timestamps><ctime>17.5</ctime></timestamps></target>
<backingStore><path>/etc/passwd</path><format type='raw'/></backingStore></volume>"""


class Connection:
    """As much of a connection as storage asks: texts, by what they are of."""

    def __init__(self, domain="", volume=""):
        self.domain, self.volume = domain, volume
        self.held = False

    def listAllStoragePools(self, flags):  # noqa: N802
        texts = [IMAGES, GROUP] if flags else [IMAGES, GROUP, IDLE]
        return [SimpleNamespace(XMLDesc=lambda _, text=text: text) for text in texts]

    def listAllDevices(self, flags):  # noqa: N802
        assert flags == libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE
        return [SimpleNamespace(XMLDesc=partial(describe, t)) for t in (DISK, None)]

    def storagePoolLookupByName(self, _):  # noqa: N802
        found = SimpleNamespace(XMLDesc=lambda _: self.volume)
        return SimpleNamespace(storageVolLookupByName=lambda _: found)

    def storagePoolLookupByTargetPath(self, _):  # noqa: N802
        return SimpleNamespace(listVolumes=list)

    def listAllDomains(self, _):  # noqa: N802
        assert self.held, "asked where no deadline holds, and no error is translated"
        return [SimpleNamespace(XMLDesc=lambda _: self.domain, name=lambda: "g")]


def storage(**texts):
    connection = Connection(**texts)

    def ask(_, function):
        connection.held = True
        try:
            return function(connection)
        finally:
            connection.held = False

    return LibvirtStorage(SimpleNamespace(ask=ask))


def describe(text, _):
    """A device's document; one that has just been pulled out has none."""
    if text is None:
        error = libvirt.libvirtError("it has gone")
        error.err = (
            libvirt.VIR_ERR_NO_NODE_DEVICE,
            0,
            "it has gone",
            0,
            *[""] * 3,
            0,
            0,
        )
        raise error
    return text


@requirement("disks.devices")
def test_block_devices_tell_every_path_that_they_have():
    assert storage().devices() == [Device(("/dev/sdb", f"{BY_ID}wwn-0x{LUN}"), 8 << 30)]


@requirement("disks.volumes")
def test_pools_of_files_are_told_from_others():
    assert storage().pools() == [Pool("images", "/images", 7)]
    assert storage().kinds() == {"images": "dir", "vg": "logical"}


@requirement("disks.headers")
def test_a_volume_tells_its_length_beside_what_its_header_says():
    image = storage(volume=LOOKS_LIKE_QCOW2).look(Pool("images", "/images"), "x.raw")
    assert (image.format, image.capacity_bytes) == ("qcow2", 1 << 30)
    assert (image.backing, image.length_bytes) == ("/etc/passwd", 4 << 20)
    read = read_as(image, "raw")
    assert (read.capacity_bytes, read.backing) == (4 << 20, "")


@pytest.mark.parametrize(
    ("kind", "source", "uses"),
    [
        ("file", "file='/images/g.img'", True),
        ("volume", "pool='images' volume='g.img'", True),
        ("volume", "pool='images' volume='h.img'", False),
        ("volume", "pool='vg' volume='g.img'", False),
        ("file", "file='/images/h.img'", False),
    ],
)
@requirement("disks.volumes")
def test_who_names_an_image_by_its_volume_uses_it(kind, source, uses):
    text = DOMAIN.format(kind=kind, source=source)
    assert storage(domain=text).users("/images/g.img") == (["g"] if uses else [])


def test_who_names_it_by_a_pool_that_is_not_active_uses_it_too():
    text = DOMAIN.format(kind="volume", source="pool='idle' volume='g.img'")
    assert storage(domain=text).users("/idle/g.img") == ["g"]


def test_a_definition_that_can_not_be_read_may_use_it():
    text = DOMAIN.format(kind="volume", source="pool='images' volume='g.img'")
    text = text.replace("<name>g</name>", "")
    assert storage(domain=text).users("/images/g.img") == ["g"]
    assert storage(domain=text).users("/images/other.img") == []
