"""What libvirt's vz driver does, as one table: each row can be checked by itself.

Sources are files and functions of libvirt (``src/vz``), as read in 9.0.0 and 11.3.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

LIVE, PEER2PEER, PERSIST_DEST, UNDEFINE_SOURCE = 0x1, 0x2, 0x8, 0x10
PAUSED, NON_SHARED_INC = 0x20, 0x80
MIGRATION_FLAGS = 0xBB
"""``VZ_MIGRATION_FLAGS``: the same mask for all five entry points."""

STRING, ULLONG = 7, 4
PARAMETERS = {
    "destination_xml": STRING,
    "migrate_uri": STRING,
    "destination_name": STRING,
    "bandwidth": ULLONG,
}
"""``VZ_MIGRATION_PARAMETERS`` and their types."""

FEATURES = frozenset({4, 8, 9, 10, 13, 14, 15, 16})
"""``vzConnectSupportsFeature``: P2P and PARAMS; the others are the RPC layer's."""

XML_FLAGS = 0x1 | 0x2 | 0x8
"""``vzDomainGetXMLDesc``: SECURE, INACTIVE, MIGRATABLE."""

MIGRATION_SCHEME, MIGRATION_PORT = "vzmigr", 64000
COOKIE_NAME = "__fakename__"
LOCK_WAIT_S = 30.0
"""How long a call waits for the domain's job before it gives up."""
PROGRESS_S = 0.1


class State(IntEnum):
    """``virDomainState``, as far as vz has it."""

    RUNNING = 1
    PAUSED = 3
    SHUTOFF = 5


class Lifecycle(IntEnum):
    """``virDomainEventType``."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    STOPPED = 5


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the driver does: in words, and where libvirt says so."""

    what: str
    source: str


FACTS: dict[str, Fact] = {
    "mask": Fact(
        "flags outside 0xBB are refused with code 8", "vz_driver.c: VZ_MIGRATION_FLAGS"
    ),
    "parameters": Fact(
        "four parameters are known, others are refused with code 74",
        "vz_driver.c: VZ_MIGRATION_PARAMETERS",
    ),
    "live-ignored": Fact(
        "LIVE changes nothing: a running or paused guest moves hot",
        "vz_sdk.c: prlsdkMigrate",
    ),
    "persist-ignored": Fact(
        "every domain is persistent", "vz_driver.c: vzDomainIsPersistent"
    ),
    "undefine-ignored": Fact(
        "the source is gone after perform, its own disks too",
        "vz_driver.c: vzDomainMigratePerformStep",
    ),
    "paused": Fact(
        "PAUSED becomes DONT_RESUME_VM: not resumed there", "vz_sdk.c: prlsdkMigrate"
    ),
    "bandwidth": Fact(
        "refused with code 84 by begin, ignored peer-to-peer",
        "vz_driver.c: vzDomainMigrateBegin3Params",
    ),
    "destination-xml": Fact(
        "refused with code 84 by begin and peer-to-peer, taken by later phases",
        "vz_driver.c: vzDomainMigrateBeginStep",
    ),
    "cookie": Fact(
        "prepare's session uuid is what lets the source in; perform alone reads it",
        "vz_driver.c: vzBakeCookie, vzEatCookie",
    ),
    "uri": Fact("vzmigr://host[:port] and nothing else", "vz_driver.c: vzParseVzURI"),
    "images": Fact(
        "images must be there: DONT_CREATE_DISK is always set",
        "vz_sdk.c: prlsdkMigrate",
    ),
    "finish-cancelled": Fact(
        "gives no domain and sets no error", "vz_driver.c: vzDomainMigrateFinish3Params"
    ),
    "confirm": Fact("does nothing", "vz_driver.c: vzDomainMigrateConfirm3Params"),
    "percent": Fact(
        "job statistics hold percent in the fields of bytes",
        "vz_driver.c: vzDomainGetJobInfoImpl",
    ),
    "state": Fact(
        "PAUSED/MIGRATION while the guest runs and moves",
        "vz_sdk.c: prlsdkConvertDomainState",
    ),
    "spurious": Fact(
        "DEFINED/ADDED on entering a state that libvirt does not know",
        "vz_sdk.c: prlsdkHandleVmStateEvent",
    ),
    "abort": Fact(
        "code 1 with the SDK's text; 78 if it came before the SDK waited",
        "vz_sdk.c: prlsdkCancelJob, waitDomainJob",
    ),
    "undefine": Fact(
        "deletes the VM, running or not", "vz_sdk.c: prlsdkUnregisterDomain"
    ),
    "lock": Fact(
        "no change of state while a job is active: code 68 after 30 s",
        "vz_utils.c: vzDomainObjBeginJob",
    ),
}
