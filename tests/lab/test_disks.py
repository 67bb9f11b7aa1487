"""Disks on real hosts: what is shared stays, what is not is copied, nothing is lost."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.lab.test_recover import killed_at, recover
from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.disks import Sharing, Way
from virtmigrate.errors import Refused, leaves
from virtmigrate.events import StepStarted
from virtmigrate.policy import When
from virtmigrate.presets import DEFAULT, PRESETS
from virtmigrate_lab.pools import POOLS

pytestmark = pytest.mark.lab

MIB = 1 << 20
LOCAL, SHARED = "local:32:qcow2", "shared:8"
WRITES = {"disk_rate_mib_s": 4, "memory_mib": 32}
REALLY_SHARED = ("shared", "remount", "symlink")


def files(rig, host, pool="local"):
    """Names of what is in a pool."""
    return sorted(path.name for path in rig.lab.pool_path(host, pool).iterdir())


def everything(rig):
    """All that is in all pools of both hosts."""
    return {(host, pool): files(rig, host, pool) for host in "ab" for pool in POOLS}


def refusals(rig, guest, here, there, **options):
    """Words of each finding that refuses the move."""
    with pytest.raises(ExceptionGroup) as caught:
        rig.migrator.plan(guest, here, there, Options.checked(options))
    return [error for error in leaves(caught.value) if isinstance(error, Refused)]


def sound(rig, guest, host, since):
    """The guest runs there alone, and its memory and disks hold what they must."""
    rig.runs_only_on(host, guest, since)
    assert rig.lab.guest_check(guest).disks
    rig.lab.hosts[host].virsh("suspend", guest)
    problems = [p for report in rig.lab.disks_check(guest) for p in report.problems]
    rig.lab.hosts[host].virsh("resume", guest)
    assert problems == []


@pytest.mark.parametrize("there", ["b", "a"])
@pytest.mark.parametrize("pool", list(POOLS))
@requirement("disks.validate")
def test_sharing_is_proven_whatever_paths_look_like(rig, guest_name, pool, there):
    """In both directions, with nothing left of the proof."""
    here = "a" if there == "b" else "b"
    rig.lab.guest_start(guest_name, host=here, memory_mib=16, disks=[f"{pool}:4"])
    before = everything(rig)
    uris = {"a": rig.a, "b": rig.b}
    plan = rig.migrator.plan(guest_name, uris[here], uris[there])
    (disk,) = plan.disks
    shared = pool in REALLY_SHARED
    assert (disk.sharing is Sharing.SHARED) is shared
    assert disk.way is (Way.STAYS if shared else Way.COPIED)
    assert disk.there.startswith(f"{rig.lab.pool_target(there, pool)}/")
    assert disk.evidence
    assert everything(rig) == before


@pytest.mark.parametrize("pool", ["local", "lying", "crossed", "case"])
@requirement("disks.existence")
def test_a_file_of_the_same_name_is_no_proof_and_never_used(rig, guest_name, pool):
    rig.lab.guest_start(guest_name, memory_mib=16, disks=[f"{pool}:4"])
    name = f"{guest_name}-hda.raw"
    other = rig.lab.pool_path("b", pool) / name
    other.write_bytes(b"precious" * 512)
    (error,) = refusals(rig, guest_name, rig.a, rig.b)
    assert error.side == "destination"
    assert "would be overwritten" in error.message
    assert error.remedy
    assert other.read_bytes() == b"precious" * 512


@requirement("disks.existence")
def test_a_link_of_the_same_name_to_another_file_is_no_proof(rig, guest_name):
    """The directory is shared, and what the name leads to is each host's own."""
    rig.lab.guest_start(guest_name, memory_mib=16, disks=["local:4"])
    name = f"{guest_name}-hda.raw"
    link = rig.lab.pool_path("a", "shared") / name
    link.symlink_to(f"../images/{name}")
    (rig.lab.pool_path("b", "local") / name).write_bytes(bytes(4 * MIB))
    a = rig.lab.hosts["a"]
    local, shared = (rig.lab.pool_target("a", pool) for pool in ("local", "shared"))
    text = a.virsh("dumpxml", "--inactive", guest_name)
    rig.lab.hosts["a"].virsh("destroy", guest_name)
    path = rig.lab.state_dir / "through-a-link.xml"
    moved = text.replace(f"{local}/{name}", f"{shared}/{name}")
    path.write_text(moved, encoding="utf-8")
    a.virsh(f"define {path}; start {guest_name}")
    (error,) = refusals(rig, guest_name, rig.a, rig.b)
    assert "would be overwritten" in error.message


@requirement("disks.right-thing")
def test_shared_stays_and_local_is_copied_there_and_back_under_writes(rig, guest_name):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=[SHARED, LOCAL], **WRITES)
    shared = rig.lab.pool_path("a", "shared") / f"{guest_name}-hda.raw"
    inode = shared.stat().st_ino
    result = rig.move(guest_name, remove_source_disks=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert not result.warnings, result
    assert (files(rig, "a"), files(rig, "b")) == ([], [f"{guest_name}-hdb.qcow2"])
    sound(rig, guest_name, "b", began)
    result = rig.move(guest_name, back=True, remove_source_disks=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert (files(rig, "a"), files(rig, "b")) == ([f"{guest_name}-hdb.qcow2"], [])
    assert shared.stat().st_ino == inode
    sound(rig, guest_name, "a", began)


@pytest.mark.parametrize(
    "options",
    [{"p2p": True}, {"live": False}, {"copy_storage_synchronous_writes": True}],
    ids=["p2p", "coma", "synchronous"],
)
@requirement("disks.silly")
def test_copied_in_every_form_and_the_source_keeps_its_own(rig, guest_name, options):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=["local:16"], **WRITES)
    result = rig.move(guest_name, **options)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert files(rig, "a") == files(rig, "b") == [f"{guest_name}-hda.raw"]
    sound(rig, guest_name, "b", began)


def with_lag_of(seconds):
    """The default policy, less patient with a mirror that gains nothing."""
    usual = PRESETS[DEFAULT]
    rules = tuple(
        rule.model_copy(update={"when": When(mirror_lags_s=seconds)})
        if rule.id == "mirror-lags"
        else rule
        for rule in usual.rules
    )
    assert rules != usual.rules
    return usual.model_copy(update={"rules": rules})


@requirement("disks.again")
def test_what_is_written_faster_than_the_link_carries_gets_there_at_second_try(
    rig, guest_name
):
    """And holds what it must, by the guest's own word and by what lies outside."""
    began = rig.lab.now()
    rig.lab.guest_start(
        guest_name,
        disks=["local:32"],
        memory_mib=32,
        disk_rate_mib_s=32,
        disk_working_set_mib=24,
    )
    rig.lab.guest_check(guest_name)
    rig.lab.link_rate(10)
    ends = (guest_name, rig.a, rig.b)
    result = rig.migrator.migrate(*ends, policy=with_lag_of(8.0))
    rig.lab.link_rate(None)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.effective.copy_storage_synchronous_writes is True
    first, last = (e.result for e in rig.watch.events if e.kind == "ended")
    assert (first.outcome, first.fired.limit) == (Outcome.ROLLED_BACK, "mirror_lags")
    assert last.migration == result.migration
    assert any(first.migration in text for text in result.warnings)
    assert files(rig, "b") == [f"{guest_name}-hda.raw"]
    sound(rig, guest_name, "b", began)


@requirement("disks.writes")
def test_what_is_written_to_a_disk_is_measured_and_told(rig, guest_name):
    """A bandwidth that is named is the link that is known."""
    rig.lab.guest_start(
        guest_name, disks=[SHARED, LOCAL], disk_rate_mib_s=6, memory_mib=32
    )
    rig.lab.guest_check(guest_name)
    ends, narrow = (guest_name, rig.a, rig.b), Options(bandwidth_mib_s=8)
    plan = rig.migrator.plan(*ends, narrow, measure_s=3)
    written = dict(plan.workload.disk_writes)
    assert written.keys() == {"hda", "hdb"}
    for rate in written.values():
        assert 3 * MIB < rate < 9 * MIB
    row = plan.settlement["copy_storage_synchronous_writes"]
    assert (row.asked, row.effective) == (None, True)
    assert "to what is copied, and the link has 8 MiB/s" in row.why
    assert any("disk writes: " in line for line in plan.forecast.basis)


@requirement("disks.paths")
def test_a_shared_pool_under_another_path_changes_the_definitions(rig, guest_name):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=["remount:8"], **WRITES)
    assert rig.move(guest_name).succeeded
    b, path = rig.lab.hosts["b"], rig.lab.pool_target("b", "remount")
    for words in ("dumpxml", "dumpxml --inactive"):
        assert f"{path}/{guest_name}-hda.raw" in b.virsh(f"{words} {guest_name}")
    sound(rig, guest_name, "b", began)


@requirement("disks.silly")
def test_a_chain_becomes_one_image_and_holds_the_same(rig, guest_name):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=["local:16:qcow2+base"], **WRITES)
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    assert "chain-flattened" in [finding.id for finding in plan.findings]
    assert rig.move(guest_name).succeeded
    assert files(rig, "b") == [f"{guest_name}-hda.qcow2"]
    sound(rig, guest_name, "b", began)


@requirement("disks.vouched")
def test_what_is_proven_needs_no_word_of_the_user(rig, guest_name):
    """libvirt alone refuses it: it takes the lab's file system for a local one."""
    rig.lab.guest_start(guest_name, disks=["shared:4"], memory_mib=16)
    words = ["migrate", "--live", "--persistent", guest_name, rig.b]
    with pytest.raises(Exception, match=r"[Uu]nsafe"):
        rig.lab.hosts["a"].virsh(*words)
    assert rig.move(guest_name).succeeded


def cancelled(rig, guest):
    """Cancel in the middle of the copy."""
    handle = rig.start(guest)
    rig.watch.transferring()
    handle.cancel()
    return handle.wait()


def filled_up(rig, guest):
    """Fill the destination's file system once the images were made."""
    big = rig.lab.pool_path("b", "tiny") / "big"

    def fill(event):
        if isinstance(event, StepStarted) and event.step == "prepare":
            with big.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass

    rig.migrator._sinks = (*rig.migrator._sinks, fill)
    try:
        return rig.move(guest)
    finally:
        big.unlink()
        rig.migrator._sinks = rig.migrator._sinks[:-1]


@pytest.mark.parametrize(("pool", "what"), [("local", cancelled), ("tiny", filled_up)])
@requirement("recover.disks-kept")
def test_a_move_that_fails_leaves_nothing_over_and_can_be_tried_again(
    rig, guest_name, pool, what
):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=[SHARED, f"{pool}:16"], **WRITES)
    rig.lab.guest_check(guest_name)
    before = everything(rig)
    result = what(rig, guest_name)
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert everything(rig) == before
    sound(rig, guest_name, "a", began)
    rig.lab.link_rate(None)
    assert rig.move(guest_name).succeeded
    sound(rig, guest_name, "b", began)


@requirement("recover.disks-kept")
def test_what_appears_there_meanwhile_is_not_touched(rig, guest_name):
    """And once somebody has moved it away, it works."""
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=[SHARED, "local:8"], **WRITES)
    other = rig.lab.pool_path("b", "local") / f"{guest_name}-hdb.raw"

    def appear(event):
        if isinstance(event, StepStarted) and event.step == "make_disks":
            other.write_bytes(b"precious" * 512)

    sinks = rig.migrator._sinks
    rig.migrator._sinks = (*sinks, appear)
    result = rig.move(guest_name)
    rig.migrator._sinks = sinks
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert "exists there by now" in result.faults[0].message
    assert other.read_bytes() == b"precious" * 512
    sound(rig, guest_name, "a", began)
    other.unlink()
    assert rig.move(guest_name).succeeded
    sound(rig, guest_name, "b", began)


@pytest.mark.parametrize("step", ["make_disks", "perform"])
@requirement("recover.disks-kept")
def test_a_killed_controller_leaves_nothing_over(rig, guest_name, tmp_path, step):
    began = rig.lab.now()
    state = tmp_path / "state"
    rig.lab.guest_start(guest_name, disks=[SHARED, "local:16"], **WRITES)
    before = everything(rig)
    migration = killed_at(rig, guest_name, state, "step-started", step)
    done, result = recover(rig, state, migration)
    assert result["outcome"] == "rolled back", (done.stderr, result)
    assert everything(rig) == before
    sound(rig, guest_name, "a", began)
    rig.lab.link_rate(None)
    assert rig.move(guest_name).succeeded
    sound(rig, guest_name, "b", began)


@requirement("recover.disks-kept")
def test_a_source_image_that_something_refers_to_is_kept(rig, guest_name):
    """Another guest's definition names it: that is told, and the move is good."""
    rig.lab.guest_start(guest_name, disks=["local:8"], memory_mib=16)
    a = rig.lab.hosts["a"]
    text = a.virsh("dumpxml", "--inactive", guest_name)
    uuid = a.virsh("domuuid", guest_name).strip()
    other = text.replace(uuid, "c7a5fdbd-edaf-9455-926a-d65c16db1809")
    path = rig.lab.state_dir / "other.xml"
    other = other.replace(f"<name>{guest_name}</name>", "<name>other</name>")
    path.write_text(other, encoding="utf-8")
    a.virsh("define", str(path))
    result = rig.move(guest_name, remove_source_disks=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert "other refers to it" in result.faults[0].message
    assert files(rig, "a") == [f"{guest_name}-hda.raw"]


@requirement("disks.right-thing")
def test_words_about_disks_that_can_not_be_met_are_refused(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=["shared:4", "local:4"], memory_mib=16)
    before = everything(rig)
    (refused,) = refusals(rig, guest_name, rig.a, rig.b, copy_storage=False)
    assert "not shared" in refused.message
    (onto,) = refusals(rig, guest_name, rig.a, rig.b, migrate_disks=["hda", "hdb"])
    assert "onto itself" in onto.message
    left = refusals(rig, guest_name, rig.a, rig.b, migrate_disks=[])
    assert any("leaves it out" in each.message for each in left)
    all_of_it = rig.migrator.plan(guest_name, rig.a, rig.b, Options(copy_storage=True))
    assert [disk.way for disk in all_of_it.disks] == [Way.STAYS, Way.COPIED]
    assert everything(rig) == before
