"""What a vz host would refuse once perform has begun is told before, with a remedy."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from tests.vz.conftest import OWN, SHARED, content, pool
from tests.vz_host.conftest import virsh
from virtmigrate import Outcome
from virtmigrate.errors import Side
from virtmigrate.plan import Level

PCI = (
    "<hostdev mode='subsystem' type='pci'><source>"
    "<address domain='0' bus='3' slot='0' function='0'/></source></hostdev>"
)
REMOTE = (
    "<disk type='block' device='cdrom'><source dev='/dev/sr0'/>"
    "<target dev='sdz' bus='sata'/><readonly/></disk>"
)
MEDIUM = (
    f"<disk type='file' device='cdrom'><source file='{OWN}'/>"
    "<target dev='sdz' bus='sata'/><readonly/></disk>"
)
UUID = "0f9d3a52-4a14-5a07-8d0b-1f0a6c3e2d11"


class Stage:
    """Two hosts and what is needed to spoil them."""

    def __init__(self, move, furnish, image):
        self.move, self.furnish, self.image = move, furnish, image
        self.a, self.b = move.hosts["a"], move.hosts["b"]


@pytest.fixture
def stage(move, furnish, image):
    return Stage(move, furnish, image)


def few_cpus(stage):
    stage.furnish(vcpus=4)
    stage.b.control(hardware={"cpus": 2})


def little_memory(stage):
    stage.furnish(memory_mib=64)
    stage.b.control(hardware={"memory_kib": 32 << 10})


def no_containers(stage):
    stage.furnish(container=True)
    stage.b.control(hardware={"kinds": ["hvm"]})


def no_machines(stage):
    stage.furnish()
    stage.b.control(hardware={"kinds": ["exe"]})


def other_vendor(stage):
    stage.furnish()
    stage.b.control(hardware={"vendor": "AMD", "model": "EPYC"})


def pci(stage):
    stage.furnish(devices=PCI)


def remote_cd(stage):
    stage.furnish(devices=REMOTE)


def home(stage):
    stage.furnish(uuid=UUID)
    pool(stage.b, "homes", "/vz/vmprivate")
    stage.b.file(f"/vz/vmprivate/{UUID}").mkdir()


def registered(stage):
    stage.furnish()
    stage.furnish(host="b", run=False)


def name_taken(stage):
    stage.furnish()
    stage.furnish(host="b", run=False, uuid=UUID)


def runs_there(stage):
    stage.furnish()
    stage.furnish(host="b")


def no_pool(stage):
    stage.furnish(disks=(stage.image(OWN),))
    virsh(stage.b, "pool-destroy", "images")


def no_pool_here(stage):
    stage.furnish(disks=(stage.image(OWN),))
    virsh(stage.a, "pool-destroy", "images")


def overwritten(stage):
    stage.furnish(disks=(stage.image(OWN),))
    stage.b.file(OWN).write_bytes(b"somebody else's")


def gone(stage):
    stage.furnish(disks=(OWN,))


def no_room(stage):
    stage.furnish(disks=(stage.image(OWN, 1 << 20),))
    stage.b.control(store={"room_bytes": 1 << 19})


def elsewhere(stage):
    stage.furnish(disks=(stage.image(SHARED),))
    virsh(stage.b, "pool-destroy", "shared")
    stage.b.control(store={"mounts": {"/mnt": "shared"}})
    pool(stage.b, "all", "/mnt/images")


def medium(stage):
    stage.image(OWN)
    stage.furnish(devices=MEDIUM)


HERE, THERE, BOTH = Side.SOURCE, Side.DESTINATION, Side.BOTH
BLOCKERS = (
    (few_cpus, THERE, "the guest has 4 CPUs, and vz-b has 2", "larger host"),
    (little_memory, THERE, "64 MiB of memory, and vz-b has 32 in all", "larger host"),
    (no_containers, THERE, "vz-b runs no containers", "a host that runs containers"),
    (no_machines, THERE, "vz-b runs no virtual machines", "runs virtual machines"),
    (other_vendor, THERE, "CPUs of Intel", "--no-live"),
    (pci, HERE, "a PCI device of the host is passed through", "detach it"),
    (remote_cd, HERE, "sdz is connected to /dev/sr0", "change-media g sdz --eject"),
    (home, THERE, f"the home /vz/vmprivate/{UUID} exists", "prlctl register"),
    (registered, THERE, "of this UUID is registered", "undefine the one there"),
    (name_taken, THERE, "another guest is called g there", "--dname"),
    (runs_there, THERE, "a guest of the same UUID is running", "stop the other"),
    (no_pool, THERE, "no storage pool there has /vz/images", "pool-define-as"),
    (no_pool_here, BOTH, "whether both hosts share", "pool-define-as"),
    (overwritten, THERE, "it would be overwritten", "move it away"),
    (gone, HERE, "how big /vz/images/g.img is can't be asked", "define a storage pool"),
    (no_room, THERE, "the copies need 1,048,576 bytes", "make room"),
    (elsewhere, THERE, "would be /mnt/images/g.img there", "at /shared/images there"),
    (medium, THERE, "what a guest only reads is not copied", "put it there"),
)
"""What is provoked, its side, words of its message, words of its remedy."""
IDS = [row[0].__name__ for row in BLOCKERS]
SILENT = frozenset({little_memory, no_pool, no_pool_here, overwritten, gone})
"""Not refused by the dispatcher itself: it would fail otherwise, or write over it."""


@requirement("vz.blockers")
@pytest.mark.parametrize(("spoil", "side", "message", "remedy"), BLOCKERS, ids=IDS)
def test_it_is_told_before_with_side_and_remedy(stage, spoil, side, message, remedy):
    spoil(stage)
    before = stage.move.where()
    errors = [e for e in stage.move.errors() if message in e.message]
    assert [error.side for error in errors] == [side], stage.move.refusals()
    assert remedy in (errors[0].remedy or "")
    assert stage.move.where() == before
    assert stage.a.control()["jobs"] == {}


@requirement("vz.blockers")
@pytest.mark.parametrize(
    "spoil",
    [row[0] for row in BLOCKERS if row[0] not in SILENT],
    ids=lambda s: s.__name__,
)
def test_the_dispatcher_would_have_refused_it(stage, spoil):
    """So the blocker is a real one: stock virsh runs into it, in the middle."""
    spoil(stage)
    before = stage.move.where()
    said = virsh(stage.a, "migrate", "--live", "g", stage.b.uri)
    assert said.code != 0
    assert stage.move.where() == before


@requirement("vz.blockers")
def test_several_are_told_at_once(stage):
    stage.furnish(
        vcpus=4, memory_mib=64, uuid=UUID, disks=(stage.image(OWN),),
        devices=PCI + REMOTE,
    )  # fmt: skip
    hardware = {"cpus": 2, "memory_kib": 32 << 10, "vendor": "AMD", "kinds": ["exe"]}
    stage.b.control(hardware=hardware, store={"room_bytes": 1 << 10})
    pool(stage.b, "homes", "/vz/vmprivate")
    stage.b.file(f"/vz/vmprivate/{UUID}").mkdir()
    stage.furnish(host="b", run=False)
    virsh(stage.b, "vol-create-as", "images", "g.img", "64K")
    texts = stage.move.refusals(migrate_uri="vzmigr://vz-b/", bandwidth_mib_s=5)
    for words in (
        "4 CPUs", "32 in all", "no virtual machines", "CPUs of Intel", "PCI device",
        "/dev/sr0", "the home", "is called g there", "overwritten", "the copies need",
        "is no address", "can't be limited",
    ):  # fmt: skip
        assert any(words in text for text in texts), words


def test_cpus_that_may_not_fit_are_warned_of(stage):
    stage.furnish()
    stage.b.control(hardware={"model": "Broadwell"})
    assert stage.move.found(Level.WARNING) == ["cpu-may-not-fit"]
    assert stage.move.found(Level.WARNING, live=False) == []
    assert stage.move().succeeded


@pytest.mark.parametrize("how", ["coma", "paused", "stopped"])
def test_cpus_matter_only_to_what_goes_on_at_once(stage, how):
    other_vendor(stage)
    words = {"paused": ["suspend"], "stopped": ["destroy"]}.get(how, [])
    for word in words:
        assert virsh(stage.a, word, "g").code == 0
    result = stage.move(live=False if how == "coma" else None)
    assert result.outcome is Outcome.SUCCEEDED, result


def test_images_within_the_home_need_it_there(stage):
    directory = f"/vz/vmprivate/{UUID}"
    path = f"{directory}/harddisk.hdd"
    for host in (stage.a, stage.b):
        pool(host, "homes", "/vz/vmprivate")
        pool(host, "home", directory)
    stage.a.file(path).write_bytes(content(1 << 16))
    stage.furnish(uuid=UUID, disks=(path,))
    assert stage.move().succeeded
    assert stage.b.file(path).read_bytes() == content(1 << 16)
