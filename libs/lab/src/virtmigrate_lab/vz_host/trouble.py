"""What is to go wrong on a vz host, and how its owner is told what to do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.dispatcher import Dispatcher
    from virtmigrate_lab.vz_host.driver import Driver


class Trouble:
    """Scripted faults: each strikes once.

    A fault is a procedure's name (`perform`), `when` (`before` it is carried out or
    `after`), and an `action`: `error` (with `code` and `text`), `cut` the connection,
    `drop` the reply, `die` (the host's process, at once). It lets `skip` calls pass.
    """

    def __init__(self) -> None:
        """None yet."""
        self.script: list[dict[str, Any]] = []

    def due(self, procedure: str, when: str) -> dict[str, Any] | None:
        """The fault that strikes now, taken off the script."""
        for fault in self.script:
            if (fault["procedure"], fault.get("when", "before")) == (procedure, when):
                if fault.get("skip", 0):
                    fault["skip"] -= 1
                    continue
                self.script.remove(fault)
                return fault
        return None


class Control:
    """The host's owner: one line of JSON each way."""

    def __init__(
        self,
        trouble: Trouble,
        dispatcher: Dispatcher,
        driver: Driver,
        stopped: asyncio.Event,
    ) -> None:
        """Obey; `stopped` is how serving ends."""
        self.trouble, self.dispatcher, self.driver = trouble, dispatcher, driver
        self.anew = False
        self._stopped = stopped

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One request."""
        text = await reader.readline()
        try:
            request = json.loads(text)
            answer = self.obey(request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what the request's fields say; tell how things are.

        Args:
            request: `rate_mib_s`, `stalled`, `fault`, `lock_wait_s`, `anew`, `store`
                and `hardware` (fields of `Store` and `Hardware`): any.
        """
        if "rate_mib_s" in request:
            self.dispatcher.rate_mib_s = float(request["rate_mib_s"])
        if "stalled" in request:
            self.dispatcher.stalled = bool(request["stalled"])
        if "lock_wait_s" in request:
            self.driver.lock_wait_s = float(request["lock_wait_s"])
        if "fault" in request:
            self.trouble.script.append(dict(request["fault"]))
        machine = self.dispatcher.machine
        for name, part in (("store", machine.store), ("hardware", machine.hardware)):
            for key, value in request.get(name, {}).items():
                getattr(part, key)  # what it does not have is refused
                setattr(part, key, value)
                machine.save()
        if request.get("anew"):
            self.anew = True
            self._stopped.set()
        moving = [item for item in self.dispatcher.jobs.items() if item[1].moving]
        jobs = {uuid: job.percent for uuid, job in moving}
        left = len(self.trouble.script)
        return {
            "jobs": jobs,
            "faults": left,
            "listeners": len(self.driver.events.listeners),
            "rate_mib_s": self.dispatcher.rate_mib_s,
        }
