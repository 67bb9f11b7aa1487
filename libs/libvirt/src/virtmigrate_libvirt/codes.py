"""libvirt's error numbers, and what each means to a caller. Data only.

Source: `include/libvirt/virterror.h` (`virErrorNumber`, `virErrorDomain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from virtmigrate.errors import HostError, JobAborted


class Code(IntEnum):
    """`virErrorNumber`, as far as a migration meets them."""

    INTERNAL_ERROR = 1
    NO_SUPPORT = 3
    INVALID_ARG = 8
    OPERATION_FAILED = 9
    XML_ERROR = 27
    OPERATION_DENIED = 29
    SYSTEM_ERROR = 38
    RPC = 39
    NO_DOMAIN = 42
    NO_NETWORK = 43
    AUTH_FAILED = 45
    NO_STORAGE_POOL = 49
    NO_STORAGE_VOL = 50
    NO_NODE_DEVICE = 53
    OPERATION_INVALID = 55
    NO_INTERFACE = 57
    NO_NWFILTER = 62
    NO_SECRET = 66
    CONFIG_UNSUPPORTED = 67
    OPERATION_TIMEOUT = 68
    MIGRATE_PERSIST_FAILED = 69
    ARGUMENT_UNSUPPORTED = 74
    OPERATION_ABORTED = 78
    MIGRATE_UNSAFE = 81
    OPERATION_UNSUPPORTED = 84
    ACCESS_DENIED = 88
    STORAGE_VOL_EXIST = 90
    CPU_INCOMPATIBLE = 91
    MIGRATE_FINISH_OK = 93


DOMAIN_RPC, DOMAIN_REMOTE = 7, 13


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one answered error means.

    Attributes:
        kind: Class to raise.
        remedy: What the caller can do; "" where nothing is known.
    """

    kind: type[HostError]
    remedy: str = ""


MEANINGS: dict[int, Meaning] = {
    Code.NO_SUPPORT: Meaning(HostError, "the daemon is too old, or another kind"),
    Code.OPERATION_DENIED: Meaning(HostError, "connect with write access"),
    Code.SYSTEM_ERROR: Meaning(
        HostError, "look at the network between the hosts and at the host's log"
    ),
    Code.NO_DOMAIN: Meaning(HostError, "look where the guest is now"),
    Code.CONFIG_UNSUPPORTED: Meaning(
        HostError, "compare the guest's definition with what this host supports"
    ),
    Code.OPERATION_TIMEOUT: Meaning(
        HostError, "another operation holds the guest: wait for it, or end it"
    ),
    Code.MIGRATE_PERSIST_FAILED: Meaning(
        HostError, "look at the destination's log and disk space"
    ),
    Code.ARGUMENT_UNSUPPORTED: Meaning(HostError, "leave that option out"),
    Code.OPERATION_ABORTED: Meaning(JobAborted),
    Code.MIGRATE_UNSAFE: Meaning(
        HostError,
        "put its disks on shared storage, copy them (--copy-storage-all), or take "
        "the risk (--unsafe)",
    ),
    Code.OPERATION_UNSUPPORTED: Meaning(HostError, "leave that option out"),
    Code.ACCESS_DENIED: Meaning(HostError, "the login lacks the right to do it there"),
    Code.CPU_INCOMPATIBLE: Meaning(
        HostError, "give the guest a CPU model that both hosts have"
    ),
}
CERTIFICATES = (
    "look at the certificates of both hosts: authority, name and dates, in /etc/pki or "
    "where libvirtd.conf and, for --tls, qemu.conf say; --tls-destination expects "
    "another name"
)
SAID: tuple[tuple[str, str], ...] = (
    (
        "host identification has changed",
        "its ssh key is not the known one: find out why, before you replace that",
    ),
    (
        "host key verification failed",
        "who connects does not know its ssh key: compare it, add it to known_hosts",
    ),
    (
        "permission denied (publickey",
        "ssh refused the login: look at the user, the keyfile and authorized_keys",
    ),
    ("certificate", CERTIFICATES),
    ("credentials /", CERTIFICATES),
    ("tls handshake", CERTIFICATES),
    ("tls confirmation", CERTIFICATES),  # a host that refuses its client says no more
)
"""Words of ssh, GnuTLS or QEMU, and what can be done: they come under any number, when
a connection is made and never on one that is up. In lower case; the first that is found
counts."""
UNLISTED = Meaning(HostError, "look at that host's log")

LOST: tuple[tuple[int, int], ...] = (
    (Code.SYSTEM_ERROR, DOMAIN_RPC),
    (Code.INTERNAL_ERROR, DOMAIN_RPC),
    (Code.RPC, DOMAIN_RPC),
    (Code.RPC, DOMAIN_REMOTE),
)
"""Code and domain of errors of the connection, not of the host: the answer is lost."""

UNSAID = "library function returned error but did not set virerror"
"""What a daemon sends where its driver gave nothing and named no error: how vz answers
a cancelled finish (`vzDomainMigrateFinish3Params`)."""
ANSWERED_ANYWAY = (
    UNSAID,
    "unable to encode message payload",
)
"""Texts of `LOST` rows that are answers after all (a server's, or a call not sent)."""
