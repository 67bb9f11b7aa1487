"""Rows of the matrix: what the destination does not have."""

from __future__ import annotations

from tests.qemu.blocker import THERE, Blocker
from tests.qemu.hosts import OTHER_UUID, UUID, Told, World
from virtmigrate.host import RunState

MACHINE = (
    Blocker(
        *("machine-missing", THERE, "upgrade its QEMU"),
        World(
            machine="pc-i440fx-9.9",
            host=Told(kinds=(8, "the machine 'pc-i440fx-9.9' is not supported")),
        ),
        "a machine type of a later QEMU",
    ),
    Blocker(
        *("emulator-missing", THERE, "--xml"),
        World(
            emulator="/usr/libexec/qemu-kvm",
            host=Told(kinds=(38, "Cannot check QEMU binary /usr/libexec/qemu-kvm")),
        ),
        "an emulator under another path",
    ),
    Blocker(
        *("arch-missing", THERE, "install that QEMU"),
        World(arch="aarch64", host=Told(kinds=(67, "unable to find any emulator"))),
        "an ARM guest",
    ),
    Blocker(
        *("kvm-missing", THERE, "kvm module"),
        World(
            host=Told(
                capabilities=(('<domain type="kvm"/>', ""),),
                kinds=(8, "the accel 'kvm' is not supported by '/usr/bin/qemu'"),
            )
        ),
        "a destination without KVM",
    ),
    Blocker(
        *("too-many-vcpus", THERE, "fewer"),
        World(vcpus=300),
        "300 virtual CPUs",
    ),
    Blocker(
        *("device-missing", THERE, "vnc"),
        World(
            devices="<graphics type='spice'/>",
            host=Told(kinds=(("<value>spice</value>", ""),)),
        ),
        "SPICE, which the destination's QEMU was built without",
    ),
    Blocker(
        *("device-missing", THERE, "virtio"),
        World(
            devices="<video><model type='qxl'/></video>",
            host=Told(kinds=(("<value>qxl</value>", ""),)),
        ),
        "a QXL device likewise",
    ),
    Blocker(
        *("device-missing", THERE, "passthrough"),
        World(devices="<tpm model='tpm-crb'><backend type='emulator'/></tpm>"),
        "an emulated TPM, and no swtpm there",
    ),
    Blocker(
        *("cpu-incompatible", THERE, "both hosts have"),
        World(
            top="<cpu mode='custom' check='full'><model>Skylake-Server</model></cpu>",
            host=Told(cpu=(91, "Host CPU does not provide required features: avx512f")),
        ),
        "a CPU that lacks a feature",
    ),
    Blocker(
        *("cpu-unknown", THERE, "both hosts have"),
        World(
            top="<cpu mode='custom' check='full'><model>SapphireRapids</model></cpu>",
            host=Told(cpu=(1, "internal error: Unknown CPU model SapphireRapids")),
        ),
        "a CPU model of a later libvirt",
    ),
    Blocker(
        *("tsc-frequency", THERE, "same frequency"),
        World(
            top="<clock offset='utc'><timer name='tsc' frequency='3000000000'/></clock>"
        ),
        "a counter of another pace",
    ),
)
PLACES = (
    Blocker(
        *("hugepages-unsupported", THERE, "2048"),
        World(
            top="<memoryBacking><hugepages><page size='16' unit='MiB'/></hugepages>"
            "</memoryBacking>"
        ),
        "huge pages of a size that is not there",
    ),
    Blocker(
        *("numa-node-missing", THERE, "<numatune>"),
        World(top="<numatune><memory mode='strict' nodeset='0-1'/></numatune>"),
        "a NUMA node that is not there",
    ),
    Blocker(
        *("pinned-cpus-missing", THERE, "<cputune>"),
        World(top="<cputune><vcpupin vcpu='0' cpuset='8-11,^9'/></cputune>"),
        "CPUs that are not there",
    ),
    Blocker(
        *("network-missing", THERE, "define and start"),
        World(
            devices="<interface type='network'><source network='red'/></interface>",
        ),
        "a network that is not there",
    ),
    Blocker(
        *("network-inactive", THERE, "net-start red"),
        World(
            devices="<interface type='network'><source network='red'/></interface>",
            host=Told(networks={"red": False}),
        ),
        "a network that is not active",
    ),
    Blocker(
        *("bridge-missing", THERE, "make a bridge"),
        World(devices="<interface type='bridge'><source bridge='br7'/></interface>"),
        "a bridge that is not there",
    ),
    Blocker(
        *("interface-missing", THERE, "--xml"),
        World(devices="<interface type='direct'><source dev='eth7'/></interface>"),
        "a macvtap of a card that is not there",
    ),
    Blocker(
        *("nwfilter-missing", THERE, "nwfilter-define"),
        World(
            devices="<interface type='user'><filterref filter='clean'/></interface>",
        ),
        "a network filter that is not there",
    ),
    Blocker(
        *("secret-missing", THERE, "secret-define"),
        World(
            devices="<disk type='network'><source protocol='rbd' name='p/i'><auth "
            f"username='u'><secret type='ceph' uuid='{OTHER_UUID}'/></auth></source>"
            "</disk>",
        ),
        "a secret that is not there",
    ),
    Blocker(
        *("security-model-missing", THERE, "<seclabel>"),
        World(top="<seclabel type='dynamic' model='selinux' relabel='yes'/>"),
        "SELinux, and none there",
    ),
    Blocker(
        *("uuid-taken", THERE, "--dname old"),
        World(there=RunState.SHUTOFF, host=Told(names={"old": UUID})),
        "its UUID has another name there",
    ),
)
