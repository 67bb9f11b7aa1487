"""Which procedures a vz host has: number, name, and what goes in and out.

Numbers are those of ``remote_protocol.x``; signatures are :mod:`wire`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

AUTH_LIST, OPEN, CLOSE = 66, 1, 2
EVENT_LIFECYCLE = 318
EVENT_SIGNATURE = "i dom i i"


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure: the handler's name, its arguments, its reply."""

    name: str
    takes: str = ""
    gives: str = ""


PROCEDURES: dict[int, Procedure] = {
    # connection
    66: Procedure("auth_list", "", "[i]"),
    1: Procedure("open", "str? u"),
    2: Procedure("close"),
    3: Procedure("get_type", "", "str"),
    4: Procedure("get_version", "", "H"),
    157: Procedure("get_lib_version", "", "H"),
    59: Procedure("get_hostname", "", "str"),
    7: Procedure("get_capabilities", "", "str"),
    110: Procedure("get_uri", "", "str"),
    60: Procedure("supports_feature", "i", "i"),
    149: Procedure("is_secure", "", "i"),
    6: Procedure("node_info", "", "i " * 32 + "H i i i i i i"),
    203: Procedure("sysinfo", "u", "str"),
    316: Procedure("register_event", "i dom?", "i"),
    317: Procedure("deregister_event", "i"),
    360: Procedure("register_close"),
    361: Procedure("unregister_close"),
    # finding domains
    273: Procedure("list_all", "i u", "[dom] u"),
    37: Procedure("list_ids", "i", "[i]"),
    51: Procedure("num_ids", "", "i"),
    21: Procedure("list_defined", "i", "[str]"),
    25: Procedure("num_defined", "", "i"),
    22: Procedure("lookup_by_id", "i", "dom"),
    23: Procedure("lookup_by_name", "str", "dom"),
    24: Procedure("lookup_by_uuid", "uuid", "dom"),
    # asking them
    16: Procedure("info", "dom", "u H H u H"),
    212: Procedure("state", "dom u", "i i"),
    14: Procedure("xml", "dom u", "str"),
    19: Procedure("os_type", "dom", "str"),
    150: Procedure("is_active", "dom", "i"),
    151: Procedure("is_persistent", "dom", "i"),
    202: Procedure("is_updated", "dom", "i"),
    183: Procedure("has_managed_save", "dom u", "i"),
    15: Procedure("get_autostart", "dom", "i"),
    163: Procedure("job_info", "dom", "i" + " H" * 11),
    298: Procedure("job_stats", "dom u", "i params"),
    # changing them
    11: Procedure("define", "str", "dom"),
    350: Procedure("define_flags", "str u", "dom"),
    35: Procedure("undefine", "dom"),
    231: Procedure("undefine_flags", "dom u"),
    9: Procedure("create", "dom"),
    196: Procedure("create_flags", "dom u", "dom"),
    34: Procedure("suspend", "dom"),
    28: Procedure("resume", "dom"),
    12: Procedure("destroy", "dom"),
    234: Procedure("destroy_flags", "dom u"),
    33: Procedure("shutdown", "dom"),
    258: Procedure("shutdown_flags", "dom u"),
    164: Procedure("abort_job", "dom"),
    # migration
    302: Procedure("begin", "dom params u", "bytes str"),
    303: Procedure("prepare", "params bytes u", "bytes str?"),
    305: Procedure("perform", "dom str? params bytes u", "bytes"),
    306: Procedure("finish", "params bytes u i", "dom bytes"),
    307: Procedure("confirm", "dom params bytes u i"),
    # storage
    71: Procedure("num_pools", "", "i"),
    72: Procedure("list_pools", "i", "[str]"),
    73: Procedure("num_defined_pools", "", "i"),
    74: Procedure("list_defined_pools", "i", "[str]"),
    281: Procedure("list_all_pools", "i u", "[pool] u"),
    77: Procedure("pool_define", "str u", "pool"),
    78: Procedure("pool_create", "pool u"),
    79: Procedure("pool_build", "pool u"),
    80: Procedure("pool_destroy", "pool"),
    82: Procedure("pool_undefine", "pool"),
    83: Procedure("pool_refresh", "pool u"),
    84: Procedure("pool_by_name", "str", "pool"),
    85: Procedure("pool_by_uuid", "uuid", "pool"),
    86: Procedure("pool_by_volume", "vol", "pool"),
    391: Procedure("pool_by_target", "str", "pool"),
    154: Procedure("pool_is_active", "pool", "i"),
    155: Procedure("pool_is_persistent", "pool", "i"),
    89: Procedure("pool_autostart", "pool", "i"),
    87: Procedure("pool_info", "pool", "u H H H"),
    88: Procedure("pool_xml", "pool u", "str"),
    91: Procedure("num_volumes", "pool", "i"),
    92: Procedure("list_volumes", "pool i", "[str]"),
    282: Procedure("list_all_volumes", "pool i u", "[vol] u"),
    93: Procedure("volume_create", "pool str u", "vol"),
    94: Procedure("volume_delete", "vol u"),
    95: Procedure("volume_by_name", "pool str", "vol"),
    96: Procedure("volume_by_key", "str", "vol"),
    97: Procedure("volume_by_path", "str", "vol"),
    98: Procedure("volume_info", "vol", "i H H"),
    99: Procedure("volume_xml", "vol u", "str"),
    100: Procedure("volume_path", "vol", "str"),
}
BY_NAME = {procedure.name: number for number, procedure in PROCEDURES.items()}
