"""A vz host's storage, by stock virsh: pools, images, times, and no room."""

from __future__ import annotations

from tests.vz_host.conftest import virsh
from virtmigrate_lab.vz_host import images

OWN = "/vz/images/g.img"


def test_a_pool_is_defined_built_started_stopped_and_gone(hosts):
    a = hosts["a"]
    define = ("pool-define-as", "extra", "dir", "--target", "/extra")
    assert virsh(a, *define).code == 0
    assert "cannot open directory '/extra'" in virsh(a, "pool-start", "extra").err
    assert "is not active" in virsh(a, "vol-list", "extra").err
    for words in (["pool-build"], ["pool-start"]):
        assert virsh(a, *words, "extra").code == 0
    assert virsh(a, "vol-create-as", "extra", "v", "1M").code == 0
    hosts["a"].kill()
    hosts["a"].up()
    assert virsh(a, "vol-path", "v", "--pool", "extra").out == "/extra/v"
    assert "is still active" in virsh(a, "pool-undefine", "extra").err
    for words in (["pool-destroy"], ["pool-undefine"]):
        assert virsh(a, *words, "extra").code == 0
    assert "extra" not in virsh(a, "pool-list", "--all").out
    assert a.file("/extra/v").exists()


def test_a_mount_is_a_directory_that_others_see(hosts):
    a, b = hosts["a"], hosts["b"]
    b.control(store={"mounts": {"/mnt": "shared"}})
    assert virsh(a, "vol-create-as", "shared", "v", "1M").code == 0
    assert b.file("/mnt/images/v").samefile(a.file("/shared/images/v"))
    assert not b.file("/shared/images/v").exists()


def test_a_volume_tells_when_it_changed(hosts):
    """As libvirt does: seconds, a point, nine digits."""
    a = hosts["a"]
    virsh(a, "vol-create-as", "images", "g.img", "1M")
    seen = a.file(OWN).stat()
    text = virsh(a, "vol-dumpxml", "g.img", "images").out
    seconds, rest = divmod(seen.st_ctime_ns, 1_000_000_000)
    assert f"<ctime>{seconds}.{rest:09d}</ctime>" in text


def test_a_ploop_is_a_directory(hosts):
    a = hosts["a"]
    made = virsh(a, "vol-create-as", "images", "p.hdd", "1M", "--format", "ploop")
    assert made.code == 0
    assert a.file("/vz/images/p.hdd").is_dir()
    told = virsh(a, "vol-dumpxml", "p.hdd", "images").out
    assert '<volume type="ploop">' in told
    assert "1048576" in told
    assert virsh(a, "vol-delete", "p.hdd", "images").code == 0
    assert virsh(a, "vol-list", "images").out == ""


def test_a_layer_lies_over_another(hosts):
    a = hosts["a"]
    virsh(a, "vol-create-as", "images", "base.img", "1M")
    words = ("--format", "qcow2", "--backing-vol", "base.img")
    assert virsh(a, "vol-create-as", "images", "top", "4M", *words).code == 0
    told = virsh(a, "vol-dumpxml", "top", "images").out
    assert '<format type="qcow2"/>' in told
    assert '<capacity unit="bytes">4194304</capacity>' in told
    below = "<path>/vz/images/base.img</path><format type="
    assert f'<backingStore>{below}"raw"/>' in told


def test_a_pool_tells_its_room(hosts):
    a = hosts["a"]
    a.control(store={"room_bytes": 4 << 20})
    a.file(OWN).write_bytes(b"x" * (1 << 20))
    told = virsh(a, "pool-info", "--bytes", "images").out.split()
    figures = {name: told[told.index(name) + 1] for name in ("Capacity:", "Available:")}
    assert figures == {"Capacity:": str(4 << 20), "Available:": str(3 << 20)}


def test_holes_are_not_copied_and_parts_make_a_whole(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.write(b"begin")
        file.seek(8 << 20)
        file.write(b"end")
    images.make(target, source.stat().st_size, "raw")
    for begin, end in ((0.0, 0.3), (0.3, 0.9), (0.9, 1.0)):
        images.copy(source, target, begin, end)
    assert target.read_bytes() == source.read_bytes()
    assert images.facts(target).allocated_bytes < 4 << 20


def test_what_a_host_does_not_have_can_not_be_set(hosts):
    answer = hosts["a"]._told({"store": {"nonsense": 1}})
    assert "nonsense" in answer["error"]
