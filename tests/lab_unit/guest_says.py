"""A guest's output, made up: what the tests of this folder feed to the parser."""

from __future__ import annotations


def record(name="g", counter=0, disks=(), **numbers):
    """A record as the guest program writes it."""
    values = {
        "writes": 0,
        "started": 0,
        "walks": 0,
        "verified": 0,
        "pages": 100,
        "errors": 0,
        "first_bad": 0xFFFFFFFF,
        "flags": 1,
        **numbers,
    }
    body = f"S {name} {2 * counter:x} {counter:x} " + " ".join(
        f"{v:x}" for v in [*values.values(), *(n for disk in disks for n in disk)]
    )
    total = 0
    for byte in body.encode("ascii"):
        total ^= byte
    return f"\n{body}*{total:x}\n".encode("ascii")


def beats(first, count):
    """So many beats, the first with this counter."""
    return bytes(0x80 | (first + i) & 0x7F for i in range(count))
