"""Certificates of the lab's own: one authority, a server's and a client's a host.

They lie where libvirt and QEMU look by themselves, so that nobody has to name them: a
daemon that is a client of another (peer-to-peer) finds its own there as well. The
authority's key is gone when the last certificate is made.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.commands import run

DAYS = "2"
"""A lab is a matter of minutes; a certificate that is found later opens nothing."""
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
PURPOSES = {"server": "serverAuth", "client": "clientAuth"}

CONTROL = {
    "ca": "CA/cacert.pem",
    "server": "libvirt/servercert.pem",
    "server key": "libvirt/private/serverkey.pem",
    "client": "libvirt/clientcert.pem",
    "client key": "libvirt/private/clientkey.pem",
}
"""Where libvirt looks below ``/etc/pki`` (its page "TLS certificates")."""

STREAM = {
    "ca": "libvirt-migrate/ca-cert.pem",
    "server": "libvirt-migrate/server-cert.pem",
    "server key": "libvirt-migrate/server-key.pem",
    "client": "libvirt-migrate/client-cert.pem",
    "client key": "libvirt-migrate/client-key.pem",
}
"""Where QEMU is sent to for migrations (``migrate_tls_x509_cert_dir``)."""

CONFIG = """\
[req]
distinguished_name = dn
[dn]
"""
"""All that the machine's own openssl.cnf would add is left out."""


@dataclass(frozen=True)
class Authority:
    """Who signs certificates.

    Args:
        directory: Holds its certificate and its key, and what it makes.
    """

    directory: Path

    @property
    def certificate(self) -> Path:
        """What its clients trust."""
        return self.directory / "ca.pem"

    def found(self, name: str) -> None:
        """Make its key and its certificate."""
        uses = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
        self._request("ca", name, uses, signed=False)

    def issue(self, name: str, address: str, pki: Path) -> None:
        """Make a host's certificates and put them in their places.

        Args:
            name: The host's; both certificates bear it, and its address.
            address: An IPv4 address.
            pki: Stands for ``/etc/pki`` there.
        """
        made = {"ca": self.certificate}
        for role, purpose in PURPOSES.items():
            uses = [
                "basicConstraints=critical,CA:FALSE",
                "keyUsage=critical,digitalSignature,keyEncipherment",
                f"extendedKeyUsage={purpose}",
                f"subjectAltName=DNS:{name},IP:{address}",
            ]
            self._request(role, name, uses, signed=True)
            made[role] = self.directory / f"{role}.pem"
            made[f"{role} key"] = self.directory / f"{role}.key"
        for places in (CONTROL, STREAM):
            for role, place in places.items():
                target = pki / place
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copy(made[role], target)  # its mode comes along

    def _request(self, role: str, name: str, uses: list[str], *, signed: bool) -> None:
        config = self.directory / "openssl.cnf"
        config.write_text(CONFIG, encoding="ascii")
        key = self.directory / "ca.key"
        signer = ["-CA", str(self.certificate), "-CAkey", str(key)]
        argv = ["openssl", "req", "-x509", "-config", str(config), "-days", DAYS, *KEY]
        argv += ["-subj", f"/O=virtmigrate lab/CN={name}"]
        argv += [word for use in uses for word in ("-addext", use)]
        argv += signer if signed else []
        argv += ["-keyout", str(self.directory / f"{role}.key")]
        run([*argv, "-out", str(self.directory / f"{role}.pem")])


@contextmanager
def authority(directory: Path, name: str = "lab") -> Iterator[Authority]:
    """An authority for as long as it is needed; nothing of it is left afterwards."""
    directory.mkdir(mode=0o700)
    try:
        made = Authority(directory)
        made.found(name)
        yield made
    finally:
        shutil.rmtree(directory)


def furnish(directory: Path, peers: dict[str, str], etc: dict[str, Path]) -> None:
    """Give every host its certificates.

    Args:
        directory: Where the authority lives meanwhile; must not exist.
        peers: Name and address of every host.
        etc: What stands for ``/etc`` on each.
    """
    with authority(directory) as made:
        for name, address in peers.items():
            made.issue(name, address, etc[name] / "pki")


def uri(name: str) -> str:
    """The URI by which hosts of the lab reach one of them."""
    return f"qemu+tls://{name}/system"
