"""Images: made before the driver asks for them, and never written over."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from tests.vz_host.conftest import virsh
from virtmigrate import Outcome

OWN, SHARED = "/vz/images/g.img", "/shared/images/g.img"


@pytest.fixture
def image(hosts):
    """Make an image on vz-a."""

    def make(path, text=b"what the guest wrote"):
        pool, name = path.split("/")[1:3], path.rpartition("/")[2]
        pool = "shared" if pool[0] == "shared" else "images"
        assert virsh(hosts["a"], "vol-create-as", pool, name, "64K").code == 0
        hosts["a"].file(path).write_bytes(text)
        return path

    return make


def volumes(host, pool="images"):
    return virsh(host, "vol-list", pool).out


@requirement("vz.images")
def test_an_own_disk_is_made_there_and_moves(move, furnish, image):
    furnish(disks=(image(OWN),))
    assert move().succeeded
    assert move.hosts["b"].file(OWN).read_bytes() == b"what the guest wrote"
    assert not move.hosts["a"].file(OWN).exists()


def test_a_shared_disk_stays(move, furnish, image):
    furnish(disks=(image(SHARED),))
    assert move().succeeded
    assert move.hosts["a"].file(SHARED).read_bytes() == b"what the guest wrote"
    assert volumes(move.hosts["a"], "shared").count("g.img") == 2, "name and path"
    assert "virtmigrate-proof" not in volumes(move.hosts["b"], "shared")


def test_a_file_at_the_same_path_is_no_proof(move, furnish, image):
    furnish(disks=(image(OWN),))
    virsh(move.hosts["b"], "vol-create-as", "images", "g.img", "64K")
    move.hosts["b"].file(OWN).write_bytes(b"somebody else's")
    (text,) = move.refusals()
    assert f"{OWN} exists there already" in text
    assert "is not the same storage: it would be overwritten" in text
    assert move.hosts["b"].file(OWN).read_bytes() == b"somebody else's"
    assert "virtmigrate-proof" not in volumes(move.hosts["a"])


@requirement("vz.images")
def test_where_no_pool_has_the_directory_it_is_refused(move, furnish):
    furnish(disks=("/elsewhere/g.img",))
    (text,) = move.refusals()
    assert "/elsewhere/g.img must exist there before" in text
    assert "define a pool with the target path /elsewhere" in text


def test_what_has_gone_at_the_source_is_refused(move, furnish):
    furnish(disks=(OWN,))
    (text,) = move.refusals()
    assert "can't be asked" in text


@requirement("lost.run-state")
@pytest.mark.parametrize("phase", ["prepare", "perform"])
def test_what_was_made_is_taken_back(move, furnish, image, phase):
    furnish(disks=(image(OWN),))
    host = move.hosts["b" if phase == "prepare" else "a"]
    host.fault(phase, text="no")
    assert move().outcome is Outcome.ROLLED_BACK
    assert volumes(move.hosts["b"]) == ""
    assert move.hosts["a"].file(OWN).exists()
    assert move().succeeded
