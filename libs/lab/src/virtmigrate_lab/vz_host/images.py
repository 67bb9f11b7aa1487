"""Images of a vz host as they lie on its disk: a file, or a ploop's directory."""

from __future__ import annotations

import errno
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

FILE, DIRECTORY, PLOOP = 0, 2, 5
"""``virStorageVolType``."""
DESCRIPTOR, ROOT = "DiskDescriptor.xml", "root.hds"
"""What makes a directory a ploop image (``virStorageFileIsPloop``)."""
CHUNK_BYTES = 1 << 20
QCOW2 = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQ")
"""Of a qcow2 image: magic, version, where the backing path is and how long, cluster
bits, capacity. More of it nobody here reads: guests are records."""
VERSION, CLUSTER_BITS = 3, 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image is.

    Attributes:
        type: `FILE`, `DIRECTORY` or `PLOOP`.
        capacity_bytes: What the guest sees.
        allocated_bytes: What it takes.
        length_bytes: How long its file is.
        times_ns: When it was last read, written, changed.
        format: As volume XML has it.
        backing: Path of the image under it, "" = none.
    """

    type: int
    capacity_bytes: int
    allocated_bytes: int
    length_bytes: int
    times_ns: tuple[int, int, int]
    format: str
    backing: str = ""


def facts(path: Path) -> Facts:
    """Look at an image.

    Raises:
        OSError: There is none.
    """
    kind = FILE if path.is_file() else DIRECTORY
    if (path / DESCRIPTOR).exists():
        kind = PLOOP
    body = path / ROOT if kind == PLOOP else path
    size, outer = body.stat(), path.stat()
    times = outer.st_atime_ns, outer.st_mtime_ns, outer.st_ctime_ns
    known = size.st_blocks * 512, size.st_size, times
    if kind == FILE and (qcow2 := _qcow2(path)):
        capacity, backing = qcow2
        return Facts(kind, capacity, *known, "qcow2", backing)
    form = {FILE: "raw", DIRECTORY: "dir", PLOOP: "ploop"}[kind]
    return Facts(kind, size.st_size, *known, form)


def _qcow2(path: Path) -> tuple[int, str] | None:
    """Capacity and backing path of a qcow2 image, None = it is none."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or not head.startswith(QCOW2):
            return None
        _, _, at, length, _, capacity = HEADER.unpack(head)
        file.seek(at)
        return capacity, file.read(length).decode() if at else ""


def make(path: Path, capacity_bytes: int, form: str, backing: str = "") -> None:
    """Make an image, sparse.

    Args:
        path: Where.
        capacity_bytes: What the guest sees.
        form: `qcow2`, `ploop`; all else is raw.
        backing: Path of the image under it.

    Raises:
        FileExistsError: One is there.
    """
    body = path
    if form == "ploop":
        path.mkdir()
        (path / DESCRIPTOR).write_text("<Parallels_disk_image/>", encoding="utf-8")
        body = path / ROOT
    with body.open("xb") as file:
        if form != "qcow2":
            file.truncate(capacity_bytes)
            return
        under = backing.encode()
        at = HEADER.size if under else 0
        fields = VERSION, at, len(under), CLUSTER_BITS, capacity_bytes
        file.write(HEADER.pack(QCOW2, *fields) + under)


def remove(path: Path) -> None:
    """Remove an image; harmless where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def taken_bytes(directory: Path) -> int:
    """What the images in a directory take."""
    return sum(facts(path).allocated_bytes for path in directory.iterdir())


def copy(source: Path, target: Path, begin: float = 0.0, end: float = 1.0) -> None:
    """Copy a part of an image over one that is there.

    Args:
        source: The one.
        target: The other; it is a ploop's directory if that is.
        begin: From here on, 0 to 1.
        end: To here; the whole ends where the source ends.
    """
    for one in sorted(source.iterdir()) if source.is_dir() else [source]:
        size = one.stat().st_size
        part = int(size * begin), int(size * end)
        _copy_file(one, target / one.name if source.is_dir() else target, part)
        if (begin, end) == (0.0, 1.0) and not source.is_dir():
            os.truncate(target, size)


def _copy_file(source: Path, target: Path, part: tuple[int, int]) -> None:
    at, end = part
    fd = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    with source.open("rb") as here, os.fdopen(fd, "wb") as there:
        while (at := _data_from(here.fileno(), at)) < end:
            here.seek(at)
            there.seek(at)
            data = here.read(min(CHUNK_BYTES, end - at))
            there.write(data)
            at += len(data)


def _data_from(fd: int, at: int) -> int:
    """Where data begins that is no hole; past the end if there is none."""
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return 1 << 62
