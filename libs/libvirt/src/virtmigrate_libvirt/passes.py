"""When each pass over a guest's memory began: by libvirt's own event, not by looking.

`VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION` is QEMU's MIGRATION_PASS: it comes the moment
that the dirty bitmap has been read. A look ten times a second sees it 50 ms later on
average, and by then a part of the pass is sent.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from virtmigrate.errors import HostError

if TYPE_CHECKING:
    from virtmigrate_libvirt.control import Control
    from virtmigrate_libvirt.link import Link
    from virtmigrate_libvirt.protocol import Connection, Domain

logger = logging.getLogger(__name__)
MIGRATION_ITERATION = 20
"""`VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION`."""


class Passes:
    """Hears of one guest's passes, from `listen` to `hush`."""

    def __init__(self, control: Control, uuid: str) -> None:
        """Hear nothing yet.

        Args:
            control: The way to the guest's host.
            uuid: The guest.
        """
        self._control = control
        self._uuid = uuid
        self._began: dict[int, float] = {}
        self._registered: tuple[Link, int] | None = None

    def listen(self) -> None:
        """Begin. A host without the event is no error: passes are then only seen."""

        def register(connection: Connection) -> int:
            domain = connection.lookupByUUIDString(self._uuid)
            return connection.domainEventRegisterAny(
                domain, MIGRATION_ITERATION, self._hear, None
            )

        try:
            self._registered = self._control.listen("listening for passes", register)
        except HostError as error:
            logger.debug("passes are only looked at: %s", error)

    def hush(self) -> None:
        """End. Harmless where nobody listens."""
        if self._registered is None:
            return
        link, token = self._registered
        self._registered = None
        try:
            link.hush("listening no more", token)
        except HostError as error:
            logger.debug("the connection has gone, its callback with it: %s", error)

    def age_ms(self, number: int | None) -> float | None:
        """How long ago a pass began; None = it was not heard."""
        began = self._began.get(number or 0)
        return None if began is None else (time.monotonic() - began) * 1000

    def _hear(
        self, connection: Connection, domain: Domain, number: int, opaque: object
    ) -> None:
        """The event's callback, in libvirt's thread."""
        del connection, domain, opaque
        self._began[number] = time.monotonic()
