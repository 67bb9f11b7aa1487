"""What the source itself would not let go, as rows: better words than its own.

The rules are libvirt's (`src/qemu/qemu_migration.c`: `qemuMigrationSrcIsAllowed` and
`qemuMigrationSrcIsAllowedHostdev`) and those of QEMU's own blockers, which libvirt
hands on since 8.6. They change with versions and with what a device's driver can do,
so whether one holds is the source's to say (`verdict.py`); the row says what it means,
and finds what stands behind the first.
"""

from __future__ import annotations

from virtmigrate_qemu.preflight.rows import Row

NOT_TEAMED = "[not(teaming/@type='transient')]"
TEAM = (
    "detach it for the move (virsh detach-device), or pair it with a virtio interface "
    "by <teaming>"
)

HOST_DEVICES = (
    Row(
        "hostdev-pci",
        f"devices/hostdev[@type='pci']{NOT_TEAMED}",
        "a PCI device of the source is passed through to the guest",
        TEAM,
        says=r"type='pci'|vfio",
    ),
    Row(
        "interface-hostdev",
        f"devices/interface[@type='hostdev']{NOT_TEAMED}",
        "a network card of the source is passed through to the guest",
        TEAM,
        says=r"interface type='hostdev'|vfio",
    ),
    Row(
        "hostdev-mdev",
        "devices/hostdev[@type='mdev']",
        "a mediated device of the source (a vGPU, say) is passed through to the guest",
        "detach it for the move, or use a driver, a libvirt and a QEMU (8.1) that move "
        "its state",
        says=r"type='mdev'|vfio",
    ),
    Row(
        "hostdev-scsi",
        "devices/hostdev[@type='scsi']",
        "a SCSI device of the source is passed through to the guest",
        "detach it for the move, or give it to the guest as a disk of device='lun'",
        says=r"type='scsi'",
    ),
    Row(
        "hostdev-scsi-host",
        "devices/hostdev[@type='scsi_host']",
        "a vhost-scsi target of the source is passed through to the guest",
        "detach it for the move, or give it to the guest as disks",
        says=r"type='scsi_host'|vhost-scsi",
    ),
    Row(
        "hostdev-capabilities",
        "devices/hostdev[@mode='capabilities']",
        "a device of the source is handed to the guest as a capability",
        "detach it for the move",
        says=r"mode='capabilities'",
        always=True,
    ),
    Row(
        "interface-vdpa",
        "devices/interface[@type='vdpa']",
        "a vDPA device of the source carries a network interface",
        "detach the interface for the move, or use one of another type",
        says=r"vdpa",
    ),
    Row(
        "input-passthrough",
        "devices/input[@type='passthrough']",
        "an input device of the source is passed through to the guest",
        "detach it for the move",
        says=r"virtio-input-host|non-migratable device",
    ),
)

MEMORY = (
    Row(
        "shmem-legacy",
        "devices/shmem[not(model) or model/@type='ivshmem']",
        "it shares memory by the old ivshmem device, which can't move",
        "give it <model type='ivshmem-plain'/> and role='master', or detach it",
        says=r"legacy shmem|ivshmem",
        always=True,
    ),
    Row(
        "shmem-role",
        "devices/shmem[model/@type!='ivshmem'][not(@role='master')]",
        "it is but a peer of memory that it shares with other guests of the source",
        "detach it for the move, or set role='master' if this guest owns the memory",
        says=r"shmem device|ivshmem",
        always=True,
    ),
    Row(
        "dimm-without-address",
        "devices/memory[@model='dimm'][not(address/@type='dimm')]",
        "a memory module has no address, so that it can't be put in the same place",
        "give it an <address type='dimm'> with slot and base",
        says=r"dimm info",
        always=True,
    ),
    Row(
        "launch-security",
        "launchSecurity",
        "its memory is encrypted or protected by the source's CPU, so that no other "
        "host can take it",
        "shut the guest down and move it stopped (--offline)",
        says=r"\bSEV\b|\bTDX\b|launch security|protected|confidential",
        always=True,
    ),
    Row(
        "invtsc",
        "cpu/feature[@name='invtsc'][not(@policy='disable' or @policy='forbid')]"
        "[not(/domain/clock/timer[@name='tsc'][@frequency>0])]",
        "its CPU promises a time stamp counter of one pace, and nothing says which",
        "set <timer name='tsc' frequency='…'/>, or disable the feature invtsc",
        says=r"invtsc|invariant tsc",
        always=True,
    ),
)

STORAGE = (
    Row(
        "transient-disk",
        "devices/disk[transient]",
        "what it writes to this disk is thrown away at its end, and can't move before",
        "make the disk plain, or detach it for the move",
        says=r"transient disk|overlay",
        always=True,
    ),
    Row(
        "virtiofs",
        "devices/filesystem[driver/@type='virtiofs']",
        "a directory of the source is shared with it by virtiofs",
        "unmount it in the guest and detach it for the move; newer libvirt moves what "
        "its virtiofsd can",
        says=r"virtiofs|vhost-user-fs|vhost-user backend",
    ),
    Row(
        "filesystem-mounted",
        "",
        "a directory of the source is shared with it by 9p, and it has it mounted",
        "unmount it in the guest, or detach it for the move",
        says=r"virtfs|9p",
    ),
    Row(
        "block-job",
        "",
        "a job is active on one of its disks",
        "wait for it (virsh blockjob), or abort it",
        says=r"active block job|block job",
    ),
)

OTHERS = (
    Row(
        "tpm-shared",
        "",
        "the state of its TPM lies on shared storage, which its swtpm can't hand over",
        "use swtpm 0.8 or later at the source, or keep the state on local storage",
        says=r"swtpm|tpm",
    ),
    Row(
        "virgl",
        "devices/video[model/acceleration/@accel3d='yes']",
        "its graphics are accelerated by the source's GPU, whose state can't move",
        "give the video device accel3d='no'",
        says=r"virgl",
    ),
    Row(
        "autodestroy",
        "",
        "it was started to end together with its client's connection",
        "start it without autodestroy",
        says=r"auto destroy",
    ),
    Row(
        "slirp-helper",
        "",
        "its user-mode network is run by a helper that can't hand its state over",
        "use a network interface of another type, or a slirp-helper that migrates",
        says=r"slirp",
    ),
)

TABLE = (*HOST_DEVICES, *MEMORY, *STORAGE, *OTHERS)
