"""The five phases as the vz driver has them (``vzDomainMigrate…3Params``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate_lab.vz_host import cookie, uri
from virtmigrate_lab.vz_host.errors import VzError, unset, unsupported_flags
from virtmigrate_lab.vz_host.facts import (
    MIGRATION_FLAGS,
    MIGRATION_SCHEME,
    PARAMETERS,
    PAUSED,
    PEER2PEER,
)
from virtmigrate_lab.vz_host.peer import RemotePeer

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.driver import Driver
    from virtmigrate_lab.vz_host.machine import Guest
    from virtmigrate_lab.vz_host.wire import Domain, Param

TYPE_NAMES = {
    1: "int", 2: "uint", 3: "llong", 4: "ullong", 5: "double", 6: "boolean",
    7: "string",
}  # fmt: skip
Values = dict[str, "int | float | str"]


def checked(params: list[Param], flags: int, function: str) -> Values:
    """Parameters by name, once flags and parameters are what the driver takes.

    Raises:
        VzError: 8 or 74, as `virCheckFlags` and `virTypedParamsValidate`.
    """
    if flags & ~MIGRATION_FLAGS:
        raise unsupported_flags(flags & ~MIGRATION_FLAGS, function)
    values: Values = {}
    for param in params:
        if param.name not in PARAMETERS:
            raise VzError(74, f"parameter '{param.name}' not supported")
        wanted = PARAMETERS[param.name]
        if param.type != wanted:
            raise VzError(
                8,
                f"invalid type '{TYPE_NAMES[param.type]}' for parameter "
                f"'{param.name}', expected '{TYPE_NAMES[wanted]}'",
            )
        if param.name in values:
            raise VzError(8, f"parameter '{param.name}' occurs multiple times")
        values[param.name] = param.value
    return values


class Migration:
    """The phases. Each method is a procedure."""

    def __init__(self, driver: Driver, hostname: str) -> None:
        """Serve one host."""
        self.driver = driver
        self.hostname = hostname

    async def begin(
        self, domain: Domain, params: list[Param], flags: int
    ) -> tuple[bytes, str]:
        """Check, and say what must travel; nothing is locked."""
        values = checked(params, flags, "vzDomainMigrateBegin3Params")
        if values.get("bandwidth"):
            raise VzError(84, "Bandwidth rate limiting is not supported")
        _refuse_document(values)
        guest = self.driver.of(domain)
        session = self.driver.dispatcher.session
        return cookie.bake(session, guest.uuid, guest.name), guest.xml

    async def prepare(
        self, params: list[Param], given: bytes, flags: int
    ) -> tuple[bytes, str | None]:
        """Let the source in; reserves nothing."""
        values = checked(params, flags, "vzDomainMigratePrepare3Params")
        address = None
        if "migrate_uri" not in values:
            if self.hostname.startswith("localhost"):
                raise VzError(
                    1,
                    "hostname on destination resolved to localhost, but migration "
                    "requires an FQDN",
                )
            address = f"{MIGRATION_SCHEME}://{self.hostname}"
        return cookie.bake(self.driver.dispatcher.session), address

    async def perform(
        self,
        domain: Domain,
        dconnuri: str | None,
        params: list[Param],
        given: bytes,
        flags: int,
    ) -> tuple[bytes]:
        """All of it: afterwards the guest is there, and gone here."""
        values = checked(params, flags, "vzDomainMigratePerform3Params")
        guest = self.driver.of(domain)
        if flags & PEER2PEER:
            await self._peer_to_peer(guest, dconnuri, params, flags, values)
        else:
            await self._step(guest, values, given, flags)
        return (b"",)

    async def _step(
        self, guest: Guest, values: Values, given: bytes, flags: int
    ) -> None:
        if "migrate_uri" not in values:
            raise VzError(1, "migrate uri is not set")
        session = cookie.eat(given)
        target = uri.parse(str(values["migrate_uri"]))
        how = {
            "name": values.get("destination_name", ""),
            "resume": not flags & PAUSED,
        }
        async with self.driver.changing(guest):
            await self.driver.dispatcher.migrate(guest, target, session, how)

    async def _peer_to_peer(
        self,
        guest: Guest,
        dconnuri: str | None,
        params: list[Param],
        flags: int,
        values: Values,
    ) -> None:
        """The source's daemon drives. A bandwidth is not even looked at."""
        if dconnuri is None:
            raise VzError(
                8, "dconnuri in vzDomainMigratePerform3Params must not be NULL"
            )
        _refuse_document(values)
        peer = await RemotePeer.connect(dconnuri)
        try:
            ours = cookie.bake(self.driver.dispatcher.session, guest.uuid, guest.name)
            theirs, address = await peer.call("prepare", params, ours, flags)
            if isinstance(address, str):
                values = {**values, "migrate_uri": address}
            name = values.get("destination_name", guest.name)
            await self._step(guest, values, bytes(theirs), flags)
            await peer.finish(str(name), flags)
        finally:
            peer.close()

    async def finish(
        self, params: list[Param], given: bytes, flags: int, cancelled: int
    ) -> tuple[Domain, bytes]:
        """The domain by its name; a cancelled one gives nothing and says nothing."""
        values = checked(params, flags, "vzDomainMigrateFinish3Params")
        guest = self.driver.machine.named(str(values.get("destination_name", "")))
        if cancelled or guest is None:
            raise unset()
        return self.driver.reference(guest), b""

    async def confirm(
        self, domain: Domain, params: list[Param], given: bytes, flags: int, how: int
    ) -> tuple[()]:
        """Nothing."""
        checked(params, flags, "vzDomainMigrateConfirm3Params")
        return ()


def _refuse_document(values: Values) -> None:
    if "destination_xml" in values:
        raise VzError(84, "Changing destination XML is not supported")
