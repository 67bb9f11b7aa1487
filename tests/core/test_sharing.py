"""Two storages in memory, shared, apart or lying: what is concluded, what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.scripted import VirtualClock
from tests.core.storages import GIB, Directory, MemoryStorage, Mount, failing
from tests.requirements import requirement
from virtmigrate.disks import Sharing
from virtmigrate.errors import AnswerLost, HostError
from virtmigrate.sharing import DEEPEST, NONCE, STALE_S, TRUSTED_S, Known, Prover
from virtmigrate.storage import Image

PATH = "/images/guest.img"


def pair(here, there):
    """Both hosts' storage: mounts by pool name."""
    return MemoryStorage(**here), MemoryStorage(**there)


def shared(path="/images", **links):
    """One directory that both have; the destination at `path`."""
    nfs = Directory()
    nfs.put("guest.img")
    return nfs, *pair(
        {"images": Mount(nfs, "/images")}, {"images": Mount(nfs, path, links)}
    )


def apart(*there):
    """Directories of the same path: the source's has the image."""
    mine, yours = Directory(), Directory()
    mine.put("guest.img")
    for name in there:
        yours.put(name)
    return (
        mine,
        yours,
        *pair({"images": Mount(mine, "/images")}, {"images": Mount(yours, "/images")}),
    )


def prover(here, there, known=None):
    return Prover(here, there, ("host-a", "host-b"), known or Known(VirtualClock()))


def nonces(*directories):
    return [n for d in directories for n in d.files if n.startswith(NONCE)]


@requirement("disks.validate")
def test_what_was_seen_through_both_is_shared():
    nfs, here, there = shared()
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.there, proof.taken) == (Sharing.SHARED, PATH, False)
    assert "was seen in /images" in proof.evidence
    assert nonces(nfs) == []


@requirement("disks.validate")
def test_what_is_mounted_elsewhere_is_found_there():
    _, here, there = shared("/srv/nfs")
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.there) == (Sharing.SHARED, "/srv/nfs/guest.img")


def test_what_is_not_there_is_not_shared_and_can_be_made():
    mine, yours, here, there = apart()
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.there, proof.taken) == (
        Sharing.NOT_SHARED,
        PATH,
        False,
    )
    assert proof.pool.path == "/images"
    assert proof.image.capacity_bytes == GIB
    assert nonces(mine, yours) == []


@requirement("disks.existence")
def test_another_file_of_the_same_path_is_taken_and_not_shared():
    *_, here, there = apart("guest.img")
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, True)


@requirement("disks.existence")
def test_a_name_that_leads_to_another_file_is_not_shared():
    mine = Directory()
    mine.put("guest.img")
    _, here, there = shared("/images", **{"guest.img": mine})
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, True)
    assert "a link" in proof.evidence


@requirement("disks.existence")
def test_a_link_that_leads_nowhere_counts_as_taken():
    _, here, there = shared("/images", **{"guest.img": Directory()})
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, True)


def test_a_file_that_is_written_to_meanwhile_is_still_the_same():
    nfs, here, there = shared()
    here.at["look"].append(lambda name: name == "guest.img" and nfs.write(name))
    assert prover(here, there).prove(PATH).sharing is Sharing.SHARED


def test_another_file_is_not_taken_for_it_while_the_guest_writes():
    mine = Directory()
    mine.put("guest.img")
    nfs, here, there = shared("/images", **{"guest.img": mine})
    here.at["look"].append(lambda name: name == "guest.img" and nfs.write(name))
    assert prover(here, there).prove(PATH).sharing is Sharing.NOT_SHARED


@pytest.mark.parametrize("broken", ["look", "pools"])
def test_the_nonce_goes_also_when_the_destination_raises(broken):
    nfs, here, there = shared()
    there.at[broken].append(failing(AnswerLost("no answer")))
    with pytest.raises(HostError):
        prover(here, there).prove(PATH)
    assert nonces(nfs) == []


def test_the_nonce_goes_also_when_its_making_was_not_answered():
    nfs, here, there = shared()
    here.at["made"].append(failing(AnswerLost("no answer")))
    with pytest.raises(AnswerLost):
        prover(here, there).prove(PATH)
    assert nonces(nfs) == []


def test_a_file_of_the_nonces_name_is_not_touched():
    nfs, here, there = shared()
    here.at["make"].append(nfs.put)
    with pytest.raises(HostError, match="already"):
        prover(here, there).prove(PATH)
    assert here.named("delete") == []


def test_what_a_killed_controller_left_is_swept_and_nothing_else():
    nfs, here, there = shared()
    known = Known(VirtualClock())
    old = f"{NONCE}{int(known.clock.wall() - STALE_S - 1)}-aa"
    young = f"{NONCE}{int(known.clock.wall())}-bb"
    alike = [f"{NONCE}old-aa", f"{NONCE}17", "virtmigrate-proof.img"]
    for name in (old, young, *alike):
        nfs.put(name)
    prover(here, there, known).prove(PATH)
    assert set(nfs.files) == {"guest.img", young, *alike}


def test_a_proof_of_directories_counts_for_a_while_but_files_are_asked_each_time():
    nfs, here, there = shared()
    nfs.put("other.img")
    known = Known(VirtualClock())
    for path in (PATH, "/images/other.img"):
        assert prover(here, there, known).prove(path).sharing is Sharing.SHARED
    assert len(here.named("make")) == 1
    del nfs.files["other.img"]
    gone = prover(here, there, known).prove("/images/other.img")
    assert gone.sharing is Sharing.NOT_SHARED
    known.clock.sleep(TRUSTED_S + 1)
    prover(here, there, known).prove(PATH)
    assert len(here.named("make")) == 2


def test_the_proof_of_one_pair_is_none_of_another():
    _, here, there = shared()
    known = Known(VirtualClock())
    prover(here, there, known).prove(PATH)
    *_, other = apart("guest.img")
    elsewhere = Prover(here, other, ("host-a", "host-c"), known)
    assert elsewhere.prove(PATH).sharing is Sharing.NOT_SHARED


def test_that_nothing_is_shared_is_not_remembered():
    mine, _, here, there = apart()
    known = Known(VirtualClock())
    prover(here, there, known).prove(PATH)
    there.mounts["images"] = Mount(mine, "/images")
    assert prover(here, there, known).prove(PATH).sharing is Sharing.SHARED


def test_without_a_pool_nothing_is_known_but_what_is_taken_is_seen():
    _, here, there = shared()
    proof = prover(MemoryStorage(), there).prove(PATH)
    assert (proof.sharing, proof.image, proof.taken) == (Sharing.UNKNOWN, None, True)
    assert "no storage pool of /images" in proof.evidence
    proof = prover(here, MemoryStorage()).prove(PATH)
    assert (proof.sharing, proof.pool) == (Sharing.UNKNOWN, None)


def test_a_copy_goes_to_the_pool_of_the_same_name():
    mine, yours = Directory(), Directory()
    mine.put("guest.img")
    here, there = pair({"images": Mount(mine, "/a")}, {"images": Mount(yours, "/b")})
    proof = prover(here, there).prove("/a/guest.img")
    assert (proof.there, proof.pool.path) == ("/b/guest.img", "/b")


def test_a_wish_that_no_pool_holds_has_no_pool():
    *_, here, there = apart()
    proof = prover(here, there).prove(PATH, "/elsewhere/guest.img")
    assert (proof.there, proof.pool) == ("/elsewhere/guest.img", None)


def test_a_wish_for_another_place_is_no_sharing_even_where_all_is_shared():
    nfs, here, there = shared()
    proof = prover(here, there).prove(PATH, "/images/copy.img")
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, False)
    nfs.put("copy.img")
    assert prover(here, there).prove(PATH, "/images/copy.img").taken


# Layers.


def layered(*, base_there, top_there="/images"):
    """A top layer in /images over /base/base.img; its directories are given."""
    top, base = Directory(), Directory()
    base.put("base.img", Image(GIB, "qcow2"))
    top.put("guest.img", Image(GIB, "qcow2", backing="/base/base.img"))
    mine, yours = Mount(top, "/images"), Mount(Directory(), "/images")
    here = {"images": mine, "base": Mount(base, "/base")}
    there = {"images": yours if top_there is None else Mount(top, top_there)}
    if base_there is not None:
        there["base"] = Mount(base, base_there)
    return pair(here, there)


def test_a_layer_that_both_share_is_the_base_of_a_copied_top():
    here, there = layered(base_there="/base", top_there=None)
    proof = prover(here, there).prove(PATH)
    assert proof.sharing is Sharing.NOT_SHARED
    assert proof.base == ("/base/base.img", "qcow2")


def test_it_is_so_where_it_is_mounted_elsewhere_too():
    here, there = layered(base_there="/srv", top_there=None)
    assert prover(here, there).prove(PATH).base == ("/srv/base.img", "qcow2")


def test_a_layer_that_is_not_shared_is_no_base():
    here, there = layered(base_there=None, top_there=None)
    assert prover(here, there).prove(PATH).base == ("", "")


@requirement("disks.validate")
def test_an_image_is_shared_only_with_what_is_under_it():
    here, there = layered(base_there="/base")
    assert prover(here, there).prove(PATH).sharing is Sharing.SHARED
    here, there = layered(base_there=None)
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, True)
    assert "/base/base.img under it" in proof.evidence


@requirement("disks.validate")
def test_what_is_under_it_has_to_be_where_its_header_says():
    here, there = layered(base_there="/srv")
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.NOT_SHARED, True)


def test_what_is_under_it_may_be_unknown():
    here, there = layered(base_there="/base")
    del here.mounts["base"]
    proof = prover(here, there).prove(PATH)
    assert (proof.sharing, proof.taken) == (Sharing.UNKNOWN, True)


@pytest.mark.parametrize("together", [True, False])
def test_layers_that_lead_to_themselves_come_to_an_end(together):
    top = Directory()
    top.put("guest.img", Image(GIB, "qcow2", backing=PATH))
    other = top if together else Directory()
    here, there = pair(
        {"images": Mount(top, "/images")}, {"images": Mount(other, "/images")}
    )
    proof = prover(here, there).prove(PATH)
    assert proof.sharing is (Sharing.UNKNOWN if together else Sharing.NOT_SHARED)
    assert proof.base == ("", "")


def test_a_chain_of_many_layers_is_followed():
    nfs = Directory()
    nfs.put("0.img", Image(GIB, "qcow2"))
    for number in range(1, DEEPEST + 2):
        under = f"/images/{number - 1}.img"
        nfs.put(f"{number}.img", Image(GIB, "qcow2", backing=under))
    mounts = {"images": Mount(nfs, "/images")}
    here, there = pair(mounts, dict(mounts))
    known = prover(here, there)
    assert known.prove(f"/images/{DEEPEST}.img").sharing is Sharing.SHARED
    assert known.prove(f"/images/{DEEPEST + 1}.img").sharing is Sharing.UNKNOWN


def test_a_host_that_tells_no_times_is_believed_in_a_proven_directory():
    nfs, here, there = shared()
    nfs.files["guest.img"] = replace(nfs.files["guest.img"], changed_ns=None)
    assert prover(here, there).prove(PATH).sharing is Sharing.SHARED
