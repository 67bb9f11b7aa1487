"""What libvirt's client library and qemu driver refuse together, as data.

Refused in the plan, so that neither daemon is asked in vain. Each row names the
function of libvirt where the rule stands.
"""

from __future__ import annotations

from virtmigrate.capabilities import Constraint, Term
from virtmigrate.constraints import absent, given, no, yes

CLIENT = "libvirt, src/libvirt-domain.c: "
BEGIN = "libvirt, src/qemu/qemu_migration.c: qemuMigrationSrcBeginPhase"
PREPARE = "libvirt, src/qemu/qemu_migration.c: qemuMigrationDstPrepareAny"
PEER = "libvirt, src/qemu/qemu_migration.c: qemuMigrationSrcPerformPeer2Peer"
DIRECT = "libvirt, src/qemu/qemu_migration.c: qemuMigrationDstPrepareDirect"
DRIVER = "libvirt, src/qemu/qemu_driver.c: qemuDomainMigratePrepare3Params"
FLAGS = "libvirt, src/qemu/qemu_migration_params.c: qemuMigrationParamsFromFlags"
COMPRESSION = (
    "libvirt, src/qemu/qemu_migration_params.c: qemuMigrationParamsSetCompression"
)

NO_COPY = (no("copy_storage"), no("copy_storage_inc"))
COPIES = ("copy_storage", "copy_storage_inc")
SPELLED = {
    "copy_storage": "--copy-storage-all",
    "copy_storage_inc": "--copy-storage-inc",
}


def _rule(
    name: str, when: tuple[Term, ...], message: str, remedy: str, source: str
) -> Constraint:
    return Constraint(id=name, when=when, message=message, remedy=remedy, source=source)


def begins(what: str, prefix: str) -> Term:
    """The text value begins so."""
    return Term(what=what, holds=prefix)


def holds(what: str, item: str) -> Term:
    """The list value holds it."""
    return Term(what=what, holds=item)


def lacks(what: str, item: str) -> Term:
    """The list value does not hold it, or is not given."""
    return Term(what=what, lacks=item)


POSTCOPY = (
    _rule(
        "postcopy-of-stopped-cpus",
        (yes("postcopy"), no("live")),
        "--postcopy needs a live move",
        "leave --no-live out, or --postcopy",
        BEGIN,
    ),
    _rule(
        "postcopy-lands-paused",
        (yes("postcopy"), yes("paused")),
        "--postcopy can't leave the guest paused",
        "leave --suspend out, or --postcopy",
        BEGIN,
    ),
    _rule(
        "postcopy-of-paused-guest",
        (yes("postcopy"), yes("guest.paused"), no("paused")),
        "--postcopy can't move a paused guest",
        "resume the guest first, or leave --postcopy out",
        BEGIN,
    ),
    _rule(
        "postcopy-tunnelled",
        (yes("postcopy"), yes("tunnelled")),
        "--postcopy can't go through a tunnel",
        "leave one of --postcopy and --tunnelled out",
        BEGIN,
    ),
    _rule(
        "postcopy-peer-lands-paused",
        (yes("postcopy"), yes("p2p")),
        "--postcopy with --p2p starts the guest at the destination by itself: should "
        "a message be lost, the source's daemon starts the old copy as well, or ends "
        "the only one",
        "leave --p2p out: driven by us, post-copy has neither hole",
        BEGIN,
    ),
    _rule(
        "postcopy-resume-alone",
        (yes("postcopy_resume"), no("postcopy")),
        "--postcopy-resume is for a post-copy move",
        "add --postcopy",
        FLAGS,
    ),
)

POSTCOPY_CALL = _rule(
    "postcopy-call-lands-paused",
    (yes("postcopy"), no("p2p")),
    "--postcopy by the library's one call starts the guest at the destination by "
    "itself: should a message be lost, it starts the source's copy as well, or ends "
    "the only one",
    "leave --postcopy out, or use a libvirt client that has the phase calls",
    BEGIN,
)
"""Where the phases can't be called; with `--p2p` the row above says it."""

POSTCOPY_PARALLEL = _rule(
    "postcopy-parallel",
    (yes("postcopy"), yes("parallel")),
    "--postcopy and --parallel together need QEMU 10.1: older ones refuse it when "
    "memory begins to move, and the oldest lose the guest at the switch",
    "leave --parallel out, or --postcopy",
    "QEMU, migration/options.c: migrate_caps_check",
)
"""Where QEMU is older than `since.POSTCOPY_PARALLEL`; 7.2 was seen to lose a guest."""

OFFLINE = (
    *(
        _rule(
            f"offline-{copy.replace('_', '-')}",
            (yes("offline"), yes(copy)),
            f"--offline moves no disks, {SPELLED[copy]} copies them",
            "copy the disks by other means, or move the guest while it runs",
            BEGIN,
        )
        for copy in COPIES
    ),
    _rule(
        "offline-transient",
        (yes("offline"), no("persist_dest")),
        "--offline makes a definition at the destination, so it needs --persistent",
        "leave --no-persistent out",
        BEGIN,
    ),
    _rule(
        "offline-tunnelled",
        (yes("offline"), yes("tunnelled")),
        "--offline has nothing to tunnel",
        "leave --tunnelled out",
        BEGIN,
    ),
    _rule(
        "not-offline-but-stopped",
        (no("offline"), no("guest.active")),
        "the guest does not run, so there is nothing to move but its definition",
        "start it, or leave --no-offline out",
        BEGIN,
    ),
)

DISKS = (
    _rule(
        "synchronous-writes-of-no-copy",
        (yes("copy_storage_synchronous_writes"), *NO_COPY),
        "--copy-storage-synchronous-writes tunes a copy that was not asked for",
        "add --copy-storage-all or --copy-storage-inc",
        f"{CLIENT}virDomainMigrate3",
    ),
    *(
        _rule(
            f"{value.replace('_', '-')}-of-no-copy",
            (given(value), *NO_COPY),
            f"{spelled} names disks of a copy that was not asked for",
            "add --copy-storage-all or --copy-storage-inc",
            BEGIN,
        )
        for value, spelled in (
            ("migrate_disks", "--migrate-disks"),
            ("migrate_disks_detect_zeroes", "--migrate-disks-detect-zeroes"),
            ("migrate_disks_target_zero", "--migrate-disks-target-zero"),
        )
    ),
    *(
        _rule(
            f"tunnelled-{copy.replace('_', '-')}",
            (yes("tunnelled"), yes(copy)),
            f"{SPELLED[copy]} can't go through a tunnel",
            "leave --tunnelled out",
            BEGIN,
        )
        for copy in COPIES
    ),
    _rule(
        "disks-uri-and-port",
        (given("disks_uri"), given("disks_port")),
        "--disks-uri and --disks-port say the same thing twice",
        "give one of them",
        DRIVER,
    ),
    _rule(
        "disks-uri-scheme",
        (Term(what="disks_uri", other_than=("tcp:", "unix:")),),
        "--disks-uri must be tcp:// or unix:",
        "write tcp://address[:port] or unix:///path",
        DRIVER,
    ),
    _rule(
        "disks-uri-without-server",
        (begins("disks_uri", "tcp:///"),),
        "--disks-uri names no server",
        "write tcp://address[:port]",
        DRIVER,
    ),
    *(
        _rule(
            f"unix-memory-{copy.replace('_', '-')}",
            (begins("migrate_uri", "unix:"), yes(copy), absent("disks_uri")),
            f"{SPELLED[copy]} has no way to go when memory goes through a unix socket",
            "give --disks-uri",
            DRIVER,
        )
        for copy in COPIES
    ),
)

TRANSPORT = (
    _rule(
        "tunnelled-without-p2p",
        (yes("tunnelled"), no("p2p")),
        "--tunnelled goes from daemon to daemon, so it needs --p2p",
        "leave --no-p2p out",
        f"{CLIENT}virDomainMigrate",
    ),
    _rule(
        "tunnelled-parallel",
        (yes("tunnelled"), yes("parallel")),
        "--parallel can't go through a tunnel",
        "leave one of --tunnelled and --parallel out",
        f"{CLIENT}virDomainMigrateToURI3",
    ),
    *(
        _rule(
            f"tunnelled-{value.replace('_', '-')}",
            (yes("tunnelled"), given(value)),
            f"{spelled} says where a stream goes that is tunnelled",
            f"leave --tunnelled or {spelled} out",
            PEER,
        )
        for value, spelled in (
            ("migrate_uri", "--migrateuri"),
            ("listen_address", "--listen-address"),
            ("disks_port", "--disks-port"),
        )
    ),
    _rule(
        "migrate-uri-scheme",
        (Term(what="migrate_uri", other_than=("tcp:", "rdma:", "unix:")),),
        "--migrateuri must be tcp:, rdma: or unix:",
        "write tcp://address[:port]",
        DIRECT,
    ),
    *(
        _rule(
            f"migrate-uri-without-host-{scheme}",
            (begins("migrate_uri", f"{scheme}:///"),),
            "--migrateuri names no host",
            f"write {scheme}://address[:port]",
            DIRECT,
        )
        for scheme in ("tcp", "rdma")
    ),
    _rule(
        "unix-memory-listen-address",
        (begins("migrate_uri", "unix:"), given("listen_address")),
        "--listen-address is no use with a unix socket",
        "leave --listen-address out",
        DRIVER,
    ),
    _rule(
        "unix-memory-tls-name",
        (begins("migrate_uri", "unix:"), yes("tls"), absent("tls_destination")),
        "--tls through a unix socket must be told whose certificate to expect",
        "add --tls-destination",
        DRIVER,
    ),
    _rule(
        "unix-disks-tls",
        (begins("disks_uri", "unix:"), yes("tls")),
        "disk copies through a unix socket can't have --tls",
        "give a tcp:// --disks-uri, or leave --tls out",
        DRIVER,
    ),
    _rule(
        "zerocopy-of-one-stream",
        (yes("zerocopy"), no("parallel")),
        "--zerocopy needs --parallel",
        "add --parallel",
        FLAGS,
    ),
    _rule(
        "parallel-connections-of-one-stream",
        (given("parallel_connections"), no("parallel")),
        "--parallel-connections tunes what was not asked for",
        "add --parallel",
        FLAGS,
    ),
    *(
        _rule(
            f"{value.replace('_', '-')}-of-none",
            (given(value), no("auto_converge")),
            f"{spelled} tunes what was not asked for",
            "add --auto-converge",
            FLAGS,
        )
        for value, spelled in (
            ("auto_converge_initial_percent", "--auto-converge-initial"),
            ("auto_converge_increment_percent", "--auto-converge-increment"),
        )
    ),
)

METHODS = (
    _rule(
        "methods-of-no-compression",
        (no("compressed"), given("compression_methods")),
        "--comp-methods and --no-compressed contradict each other",
        "leave one of them out",
        COMPRESSION,
    ),
    _rule(
        "parallel-without-method",
        (yes("compressed"), yes("parallel"), absent("compression_methods")),
        "--compressed with --parallel has no method of its own",
        "add --comp-methods zlib or zstd",
        COMPRESSION,
    ),
    _rule(
        "parallel-two-methods",
        (yes("parallel"), Term(what="compression_methods", many=True)),
        "--parallel takes one compression method",
        "name one of zlib, zstd",
        COMPRESSION,
    ),
    *(
        _rule(
            f"parallel-{method}",
            (yes("parallel"), holds("compression_methods", method)),
            f"compression method {method} can't be used with --parallel",
            "use zlib or zstd, or leave --parallel out",
            COMPRESSION,
        )
        for method in ("xbzrle", "mt")
    ),
    *(
        _rule(
            f"one-stream-{method}",
            (no("parallel"), holds("compression_methods", method)),
            f"compression method {method} needs --parallel",
            "add --parallel, or use xbzrle",
            COMPRESSION,
        )
        for method in ("zlib", "zstd")
    ),
    *(
        _rule(
            f"{value.replace('_', '-')}-of-another-method",
            (given(value), lacks("compression_methods", method)),
            f"{spelled} tunes method {method}, which was not asked for",
            f"add --comp-methods {method}",
            COMPRESSION,
        )
        for value, spelled, method in (
            ("compression_mt_level", "--comp-mt-level", "mt"),
            ("compression_mt_threads", "--comp-mt-threads", "mt"),
            ("compression_mt_dthreads", "--comp-mt-dthreads", "mt"),
            ("compression_xbzrle_cache_bytes", "--comp-xbzrle-cache", "xbzrle"),
            ("compression_zlib_level", "--comp-zlib-level", "zlib"),
            ("compression_zstd_level", "--comp-zstd-level", "zstd"),
        )
    ),
)

CONSTRAINTS: tuple[Constraint, ...] = (
    *POSTCOPY,
    *OFFLINE,
    *DISKS,
    *TRANSPORT,
    *METHODS,
)
