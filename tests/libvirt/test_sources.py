"""What a disk's source names, and whether that is the same from every host."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.requirements import requirement
from virtmigrate.disks import Sharing
from virtmigrate_libvirt.disks import disks_of
from virtmigrate_libvirt.xml import parse

DOMAIN = """<domain><name>g</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
<devices><disk type='{kind}'>{source}<target dev='vda'/></disk></devices></domain>"""
RBD = "<source protocol='rbd' name='p/i'>{}</source>"
NBD = "<source protocol='nbd'>{}</source>"
ADDRESS = "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"


@pytest.mark.parametrize(
    ("kind", "source", "named", "own"),
    [
        ("network", RBD.format("<host name='mon.example'/>"), "p/i", False),
        ("network", RBD.format(""), "p/i", True),
        ("network", NBD.format("<host name='srv'/>"), "nbd://srv", False),
        ("network", NBD.format("<host name='localhost'/>"), "nbd://localhost", True),
        ("network", NBD.format("<host name='127.0.0.9'/>"), "nbd://127.0.0.9", True),
        ("network", NBD.format("<host name='::1'/>"), "nbd://::1", True),
        (
            "network",
            NBD.format("<host transport='unix' socket='/run/s'/>"),
            "nbd:///run/s",
            True,
        ),
        (
            "nvme",
            f"<source type='pci' namespace='1'>{ADDRESS}</source>",
            "pci 0x0000 0x01 0x00 0x0",
            False,
        ),
        ("vhostuser", "<source type='unix' path='/run/v'/>", "/run/v", False),
        ("file", "<source file='/i/g.img'/>", "/i/g.img", False),
        ("file", "", "", False),
    ],
)
@requirement("disks.validate")
def test_what_a_source_names(kind, source, named, own):
    """Nothing but an empty drive is empty, and so taken for the same on both hosts."""
    (disk,) = parse(DOMAIN.format(kind=kind, source=source)).disks()
    assert (disk.source, disk.own) == (named, own)


SERVED = RBD.format("<host name='{}' port='6789'/>")
FILE = "<source file='/i/g.img'/>"


@pytest.mark.parametrize(
    ("here", "there", "kind", "own"),
    [
        (("network", SERVED.format("a")), ("network", SERVED.format("a")), "", False),
        (
            ("network", SERVED.format("a")),
            ("network", SERVED.format("b")),
            "network",
            True,
        ),
        (("network", SERVED.format("a")), ("file", FILE), "network", True),
        (("file", FILE), ("network", SERVED.format("a")), "network", True),
        (("file", FILE), ("file", FILE), "", False),
    ],
)
@requirement("disks.validate")
def test_another_source_in_the_callers_document_is_proven_by_nothing(
    here, there, kind, own
):
    """Neither taken for the same, nor compared with a file of the old path."""
    texts = [DOMAIN.format(kind=k, source=source) for k, source in (here, there)]
    request = SimpleNamespace(
        definitions=SimpleNamespace(live=texts[0], persistent=None),
        options=SimpleNamespace(dest_xml=texts[1]),
    )
    (disk,) = disks_of(request)
    assert (disk.kind, disk.own) == (kind or here[0], own)
    assert disk.sharing is Sharing.UNKNOWN
    assert bool(disk.evidence) is own
