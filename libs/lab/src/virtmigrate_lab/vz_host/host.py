"""A vz host from outside: start it, ask it, hurt it, judge its guests."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import uuid as uuids
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from virtmigrate_lab.commands import spawn, tail
from virtmigrate_lab.errors import LabError, LabRefused
from virtmigrate_lab.layout import SOCKET_PATH_MAX
from virtmigrate_lab.processes import Process, identify, wait_for
from virtmigrate_lab.qemu_host import CALL_TIMEOUT_S, virsh
from virtmigrate_lab.vz_host.check import Health, judge
from virtmigrate_lab.vz_host.facts import MIGRATION_SCHEME
from virtmigrate_lab.vz_host.machine import LOG, Machine, read_history, wipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

READY_S = 10.0
CONTROL_S = 10.0
GUEST_XML = """\
<domain type='vz'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>{vcpus}</vcpu>
  <os><type>{kind}</type></os>
  <devices>{disks}</devices>
</domain>
"""
DISK = (
    "<disk type='file' device='disk'><driver name='vz' type='raw'/>"
    "<source file='{path}'/><target dev='sd{letter}' bus='sata'/></disk>"
)
PLOOP = (
    "<filesystem type='file'><driver type='ploop' format='ploop'/>"
    "<source file='{path}'/><target dir='/{number}'/></filesystem>"
)
ROOT = (
    "<filesystem type='template'><source template='centos-7'/><target dir='/'/>"
    "</filesystem>"
)


@dataclass
class VzHost:
    """One vz host.

    Attributes:
        name: Its name, which is its hostname too.
        world: The directory that the hosts share.
        port: TCP port on 127.0.0.1, None = UNIX socket only.
        lab_id: The lab that it belongs to, "" = it stands alone.
        process: The daemon, None = it is not up.
    """

    name: str
    world: Path
    port: int | None = None
    lab_id: str = ""
    process: Process | None = None

    kind: ClassVar[str] = "vz"

    @property
    def root(self) -> Path:
        """Its own directory."""
        return self.world / self.name

    @property
    def socket(self) -> Path:
        """Where clients come."""
        return self.root / "libvirt.sock"

    @property
    def log(self) -> Path:
        """What its process prints."""
        return self.root / LOG

    @property
    def uri(self) -> str:
        """libvirt URI."""
        return f"vz+unix:///system?socket={self.socket}"

    @property
    def uris(self) -> dict[str, str]:
        """Its URIs by transport."""
        return {"unix": self.uri}

    @property
    def tcp_uri(self) -> str:
        """The same by TCP."""
        return f"vz+tcp://127.0.0.1:{self.port}/system"

    @property
    def address(self) -> str:
        """By which other vz hosts find it."""
        return self.name

    @property
    def migrate_uri(self) -> str:
        """Where its dispatcher is: what `migrate_uri` may say."""
        return f"{MIGRATION_SCHEME}://{self.name}"

    @property
    def pid(self) -> int:
        """Of its process.

        Raises:
            LabError: It is not up.
        """
        if self.process is None:
            raise LabError(f"host {self.name} is not up")
        return self.process.pid

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.alive()

    def processes(self) -> list[Process]:
        """Everything that runs on this host: its daemon, as guests are records."""
        return [self.process] if self.process is not None and self.alive() else []

    def virsh(self, *words: str, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """Run a virsh command on this host and return what it printed."""
        return virsh(self.uri, *words, timeout_s=timeout_s)

    def up(self) -> Self:
        """Start it; what its file holds is there again.

        One that stands alone ends with the process that started it; a lab's goes on.

        Raises:
            LabError: It did not come up.
            LabRefused: The directory's path is too long for sockets.
        """
        if len(os.fsencode(self.root / "dispatcher.sock")) > SOCKET_PATH_MAX:
            raise LabRefused(f"{self.root}: too long a path for sockets")
        self.root.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        words = [
            sys.executable,
            "-m",
            "virtmigrate_lab.vz_host",
            str(self.world),
            self.name,
        ]
        words += ["--port", str(self.port)] if self.port else []
        owner = None if self.lab_id else identify(os.getpid())
        words += ["--with", str(owner.pid), str(owner.start)] if owner else []
        self.process = process = spawn(words, self.log, self.lab_id)
        wait_for(lambda: self._answers() or not process.alive(), READY_S)
        if not process.alive() or not self._answers():
            raise LabError(f"vz host {self.name} did not start: {tail(self.log)}")
        return self

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def down(self) -> None:
        """End its process; its guests go on. Harmless twice."""
        self.kill(signal.SIGTERM)

    def wait_dead(self, timeout_s: float = READY_S) -> None:
        """Wait until a fault has ended its process.

        Raises:
            LabError: It lives on.
        """
        if not wait_for(lambda: not self.alive(), timeout_s):
            raise LabError(f"vz host {self.name} lives on after {timeout_s} s")
        self.process = None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End its process by a signal; its guests go on."""
        if self.process is not None:
            self.process.kill(signal.SIGCONT)
            self.process.kill(number)
            self.wait_dead()

    def renew(self) -> None:
        """Forget guests, files, faults and clients: another host in the same process.

        Raises:
            LabError: It does not answer.
        """
        if not self.alive():
            wipe(self.root)
            self.up()
            return
        self.thaw()
        self.socket.unlink()  # the new one makes its own, last of all
        self.control(anew=True)
        if not wait_for(self._answers, READY_S):
            raise LabError(f"vz host {self.name} did not begin anew: {tail(self.log)}")

    def freeze(self) -> None:
        """Stop its process; `thaw` lets it go on."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def crash(self) -> None:
        """The whole host dies: its process and every guest. `up` brings it back."""
        self.kill()
        machine = self.machine
        for guest in machine.guests.values():
            machine.halt(guest, "power lost", "stopped")

    @property
    def machine(self) -> Machine:
        """Its guests as its file has them now. For reading."""
        return Machine.load(self.name, self.world)

    def file(self, path: str) -> Path:
        """The file that stands for a path of this host."""
        return self.machine.file_of(path)

    def control(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Tell it something (see `trouble.Control.obey`); how it is now.

        Raises:
            LabError: It refused, or does not answer.
        """
        try:
            answer = self._told(request)
        except OSError as error:
            why = f"vz host {self.name} does not answer: {error}"
            raise LabError(why, remedy=f"see {self.log}") from error
        if "error" in answer:
            raise LabError(f"vz host {self.name}: {answer['error']}")
        return answer

    def _told(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(CONTROL_S)
            client.connect(str(self.root / "control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as file:
                answer: dict[str, Any] = json.loads(file.readline() or b"{}")
        return answer

    def fault(self, procedure: str, **fault: Any) -> None:  # noqa: ANN401 - JSON
        """Script a fault (see `trouble.Trouble`)."""
        self.control(fault={"procedure": procedure, **fault})


@dataclass
class VzHosts:
    """Some vz hosts that can reach each other: ``with VzHosts.up(world) as hosts:``."""

    world: Path
    hosts: dict[str, VzHost] = field(default_factory=dict)

    @classmethod
    def up(
        cls, world: Path, names: Iterable[str] = ("vz-a", "vz-b"), *, lab_id: str = ""
    ) -> Self:
        """Start them.

        Args:
            world: A directory of theirs; its path must be short, for the sockets in it.
            names: Their names.
            lab_id: The lab that they belong to.
        """
        made = cls(world, {n: VzHost(n, world, lab_id=lab_id) for n in names})
        try:
            with ThreadPoolExecutor(max(1, len(made.hosts))) as pool:
                list(pool.map(VzHost.up, made.hosts.values()))
        except BaseException:
            made.down()
            raise
        return made

    def down(self) -> None:
        """End their processes. Harmless twice."""
        for host in self.hosts.values():
            host.down()

    def renew(self) -> None:
        """Make them as good as new, sooner than by new processes.

        Raises:
            LabError: One of them does not answer.
        """
        for host in self:
            host.renew()
        wipe(self.world, keep=self.hosts)  # now nobody writes history any more

    def __getitem__(self, name: str) -> VzHost:
        """A host by its name, the letter alone will do."""
        return self.hosts.get(name) or self.hosts[f"vz-{name}"]

    def __iter__(self) -> Iterator[VzHost]:
        """All of them."""
        return iter(self.hosts.values())

    def check(self, guest: str, *, since: float = 0.0) -> Health:
        """Judge a guest (name or UUID) by the history.

        Args:
            guest: Which.
            since: Boot time from which on silences count.
        """
        return judge(read_history(self.world, guest), since=since)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End them."""
        self.down()


def guest_xml(
    name: str,
    *,
    uuid: str | None = None,
    memory_mib: int = 64,
    vcpus: int = 1,
    container: bool = False,
    disks: tuple[str, ...] = (),
    devices: str = "",
) -> str:
    """Domain XML of a guest.

    Args:
        name: Its name.
        uuid: Its identity; made of the name if None.
        memory_mib: Its memory: how long a migration takes.
        vcpus: Its CPUs.
        container: A container (`exe`) instead of a virtual machine (`hvm`).
        disks: Paths of images (of a container: ploops); without any it has a root
            made of a template.
        devices: XML of more.
    """
    made = [
        PLOOP.format(path=path, number=number or "")
        if container
        else DISK.format(path=path, letter=chr(97 + number))
        for number, path in enumerate(disks)
    ]
    return GUEST_XML.format(
        name=name,
        uuid=uuid or uuids.uuid5(uuids.NAMESPACE_URL, name),
        memory=memory_mib,
        vcpus=vcpus,
        kind="exe" if container else "hvm",
        disks=("".join(made) or ROOT) + devices,
    )


def boot_time() -> float:
    """Now, on the clock of the history."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
