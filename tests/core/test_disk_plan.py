"""What becomes of disks: properties over all mixtures, and sentences one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.storages import GIB
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.disk_plan import decide, switches
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate.errors import Side
from virtmigrate.plan import Level
from virtmigrate.sharing import Proof
from virtmigrate.storage import Image, Pool
from virtmigrate.volumes import Lack

TARGETS = ("vda", "vdb", "vdc")
KINDS = st.sampled_from(["", "logical"])
VOUCHABLE = ("sharing-unknown", "pool-missing", "pool-not-of-files")
POOL = Pool("images", "/images", 4 * GIB)


@st.composite
def proofs(draw, target):
    """What may be known of an image; None = it is no file of a pool."""
    sharing = draw(st.sampled_from(Sharing))
    backing = draw(st.sampled_from(["", "/images/base.img"]))
    image = Image(GIB, "qcow2", draw(st.sampled_from([None, 0, GIB])), backing)
    known = sharing is Sharing.SHARED or draw(st.booleans())
    pool = draw(st.sampled_from([POOL, Pool("small", "/small", 10), None]))
    base = backing and sharing is Sharing.NOT_SHARED and draw(st.booleans())
    lack = Lack(
        draw(st.sampled_from([Side.SOURCE, Side.DESTINATION])), "p", draw(KINDS)
    )
    lacking = sharing is not Sharing.SHARED and pool is None and draw(st.booleans())
    return Proof(
        sharing,
        "so it was seen",
        f"/images/{draw(st.sampled_from([target, 'same']))}.img",
        image if known else None,
        POOL if sharing is Sharing.SHARED else pool,
        taken=sharing is not Sharing.SHARED and draw(st.booleans()),
        base=("/images/base.img", "qcow2") if base else ("", ""),
        lacks=(lack,) if lacking else (),
    )


@st.composite
def disks(draw, target):
    kind = draw(st.sampled_from(["file"] * 3 + ["volume", "block", "network"]))
    return Disk(
        target=target,
        kind=kind,
        path=draw(st.sampled_from([f"/images/{target}.img"] * 4 + [""])),
        format="qcow2",
        read_only=draw(st.booleans()),
        shareable=draw(st.booleans()),
        removable=draw(st.booleans()),
    )


wishes = st.fixed_dictionaries(
    {},
    optional={
        "copy_storage": st.booleans(),
        "copy_storage_inc": st.booleans(),
        "unsafe": st.booleans(),
        "migrate_disks": st.lists(st.sampled_from([*TARGETS, "sdz"]), unique=True).map(
            tuple
        ),
    },
)


@st.composite
def decisions(draw):
    """Disks, what is known of them, what is asked for; and what was decided."""
    found = [draw(disks(t)) for t in draw(st.lists(st.sampled_from(TARGETS)))]
    found = list({disk.target: disk for disk in found}.values())
    known = {
        disk.target: draw(proofs(disk.target))
        for disk in found
        if disk.kind in ("file", "volume") and disk.path and draw(st.booleans())
    }
    options = Options(**draw(wishes))
    moves = draw(st.booleans())
    settled, findings = decide(
        found, known, options, moves=moves, vouch=draw(st.booleans())
    )
    return found, known, options, moves, settled, findings


def blocked(findings, target=None):
    """Whether something refuses the plan (for this disk)."""
    blockers = [f for f in findings if f.level is Level.BLOCKER]
    return [f.id for f in blockers if target in (None, f.subject)]


@requirement("disks.existence")
@given(decisions())
def test_what_exists_and_is_not_proven_is_never_made_nor_written(case):
    _, known, _, _, settled, findings = case
    for disk in settled:
        proof = known.get(disk.target)
        if disk.made and (proof is None or proof.taken or proof.pool is None):
            assert blocked(findings, disk.target)


@requirement("disks.right-thing")
@given(decisions())
def test_a_shared_disk_is_never_copied(case):
    *_, settled, _ = case
    for disk in settled:
        assert not (disk.copied and disk.sharing is Sharing.SHARED)
        assert disk.copied == disk.made


@requirement("disks.validate")
@given(decisions())
def test_each_disk_is_shared_copied_refused_or_told_of(case):
    _, _, options, moves, settled, findings = case
    for disk in settled:
        if disk.sharing is Sharing.SHARED or disk.copied:
            continue
        told = [f for f in findings if f.subject == disk.target]
        assert told, disk
        writable = not (disk.read_only or disk.removable)
        if moves and writable and not options.unsafe:
            assert blocked(findings, disk.target)
        if disk.sharing is Sharing.NOT_SHARED and moves and writable:
            assert blocked(findings, disk.target), "no --unsafe vouches for that"


@given(decisions())
def test_who_names_disks_gets_these_copied_and_no_others(case):
    _, _, options, _, settled, findings = case
    if options.migrate_disks is None:
        return
    copied = {disk.target for disk in settled if disk.copied}
    assert copied <= set(options.migrate_disks)
    if not blocked(findings):
        assert copied == set(options.migrate_disks)


@requirement("disks.empty-list")
@given(decisions())
def test_an_empty_list_of_disks_never_means_all(case):
    found, known, options, moves, *_ = case
    none = options.model_copy(update={"migrate_disks": ()})
    settled, _ = decide(found, known, none, moves=moves, vouch=True)
    assert not any(disk.copied for disk in settled)
    assert switches(settled, Options()) == {}


@given(decisions())
def test_what_refuses_says_what_to_do(case):
    *_, findings = case
    for finding in findings:
        assert finding.message
        assert finding.remedy or finding.level is Level.NOTE
        assert "--unsafe" not in finding.remedy or finding.id in VOUCHABLE


@given(decisions())
def test_no_two_copies_have_one_path(case):
    *_, settled, findings = case
    copies = [disk.there for disk in settled if disk.copied]
    if not blocked(findings):
        assert len(copies) == len(set(copies))


@given(decisions())
def test_copying_refused_copies_nothing(case):
    found, known, options, moves, *_ = case
    no = options.model_copy(update={"copy_storage": False, "copy_storage_inc": False})
    settled, _ = decide(found, known, no, moves=moves, vouch=True)
    assert not any(disk.copied for disk in settled)


@given(decisions())
def test_what_is_copied_is_asked_of_the_hypervisor(case):
    _, _, options, _, settled, _ = case
    asked = switches(settled, options)
    effective = options.model_copy(update=asked)
    if any(disk.copied for disk in settled):
        assert effective.copy_storage or effective.copy_storage_inc
    for disk in settled:
        assert (disk.way is Way.TOP_COPIED) == bool(disk.backing)
        if disk.backing:
            assert not options.copy_storage


# One by one.

PLAIN = Disk(target="vda", path="/images/vda.img")


def proof(sharing=Sharing.NOT_SHARED, pool=POOL, **more):
    image = more.pop("image", Image(GIB, "raw", GIB // 2))
    return Proof(sharing, "so it was seen", "/images/vda.img", image, pool, **more)


def ids(known=None, disk=PLAIN, *, moves=True, vouch=True, **asked):
    proofs = {"vda": known} if known else {}
    settled, findings = decide(
        [disk], proofs, Options(**asked), moves=moves, vouch=vouch
    )
    return settled[0], {f.id: f.level for f in findings}


@pytest.mark.parametrize(
    ("known", "disk", "asked", "found"),
    [
        (proof(), {}, {}, set()),
        (proof(Sharing.SHARED), {}, {}, set()),
        (proof(Sharing.SHARED), {}, {"copy_storage": True}, set()),
        (proof(Sharing.SHARED), {}, {"migrate_disks": ("vda",)}, {"copy-onto-itself"}),
        (proof(taken=True), {}, {}, {"would-be-overwritten"}),
        (proof(), {}, {"copy_storage": False}, {"disk-not-shared"}),
        (proof(), {}, {"migrate_disks": ()}, {"disk-left-out"}),
        (proof(), {}, {"migrate_disks": ("sda",)}, {"disk-left-out", "no-such-disk"}),
        (proof(), {"shareable": True}, {}, {"shareable-not-shared"}),
        (proof(), {"shareable": True}, {"migrate_disks": ("vda",)}, set()),
        (proof(), {"read_only": True}, {}, {"image-missing-there"}),
        (proof(taken=True), {"read_only": True}, {}, {"read-only-not-proven"}),
        (
            proof(),
            {"read_only": True, "removable": True, "optional": True},
            {},
            {"medium-dropped"},
        ),
        (proof(pool=None), {}, {}, {"no-pool-for-image"}),
        (proof(image=None), {}, {}, {"image-size-unknown"}),
        (proof(Sharing.UNKNOWN), {}, {}, {"sharing-unknown"}),
        (proof(Sharing.UNKNOWN), {}, {"unsafe": True}, {"sharing-vouched"}),
        (proof(Sharing.UNKNOWN), {}, {"migrate_disks": ("vda",)}, {"copied-on-word"}),
        (None, {"kind": "block"}, {}, {"sharing-unknown"}),
        (
            None,
            {"kind": "block"},
            {"migrate_disks": ("vda",), "unsafe": True},
            {"copy-impossible", "sharing-vouched"},
        ),
        (proof(Sharing.SHARED), {"kind": "block"}, {}, set()),
        (proof(), {"kind": "block"}, {}, {"device-not-shared"}),
        (proof(), {"kind": "block"}, {"unsafe": True}, {"device-not-shared"}),
        (proof(), {"kind": "block"}, {"copy_storage": False}, {"device-not-shared"}),
        (proof(), {"kind": "volume"}, {}, {"disk-not-shared"}),
        (None, {"kind": "network"}, {}, set()),
        (None, {"kind": "network", "own": True}, {}, {"sharing-unknown"}),
        (
            None,
            {"kind": "network", "own": True},
            {"unsafe": True},
            {"sharing-vouched"},
        ),
        (None, {"kind": "nvme", "path": "pci 0 1 0 0"}, {}, {"sharing-unknown"}),
        (None, {"path": ""}, {}, set()),
        (proof(pool=Pool("p", "/p", 10)), {}, {}, {"no-room"}),
        (proof(pool=Pool("p", "/p", GIB - 1)), {}, {}, {"no-room-to-grow"}),
    ],
)
@requirement("disks.validate")
def test_what_is_said_of_a_disk(known, disk, asked, found):
    _, said = ids(known, PLAIN.model_copy(update=disk), **asked)
    assert set(said) == found


def test_an_offline_move_leaves_disks_behind_and_says_so():
    disk, said = ids(proof(), moves=False)
    assert (disk.way, said) == (Way.STAYS, {"disk-left-behind": Level.WARNING})
    _, said = ids(proof(Sharing.UNKNOWN), moves=False)
    assert said == {"disk-left-behind": Level.WARNING}
    _, said = ids(proof(Sharing.SHARED), moves=False)
    assert said == {}


def test_unsafe_is_only_recommended_where_it_is_to_be_had():
    for vouch in (True, False):
        _, findings = decide(
            [PLAIN],
            {"vda": proof(Sharing.UNKNOWN)},
            Options(),
            moves=True,
            vouch=vouch,
        )
        assert ("--unsafe" in findings[0].remedy) is vouch


LAYERED = Image(GIB, "qcow2", 1000, "/images/base.img")


def test_the_top_layer_alone_is_copied_where_those_below_are_shared():
    known = proof(image=LAYERED, base=("/srv/base.img", "qcow2"))
    disk, said = ids(known)
    assert (disk.way, disk.backing, disk.backing_format) == (
        Way.TOP_COPIED,
        "/srv/base.img",
        "qcow2",
    )
    assert said == {}
    assert switches([disk], Options()) == {"copy_storage_inc": True}


def test_else_its_layers_become_one_image():
    disk, said = ids(proof(image=LAYERED))
    assert (disk.way, said) == (Way.COPIED, {"chain-flattened": Level.NOTE})
    _, said = ids(proof(image=LAYERED), copy_storage_inc=True)
    assert said == {"chain-not-shared": Level.BLOCKER}
    known = proof(image=LAYERED, base=("/images/base.img", "qcow2"))
    assert ids(known, copy_storage=True)[0].way is Way.COPIED


def test_copies_have_to_fit_all_together():
    found = [PLAIN, PLAIN.model_copy(update={"target": "vdb"})]
    pool = Pool("p", "/p", int(0.9 * GIB))
    known = {
        "vda": proof(pool=pool),
        "vdb": Proof(
            Sharing.NOT_SHARED, "", "/p/vdb.img", Image(GIB, "raw", GIB // 2), pool
        ),
    }
    _, findings = decide(found, known, Options(), moves=True, vouch=True)
    assert [f.id for f in findings] == ["no-room"]


def test_two_copies_of_one_name_are_refused():
    found = [PLAIN, PLAIN.model_copy(update={"target": "vdb", "path": "/b/vda.img"})]
    known = dict.fromkeys(("vda", "vdb"), proof())
    _, findings = decide(found, known, Options(), moves=True, vouch=True)
    assert blocked(findings) == ["copies-collide"]
