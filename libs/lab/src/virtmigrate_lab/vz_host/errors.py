"""The driver's errors: number, domain and text as a client sees them.

Ordinary errors carry a prefix that depends on the number; those of the flag checks
have none, and name function and argument beside the text.
"""

from __future__ import annotations

PARALLELS, RPC, STORAGE = 48, 7, 18
"""Error domains (``virErrorDomain``)."""

PREFIX = {
    1: "internal error: ",
    8: "invalid argument: ",
    9: "operation failed: ",
    42: "Domain not found: ",
    49: "Storage pool not found: ",
    50: "Storage volume not found: ",
    55: "Requested operation is not valid: ",
    67: "unsupported configuration: ",
    68: "Timed out during operation: ",
    74: "argument unsupported: ",
    78: "operation aborted: ",
    84: "Operation not supported: ",
    90: "storage volume exists already: ",
}


class VzError(Exception):
    """An error reply.

    Args:
        code: ``virErrorNumber``.
        text: Without its prefix.
        domain: ``virErrorDomain``.
        strings: ``str1`` to ``str3`` where they are not the text.
        bare: Whether the text stands without a prefix.
    """

    def __init__(
        self,
        code: int,
        text: str,
        *,
        domain: int = PARALLELS,
        strings: tuple[str, ...] = (),
        bare: bool = False,
    ) -> None:
        self.code = code
        self.domain = domain
        self.text = text
        self.message = text if bare else PREFIX.get(code, "") + text
        self.strings = strings or (text,)
        super().__init__(self.message)


def unsupported_flags(flags: int, function: str) -> VzError:
    """``virCheckFlags``."""
    text = f"unsupported flags (0x{flags:x}) in function {function}"
    return VzError(8, text, strings=(function, "flags"), bare=True)


def no_domain(uuid: str, name: str) -> VzError:
    """``vzDomObjFromDomain``."""
    return VzError(42, f"no domain with matching uuid '{uuid}' ({name})")


def unset() -> VzError:
    """What the RPC layer sends where a driver failed and said nothing."""
    text = "Library function returned error but did not set virError"
    return VzError(1, text, domain=RPC, bare=True)


def unknown_procedure(number: int) -> VzError:
    """What clients turn into "this function is not supported"."""
    return VzError(39, f"unknown procedure: {number}", domain=RPC, bare=True)


def wrong_state() -> VzError:
    """``prlsdkConvertError`` for every change from a wrong state."""
    return VzError(55, "Can't change domain state.")


def wrong_pool_state(name: str, what: str) -> VzError:
    """``virStoragePoolObj…``: a pool that is, or is not, active."""
    return VzError(55, f"storage pool '{name}' is {what}", domain=STORAGE)
