"""Other releases of Debian, whose libvirtd and QEMU hosts of a lab can run.

A release is unpacked into a directory, not installed: no script of its packages runs,
and of it a host sees ``/usr`` alone, in place of the machine's. It is fetched once, by
the machine's own package sources, and kept under the XDG cache home.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from virtmigrate_lab import needs
from virtmigrate_lab.commands import run
from virtmigrate_lab.errors import LabError, LabRefused, LabUnavailable
from virtmigrate_lab.layout import default_cache_dir

NAME = re.compile(r"[a-z]{1,20}")
"""A release's code name."""
PACKAGES = (
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-driver-storage",
    "libvirt-clients",
    "qemu-system-x86",
    "qemu-utils",
    "iproute2",
    "coreutils",
    "dash",
)
"""What a host runs of it; a Debian release without one of them is too old."""
FETCH_TIMEOUT_S = 600.0
SOURCES = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"]
"""Where the machine's own packages come from, a line a source."""


def kept(release: str) -> Path:
    """Where a release is kept once it was fetched."""
    return default_cache_dir() / "releases" / release


def tree(release: str) -> Path:
    """The directory of a release that was fetched.

    Raises:
        LabRefused: it was not.
    """
    path = kept(_named(release))
    if not (path / "usr").is_dir():
        raise LabRefused(
            f"release {release}: not fetched yet",
            remedy=f"virtmigrate lab fetch {release}",
        )
    return path


def trees(asked: Mapping[str, str], hosts: Iterable[str]) -> dict[str, Path]:
    """The release's directory of each host that is to have another one.

    Args:
        asked: Host to release.
        hosts: The hosts that there will be.

    Raises:
        LabRefused: there is no such host, or the release was not fetched.
    """
    names = list(hosts)
    for host in asked:
        if host not in names:
            known = ", ".join(names)
            raise LabRefused(f"release of host {host}: there is none (hosts: {known})")
    return {host: tree(release) for host, release in asked.items()}


def fetch(release: str) -> Path:
    """Unpack a release, unless it is there already; some seconds, about 270 MB.

    Args:
        release: Its code name, ``trixie``.

    Returns:
        Its directory.

    Raises:
        LabRefused: that can't be a release.
        LabUnavailable: this machine lacks the tool for it.
        LabError: it could not be fetched.
    """
    path = kept(_named(release))
    if (path / "usr").is_dir():
        return path
    if missing := needs.missing(needs.RELEASES):
        raise LabUnavailable(missing)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{release}.{os.getpid()}")
    words = ["mmdebstrap", "--quiet", "--variant=extract"]
    packages = f"--include={','.join(PACKAGES)}"
    try:
        run(
            [*words, packages, release, str(draft), source()], timeout_s=FETCH_TIMEOUT_S
        )
        _put(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return path


def _put(draft: Path, path: Path) -> None:
    """Let a tree that is whole be the one, unless somebody was faster."""
    if not (path / "usr").is_dir():
        shutil.rmtree(path, ignore_errors=True)
    try:
        draft.rename(path)
    except OSError as error:
        if not (path / "usr").is_dir():
            raise LabError(
                f"{path} can't be replaced: {error.strerror}", remedy=f"rm -r {path}"
            ) from error


def source() -> str:
    """The archive that the machine's own release comes from.

    Raises:
        LabError: it has none.
    """
    for line in run(SOURCES).splitlines():
        codename, _, uri = line.partition(" ")
        if NAME.fullmatch(codename) and uri.rstrip("/").endswith("/debian"):
            return uri
    raise LabError(
        "this machine has no source of Debian packages", remedy="apt-get update"
    )


def _named(release: str) -> str:
    if not NAME.fullmatch(release):
        raise LabRefused(f"release {release!r}: a code name, as trixie")
    return release
