"""Whether a host has a thing that no single call of libvirt's tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt

if TYPE_CHECKING:
    from virtmigrate_libvirt.protocol import Connection

NET_DEVICES = 16
"""`VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET`."""


def interface(connection: Connection, name: str) -> bool:
    """Whether it has a network interface of this name, a bridge for one.

    By either driver: that of interfaces may know only those which a configuration file
    names (netcf), that of devices only those which it has heard of.

    Raises:
        libvirt.libvirtError: It has none, or can't say.
    """
    try:
        connection.interfaceLookupByName(name)
    except libvirt.libvirtError:
        known = connection.listAllDevices(NET_DEVICES)
        if any(device.name().startswith(f"net_{name}_") for device in known):
            return True
        raise
    return True
