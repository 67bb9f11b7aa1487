"""Rows of the matrix: what the source would not let go."""

from __future__ import annotations

from tests.qemu.blocker import HERE, SOURCE, Blocker, says
from tests.qemu.hosts import Told, World

MODE = "cannot migrate a domain with <hostdev mode='subsystem' type='{}'>"
DISK = "<disk type='file' device='{}'>{}<target dev='{}' bus='{}'/></disk>"
DEVICES = (
    Blocker(
        *("hostdev-pci", HERE, "detach"),
        says(84, MODE.format("pci"), devices="<hostdev mode='subsystem' type='pci'/>"),
        "a PCI device",
    ),
    Blocker(
        *("interface-hostdev", HERE, "<teaming>"),
        says(
            84,
            "cannot migrate a domain with <interface type='hostdev'>",
            devices="<interface type='hostdev'/>",
        ),
        "a network card passed through",
    ),
    Blocker(
        *("hostdev-mdev", HERE, "8.1"),
        says(
            55,
            "cannot migrate domain: 0000:01:00.0: VFIO migration is not supported",
            devices="<hostdev mode='subsystem' type='mdev'/>",
        ),
        "a vGPU",
    ),
    Blocker(
        *("hostdev-scsi", HERE, "device='lun'"),
        says(
            84, MODE.format("scsi"), devices="<hostdev mode='subsystem' type='scsi'/>"
        ),
        "a SCSI device",
    ),
    Blocker(
        *("hostdev-scsi-host", HERE, "as disks"),
        says(
            84,
            MODE.format("scsi_host"),
            devices="<hostdev mode='subsystem' type='scsi_host'/>",
        ),
        "a vhost-scsi target",
    ),
    Blocker(
        *("hostdev-capabilities", HERE, "detach"),
        says(
            84,
            "cannot migrate a domain with <hostdev mode='capabilities'>",
            devices="<hostdev mode='capabilities' type='storage'/>",
        ),
        "a device handed over as a capability",
    ),
    Blocker(
        *("interface-vdpa", HERE, "another type"),
        says(
            55,
            "vDPA devices cannot be migrated",
            devices="<interface type='vdpa'/>",
        ),
        "a vDPA interface",
    ),
    Blocker(
        *("input-passthrough", HERE, "detach"),
        says(
            55,
            "cannot migrate domain: State blocked by non-migratable device "
            "'0000:00:05.0/virtio-input-host'",
            devices="<input type='passthrough' bus='virtio'/>",
        ),
        "a keyboard passed through",
    ),
    Blocker(
        *("shmem-legacy", HERE, "ivshmem-plain"),
        says(
            55,
            "migration with legacy shmem device is not supported",
            devices="<shmem name='s'><model type='ivshmem'/></shmem>",
        ),
        "the old ivshmem",
    ),
    Blocker(
        *("shmem-role", HERE, "role='master'"),
        says(
            55,
            "shmem device 's' cannot be migrated, only shmem with role='master' can",
            devices="<shmem name='s'><model type='ivshmem-plain'/></shmem>",
        ),
        "a peer of shared memory",
    ),
    Blocker(
        *("dimm-without-address", HERE, "slot and base"),
        says(
            55,
            "domain's dimm info lacks slot ID or base address",
            devices="<memory model='dimm'/>",
        ),
        "a memory module anywhere",
    ),
    Blocker(
        *("launch-security", HERE, "--offline"),
        says(
            55,
            "cannot migrate domain: SEV: Migration is not implemented",
            top="<launchSecurity type='sev'/>",
        ),
        "memory encrypted by SEV",
    ),
    Blocker(
        *("invtsc", HERE, "frequency"),
        says(
            55,
            "domain has 'invtsc' CPU feature but TSC frequency is not specified",
            top="<cpu mode='host-passthrough' check='none'>"
            "<feature policy='require' name='invtsc'/></cpu>",
        ),
        "a counter of one pace",
    ),
    Blocker(
        *("transient-disk", HERE, "detach"),
        says(
            55,
            "migration with transient disk is not supported",
            devices=DISK.format("disk", "<transient/>", "vda", "virtio"),
        ),
        "a transient disk",
    ),
    Blocker(
        *("virtiofs", HERE, "unmount"),
        says(
            55,
            "migration with virtiofs device is not supported",
            devices="<filesystem><driver type='virtiofs'/></filesystem>",
        ),
        "a virtiofs share",
    ),
    Blocker(
        *("filesystem-mounted", HERE, "unmount"),
        says(
            55,
            "cannot migrate domain: Migration is disabled when VirtFS export path "
            "'/srv' is mounted in the guest using mount_tag 'srv'",
            devices="<filesystem><source dir='/srv'/><target dir='srv'/></filesystem>",
        ),
        "a 9p share that is mounted",
    ),
    Blocker(
        *("block-job", HERE, "virsh blockjob"),
        says(55, "domain has active block job"),
        "a block job",
    ),
    Blocker(
        *("tpm-shared", HERE, "swtpm 0.8"),
        says(
            3,
            "the running swtpm does not support migration with shared storage",
            devices="<tpm model='tpm-tis'><backend type='emulator'/></tpm>",
            host=Told(
                kinds=(
                    (
                        "<value>passthrough</value>",
                        "<value>passthrough</value><value>emulator</value>",
                    ),
                )
            ),
        ),
        "TPM state on shared storage",
    ),
    Blocker(
        *("virgl", HERE, "accel3d='no'"),
        says(
            55,
            "cannot migrate domain: virgl is not yet migratable",
            devices="<video><model type='virtio'><acceleration accel3d='yes'/></model>"
            "</video>",
        ),
        "accelerated graphics",
    ),
    Blocker(
        *("autodestroy", HERE, "without autodestroy"),
        says(55, "domain is marked for auto destroy"),
        "it ends with its client",
    ),
    Blocker(
        *("slirp-helper", HERE, "another type"),
        says(55, "a slirp-helper cannot be migrated"),
        "a slirp-helper",
    ),
    Blocker(
        *("snapshots", HERE, "snapshot-delete"),
        World(
            here=Told(
                "a",
                SOURCE.uuid,
                snapshots=2,
                verdict=(55, "cannot migrate domain with 2 snapshots"),
            )
        ),
        "two snapshots",
    ),
    Blocker(
        *("disks-unsafe", HERE, "--copy-storage-all"),
        says(81, "Migration without shared storage is unsafe"),
        "a disk that the source calls local",
    ),
    Blocker(
        *("source-refuses", HERE, "log of the source"),
        says(55, "cannot migrate this domain without dbus-vmstate support"),
        "a reason that no row knows",
    ),
)
