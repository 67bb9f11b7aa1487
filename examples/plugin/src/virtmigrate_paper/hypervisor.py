"""Hosts are directories, guests are JSON files in them, and a CPU is a clock."""

import json
import time
import uuid as uuids
from functools import partialmethod
from pathlib import Path

from virtmigrate.errors import BadInput, GuestNotFound, HostError, HostUnreachable
from virtmigrate.host import CONTRACT, Definitions, RunState, Sample, Sighting

PAGES = 4


class PaperGuest:
    def __init__(self, host, uuid):
        self.host, self.uuid = host, uuid
        self.file = host.path / f"{uuid}.json"
        self.name = self.read().get("name", uuid)

    def read(self):
        return json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}

    def write(self, **changes):
        fields = {"definition": None, "page": None} | self.read() | changes
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(fields), "utf-8")
        fresh.replace(self.file)  # whole, or not at all
        if fields["state"] == RunState.SHUTOFF and not fields["definition"]:
            self.file.unlink()

    def cpu_s(self):
        had = self.read()
        runs = had.get("state") == RunState.RUNNING
        return had.get("cpu_s", 0.0) + (time.time() - had["since"] if runs else 0.0)

    def turn(self, state):
        if self.read():
            self.write(cpu_s=self.cpu_s(), since=time.time(), state=state)

    def look(self):
        had = {"state": RunState.ABSENT, "definition": None, "page": None} | self.read()
        job = had["page"] is not None
        return Sighting(RunState(had["state"]), had["definition"] is not None, job)

    def definitions(self):
        if not (had := self.read()):
            raise GuestNotFound(f"no guest {self.uuid}", side=self.host.side)
        text = json.dumps({"name": had["name"], "uuid": self.uuid})
        return Definitions(
            text if self.look().state.active else None, had["definition"]
        )

    suspend = partialmethod(turn, RunState.PAUSED)
    resume = partialmethod(turn, RunState.RUNNING)
    destroy = partialmethod(turn, RunState.SHUTOFF)

    def undefine(self):
        if self.read():
            self.write(definition=None)

    def sample(self):
        page = self.read().get("page")
        return None if page is None else Sample(percent=100.0 * page / PAGES)

    def abort(self):
        self.write(page=None)

    def set_knob(self, knob, value):
        raise HostError(f"there is no {knob} here", side=self.host.side)


class PaperHost:
    hypervisor = "paper"

    def __init__(self, uri, side):
        self.uri, self.side, self.path = uri.shown, side, Path(uri.path)
        self.name = self.path.name
        self.uuid = str(uuids.uuid5(uuids.NAMESPACE_URL, uri.path))
        if not self.path.is_dir():
            raise HostUnreachable(f"there is no {uri.path}", side=side)

    def guest(self, ref):
        for guest in self.guests():
            if ref in (guest.uuid, guest.name):
                return guest
        raise GuestNotFound(f"there is no guest {ref}", side=self.side)

    def guests(self):
        return [PaperGuest(self, file.stem) for file in self.path.glob("*.json")]

    def guest_by_uuid(self, uuid):
        return PaperGuest(self, uuid)

    def name_taken_by(self, name):
        return next((g.uuid for g in self.guests() if g.name == name), None)

    def define(self, xml):
        told = json.loads(xml)
        guest = PaperGuest(self, told["uuid"])
        had = {"state": RunState.SHUTOFF} | guest.read()
        guest.write(**had | {"name": told["name"], "definition": xml})
        return guest

    def close(self):
        pass


class PaperHypervisor:
    name, schemes, contract = "paper", frozenset({"paper"}), CONTRACT

    def check_uri(self, uri):
        if uri.transport or uri.user or uri.host or uri.port or uri.query:
            raise BadInput(f"{uri.shown} is not paper:///DIRECTORY")

    def connect(self, uri, side, clock):
        self.check_uri(uri)
        return PaperHost(uri, side)


def boot(path, name, state=RunState.RUNNING, *, persistent=True):
    uuid = str(uuids.uuid4())
    xml = json.dumps({"name": name, "uuid": uuid}) if persistent else None
    fields = {"name": name, "definition": xml, "page": None, "cpu_s": 0.0}
    fields |= {"state": state, "since": time.time()}
    (path / f"{uuid}.json").write_text(json.dumps(fields), "utf-8")
