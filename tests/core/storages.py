"""Storage in memory: directories that hosts mount wherever they like."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import count

from virtmigrate.errors import HostError, Side
from virtmigrate.storage import Image, Pool

GIB = 1 << 30
CHANGES = count(1)


@dataclass
class Directory:
    """Files by name; several hosts may have the very one."""

    files: dict[str, Image] = field(default_factory=dict)
    room: int | None = None

    def put(self, name, image=None):
        """A file that was just changed."""
        image = image or Image(GIB, "raw", allocated_bytes=GIB // 4)
        self.files[name] = replace(image, changed_ns=next(CHANGES))

    def write(self, name):
        """A guest writes to it."""
        self.put(name, self.files[name])


@dataclass
class Mount:
    """A directory as one host has it.

    Attributes:
        links: Names in it that lead to a directory of this host's own.
    """

    directory: Directory
    path: str
    links: dict[str, Directory] = field(default_factory=dict)

    def of(self, name):
        return self.links.get(name, self.directory).files


class MemoryStorage:
    """One host's storage; every call is written down, `at` breaks them.

    `others` are its pools that have no files: name and kind.
    """

    def __init__(self, side=Side.SOURCE, **mounts):
        self.side = side
        self.mounts = mounts
        self.calls = []
        self.at = defaultdict(list)
        self.referring = defaultdict(list)
        self.others = {}
        self.block = []

    def _called(self, what, name=""):
        self.calls.append((what, name))
        for event in self.at[what]:
            event(name)

    def pools(self):
        self._called("pools")
        return [Pool(n, m.path, m.directory.room) for n, m in self.mounts.items()]

    def kinds(self):
        self._called("kinds")
        return {**dict.fromkeys(self.mounts, "dir"), **self.others}

    def devices(self):
        self._called("devices")
        return self.block

    def names(self, pool):
        self._called("names")
        return list(self.mounts[pool.name].directory.files)

    def look(self, pool, name):
        self._called("look", name)
        return self.mounts[pool.name].of(name).get(name)

    def make(self, pool, name, image):
        self._called("make", name)
        mount = self.mounts[pool.name]
        if name in mount.of(name):
            return False
        room = mount.directory.room
        if room is not None and image.capacity_bytes > room:
            raise HostError("no space left on device", side=self.side)
        mount.directory.put(name, image)
        self._called("made", name)
        return True

    def delete(self, pool, name):
        self._called("delete", name)
        self.mounts[pool.name].of(name).pop(name, None)

    def users(self, path):
        self._called("users", path)
        return self.referring[path]

    def named(self, what):
        """Names with which a call was made."""
        return [name for call, name in self.calls if call == what]


def failing(error):
    """An event that raises; only for names that it is told, if it is told any."""

    def event(name):
        raise error

    return event
