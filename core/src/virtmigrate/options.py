"""What is asked of one migration: each option yes, no, or whatever is the default.

`Options()` is the bare request. `Options.from_libvirt_flags()` gives a program that
already has a flag word libvirt's strict reading of it, absence included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from virtmigrate.errors import BadInput
from virtmigrate.model import Model
from virtmigrate.option_rows import (
    BY_NAME,
    BY_PARAM,
    FLAG_MASK,
    SWITCHES,
    VALUES,
    Switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAG_LIMIT = 1 << 32
_NAME = re.compile(r"[\w][\w .:+@=,-]{0,63}")
_DISK = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_METHODS = ("xbzrle", "mt", "zlib", "zstd")
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,1024}")


def _guest_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name != name.strip():
        msg = (
            f"{name[:64]!r} is no guest name: 1-64 letters, digits, spaces or "
            "._:+@=,- and no dash or dot in front"
        )
        raise ValueError(msg)
    return name


def _printable(text: str) -> str:
    if not _PRINTABLE.fullmatch(text) or text.startswith("-"):
        msg = "1-1024 printable ASCII characters, no space, no dash in front"
        raise ValueError(msg)
    return text


def _splits(text: str) -> str:
    try:
        urlsplit(text)
    except ValueError as error:
        msg = f"it can't be read as a URI: {error}"
        raise ValueError(msg) from None
    return text


def _listed(item: object) -> object:
    return tuple(item) if isinstance(item, list) else item


def _disks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _DISK.fullmatch(name):
            msg = f"{name[:32]!r} is no disk target; write vda, sdb …"
            raise ValueError(msg)
    return names


def _methods(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in _METHODS:
            msg = f"{name[:32]!r} is no compression method; {', '.join(_METHODS)}"
            raise ValueError(msg)
    return names


def _between(low: int, high: int) -> Any:  # noqa: ANN401 - typing has no name for it
    return Field(default=None, strict=True, ge=low, le=high)


Flag = Annotated[bool | None, Field(strict=True)]
Text = Annotated[str, AfterValidator(_printable)]
Address = Annotated[Text, AfterValidator(_splits)]
GuestName = Annotated[str, AfterValidator(_guest_name)]
Document = Annotated[str, Field(min_length=1, max_length=1 << 20)]
Disks = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_disks)]
Methods = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_methods)]

MIB_S_MAX = (1 << 63) // (1 << 20) - 1


class Options(Model):
    """The options of one migration. None means: default.

    Rows, meanings, units and ranges stand in `virtmigrate.option_rows`;
    `virtmigrate options` prints them.
    """

    live: Flag = None
    p2p: Flag = None
    tunnelled: Flag = None
    persist_dest: Flag = None
    undefine_source: Flag = None
    paused: Flag = None
    copy_storage: Flag = None
    copy_storage_inc: Flag = None
    change_protection: Flag = None
    unsafe: Flag = None
    offline: Flag = None
    compressed: Flag = None
    abort_on_error: Flag = None
    auto_converge: Flag = None
    rdma_pin_all: Flag = None
    postcopy: Flag = None
    tls: Flag = None
    parallel: Flag = None
    copy_storage_synchronous_writes: Flag = None
    postcopy_resume: Flag = None
    zerocopy: Flag = None
    direct: Flag = None
    one_step: Flag = None
    remove_source_disks: Flag = None
    timeout_suspend: Flag = None
    timeout_postcopy: Flag = None
    postcopy_after_precopy: Flag = None

    migrate_uri: Address | None = None
    dest_name: GuestName | None = None
    dest_xml: Document | None = None
    persist_xml: Document | None = None
    bandwidth_mib_s: int | None = _between(0, MIB_S_MAX)
    postcopy_bandwidth_mib_s: int | None = _between(0, MIB_S_MAX)
    switchover_bandwidth_mib_s: int | None = _between(0, MIB_S_MAX)
    graphics_uri: Address | None = None
    listen_address: Text | None = None
    migrate_disks: Disks | None = None
    migrate_disks_detect_zeroes: Disks | None = None
    migrate_disks_target_zero: Disks | None = None
    disks_port: int | None = _between(0, 65535)
    disks_uri: Address | None = None
    compression_methods: Methods | None = None
    compression_mt_level: int | None = _between(0, 9)
    compression_mt_threads: int | None = _between(1, 255)
    compression_mt_dthreads: int | None = _between(1, 255)
    compression_xbzrle_cache_bytes: int | None = _between(4096, 1 << 50)
    compression_zlib_level: int | None = _between(0, 9)
    compression_zstd_level: int | None = _between(0, 20)
    auto_converge_initial_percent: int | None = _between(1, 99)
    auto_converge_increment_percent: int | None = _between(1, 99)
    parallel_connections: int | None = _between(1, 255)
    tls_destination: Text | None = None
    timeout_s: int | None = _between(1, 10**7)

    @classmethod
    def checked(cls, asked: Mapping[str, object]) -> Options:
        """Options from loose data (a terminal's, a request's).

        Args:
            asked: Field name to value.

        Raises:
            ExceptionGroup: Of `BadInput`, one for each wrong or unknown option.
        """
        return cls._with_faults(asked, [])

    @classmethod
    def _with_faults(
        cls, asked: Mapping[str, object], faults: list[Exception]
    ) -> Options:
        """Options, unless there are faults already or more are found."""
        try:
            options = cls.model_validate(dict(asked))
        except ValidationError as error:
            faults = faults + [
                _fault(e["loc"], e["msg"], e["input"]) for e in error.errors()
            ]
        if faults:
            msg = "the request is malformed"
            raise ExceptionGroup(msg, faults)
        return options

    @classmethod
    def from_libvirt_flags(
        cls, flags: int, params: Mapping[str, object] | None = None
    ) -> Options:
        """Read a `virDomainMigrateFlags` word with libvirt's meaning of absence.

        Args:
            flags: The word; every bit must be known, 0 <= flags < 2**32.
            params: Typed parameters by libvirt's names (`VIR_MIGRATE_PARAM_*`),
                units as libvirt has them (bandwidth MiB/s, cache bytes).

        Raises:
            BadInput: An unknown bit.
            ExceptionGroup: Of `BadInput`, one for each unknown or wrong parameter.
        """
        if not 0 <= flags < FLAG_LIMIT or flags & ~FLAG_MASK:
            unknown = flags & ~FLAG_MASK
            msg = f"flag word {flags:#x} has bits that libvirt does not know"
            remedy = f"clear {unknown:#x}" if flags >= 0 else "it must not be negative"
            raise BadInput(msg, subject="flags", remedy=remedy)
        asked: dict[str, object] = {
            row.name: True
            if row.bit is not None and flags >> row.bit & 1
            else row.absent
            for row in SWITCHES
        }
        unknown_params: list[Exception] = []
        for name, value in (params or {}).items():
            if name not in BY_PARAM:
                msg = f"{name[:80]!r} is no migration parameter of libvirt"
                unknown_params.append(BadInput(msg, subject=name[:80]))
                continue
            single = isinstance(value, str) and BY_PARAM[name].many
            asked[BY_PARAM[name].name] = (value,) if single else value
        return cls._with_faults(asked, unknown_params)

    def to_libvirt_flags(self) -> int:
        """The flag word of all options that are yes."""
        return sum(
            1 << row.bit
            for row in SWITCHES
            if row.bit is not None and getattr(self, row.name) is True
        )

    def to_libvirt_params(self) -> dict[str, int | str | list[str]]:
        """Typed parameters of all given values, by libvirt's names and units."""
        given = ((row, getattr(self, row.name)) for row in VALUES if row.param)
        return {
            row.param: list(value) if row.many else value
            for row, value in given
            if row.param and value is not None
        }

    def given(self) -> dict[str, Any]:
        """Only what was asked for: name to value, defaults left out."""
        asked: dict[str, Any] = self.model_dump(exclude_none=True)
        return asked


def _fault(loc: tuple[int | str, ...], message: str, given: object) -> BadInput:
    name = str(loc[0]) if loc else "request"
    row = BY_NAME.get(name)
    spelled = f"--{row.virsh}" if row else repr(name[:64])
    text = message.removeprefix("Value error, ")
    if text == message:
        # The words are pydantic's, and don't say what they are about.
        text = f"{str(given)[:64]!r}: {message[:1].lower()}{message[1:]}"
    if row is None:
        return BadInput(
            f"{spelled} is no option of a migration",
            subject=name[:64],
            remedy="`virtmigrate options` lists them",
        )
    remedy = "yes, no or neither" if isinstance(row, Switch) else row.meaning
    return BadInput(f"{spelled}: {text}", subject=name, remedy=remedy)
