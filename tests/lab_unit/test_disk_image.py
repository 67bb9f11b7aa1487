"""What an image must hold follows from the newest stamp in it."""

from __future__ import annotations

import io
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtmigrate_lab import disk_image
from virtmigrate_lab.disk_image import BLOCK, MIB, Content, block, expected, judge
from virtmigrate_lab.images import sources

SEED = 0xDEADBEEF
COUNT = MIB // BLOCK
OURS = Content(1, SEED)


def written(number, *, blocks=2 * COUNT, based=False):
    """An image of 2 MiB after so many writes to its first MiB."""
    data = bytearray(blocks * BLOCK)
    if based:
        data[:] = b"".join(block(SEED, at, 0) for at in range(blocks))
    for each in range(1, number + 1):
        at = (each - 1) % COUNT
        data[at * BLOCK : (at + 1) * BLOCK] = block(SEED, at, each)
    return data


def found(data, content=OURS):
    return judge(io.BytesIO(bytes(data)), "image", content)


@pytest.mark.parametrize("based", [False, True])
@pytest.mark.parametrize("number", [0, 1, COUNT - 1, COUNT, COUNT + 1, 3 * COUNT + 7])
def test_what_was_written_in_order_is_whole(number, based):
    report = found(written(number, based=based), Content(1, SEED, based, number))
    assert report.ok, report.problems
    assert (report.newest, report.blocks) == (number, 2 * COUNT)
    assert report.written == min(number, COUNT)


def test_a_seed_that_is_not_said_is_the_first_ones():
    assert found(written(5), Content(1)).newest == 5
    assert found(written(5), Content(1)).ok


def overwrite(data, at, content):
    data[at * BLOCK : at * BLOCK + len(content)] = content
    return data


STALE = block(SEED, 3, 4)


@pytest.mark.parametrize(
    ("at", "content"),
    [
        (3, STALE),
        (3, STALE[:512]),
        (3, bytes(BLOCK)),
        (3, block(SEED, 4, COUNT + 5)),
        (3, block(SEED + 1, 3, COUNT + 4)),
        (COUNT + 3, b"x"),
        (2 * COUNT - 1, block(SEED, 2 * COUNT - 1, 0)),
    ],
    ids=["stale", "torn", "lost", "elsewhere", "another's", "garbage", "base"],
)
def test_a_block_that_holds_something_else_is_found(at, content):
    report = found(overwrite(written(COUNT + 9), at, content))
    assert (report.errors, report.first_bad) == (1, at)
    assert not report.ok


def test_another_disks_image_is_not_ours():
    report = found(written(9), Content(1, SEED + 1, least=9))
    assert report.newest == 0
    assert report.errors == 9
    assert len(report.problems) == 2


def test_an_image_older_than_what_was_written_is_found():
    report = found(written(9), Content(1, SEED, least=10))
    assert report.errors == 0
    assert report.problems == ["image: its newest write is 9, but 10 was written"]


@given(st.integers(1, 5), st.integers(0, 40), st.integers(0, 8))
def test_what_a_block_must_hold_is_its_last_write(count, newest, at):
    last = [n for n in range(1, newest + 1) if at < count and (n - 1) % count == at]
    assert expected(at, newest, count) == (last[-1] if last else 0)


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img here")
def test_an_image_on_top_of_another_is_read_through_both(tmp_path):
    disk_image.write_base(tmp_path / "base", SEED, 2)
    overlay = tmp_path / "overlay"
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw"]
    subprocess.run([*argv, str(overlay)], check=True, timeout=30)
    report = disk_image.verify(overlay, Content(1, SEED, based=True))
    assert report.ok, report.problems
    assert report.blocks == 2 * COUNT
    assert not disk_image.verify(overlay, Content(1, SEED)).ok


def test_the_images_of_a_definition_are_those_it_names():
    xml = """<domain><devices>
      <disk><source file='/x/g.raw'/><target dev='hda'/></disk>
      <disk><source pool='p' volume='v'/><target dev='hdb'/></disk>
      <disk device='cdrom'><target dev='hdc'/></disk>
    </devices></domain>"""
    assert sources(xml, "{}/{}".format) == {"hda": "/x/g.raw", "hdb": "p/v"}
