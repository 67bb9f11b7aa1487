"""Addresses and links: a veth pair a host, plugged into the lab's bridge.

The rate is shaped on both ends of a host's link, so that neither what a host sends
nor what it receives exceeds it, whoever the peer is.
"""

from __future__ import annotations

from virtmigrate_lab.namespaces import Space

MTU = 9000
FRAME_OVERHEAD = 14 + 20 + 32
"""Bytes of a full frame that are not payload: Ethernet, IPv4, TCP with timestamps."""
BITS_OF_MIB = 8 * 1024 * 1024
BURST = "256kb"
QUEUE = "20ms"
SUBNET = "192.0.2"
"""Set aside for documentation (RFC 5737): can't be a network that anyone uses."""
FIRST_ADDRESS = 11
DEVICE = "eth0"

BUFFERS = {
    "shallow": {"wmem": "4096 65536 262144", "rmem": "4096 131072 524288"},
    "deep": {"wmem": "4096 16384 4194304", "rmem": "4096 131072 6291456"},
}
"""TCP send and receive buffers (bytes: least, default, most). ``deep`` is what Linux
has by itself; with ``shallow`` a page that is asked for is not stuck behind 4 MiB."""


def address(index: int) -> str:
    """The address of the host with this index, 0 for the first."""
    return f"{SUBNET}.{FIRST_ADDRESS + index}"


def port(index: int) -> str:
    """The name of a host's port on the lab's bridge."""
    return f"port{index}"


def tbf_rate_bits(rate_mib_s: float) -> int:
    """Bits per second on the wire that carry this payload in MiB/s."""
    return round(rate_mib_s * BITS_OF_MIB * (MTU + 14) / (MTU + 14 - FRAME_OVERHEAD))


def plug(switch: Space, host: Space, index: int) -> None:
    """Give a host its device, its address and its port on the bridge."""
    name = port(index)
    peer = ["peer", "name", DEVICE, "netns", str(host.holder.pid)]
    make = ["ip", "link", "add", name, "mtu", str(MTU), "type", "veth", *peer]
    switch.run([*make, "mtu", str(MTU)], mount=False)
    switch.run(["ip", "link", "set", name, "master", "br0", "up"], mount=False)
    host.run(["ip", "addr", "add", f"{address(index)}/24", "dev", DEVICE], mount=False)
    host.run(["ip", "link", "set", DEVICE, "up"], mount=False)
    buffers(host, "deep")


def shape(space: Space, device: str, rate_mib_s: float | None) -> None:
    """Limit what leaves through a device, or lift the limit (None)."""
    qdisc = ["tc", "qdisc"]
    if rate_mib_s is None:
        shown = space.run([*qdisc, "show", "dev", device], mount=False)
        if "tbf" in shown:
            space.run([*qdisc, "del", "dev", device, "root"], mount=False)
        return
    rate = ["rate", f"{tbf_rate_bits(rate_mib_s)}bit", "burst", BURST]
    argv = [*qdisc, "replace", "dev", device, "root", "tbf", *rate, "latency", QUEUE]
    space.run(argv, mount=False)


def set_up(space: Space, device: str, *, up: bool) -> None:
    """Plug a device in or pull it out."""
    space.run(["ip", "link", "set", device, "up" if up else "down"], mount=False)


def buffers(space: Space, name: str) -> None:
    """Set the TCP buffers of a host to one of :data:`BUFFERS`."""
    lines = [
        f"echo '{value}' > /proc/sys/net/ipv4/tcp_{key}"
        for key, value in BUFFERS[name].items()
    ]
    space.run(["sh", "-e", "-c", "; ".join(lines)], mount=False)
