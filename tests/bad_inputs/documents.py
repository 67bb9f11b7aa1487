"""Files that a caller names: domain documents, policies, plans."""

from __future__ import annotations

import json
import os
from functools import partial

from tests.bad_inputs.case import MANAGER, PLAN, SECRET, UUID, A, B, Case, world
from virtmigrate import MemoryJournal, Migrator

HEAD = f"<name>web</name><uuid>{UUID}</uuid><memory unit='MiB'>64</memory>"
VNC = f"<devices><graphics type='vnc' passwd='{SECRET}'/></devices>"
QEMU = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"


def domain(inside="", head=HEAD, more=""):
    """A document of the guest."""
    return f"<domain type='mock' {more}>{head}{inside}</domain>"


LAUGHS = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
DOCUMENTS = {
    "empty": ("", "--xml"),
    "no XML": ("hello", "well-formed"),
    "JSON": ('{"domain": 1}', "well-formed"),
    "truncated": (domain(VNC)[:-9], "well-formed"),
    "two roots": (domain() + domain(), "well-formed"),
    "a control character": (domain("&#1;"), "well-formed"),
    "an unpaired surrogate": (domain("&#xD800;"), "well-formed"),
    "an undefined entity": (domain("<title>&x;</title>"), "well-formed"),
    "a DTD": (f"<!DOCTYPE domain []>{domain(VNC)}", "DOCTYPE"),
    "an external DTD": (f"<!DOCTYPE d SYSTEM 'http://x/'>{domain()}", "DOCTYPE"),
    "an external entity": (
        f"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{domain('&x;')}",
        "DOCTYPE",
    ),
    "a parameter entity": (
        f"<!DOCTYPE d [<!ENTITY % x SYSTEM 'file:///etc/passwd'>%x;]>{domain()}",
        "DOCTYPE",
    ),
    "a billion laughs": (
        f"<!DOCTYPE d [<!ENTITY e0 'ha'>{LAUGHS}]>{domain('&e9;')}",
        "DOCTYPE",
    ),
    "a billion virtual CPUs": (domain("<vcpu>1000000000</vcpu>"), "4096"),
    "virtual CPUs in hexadecimal": (domain("<vcpu>0x7fffffff</vcpu>"), "4096"),
    "a billion I/O threads": (domain("<iothreads>1000000000</iothreads>"), "1024"),
    "a billion controllers": (
        domain("<devices><controller index='1000000000'/></devices>"),
        "1024",
    ),
    "an address on the billionth controller": (
        domain("<devices><disk><address controller='999999999'/></disk></devices>"),
        "1024",
    ),
    "a billion sockets": (domain("<cpu><topology sockets='999999999'/></cpu>"), "4096"),
    "a billion queues": (
        domain(
            "<devices><interface><driver queues='999999999'/></interface></devices>"
        ),
        "4096",
    ),
    "memory past 2^64": (domain(head=HEAD.replace(">64<", f">{'9' * 20}<")), "memory"),
    "more memory than any host": (
        domain(head=HEAD.replace("MiB'>64", "TiB'>9999999")),
        "memory",
    ),
    "a thousand devices too many": (
        domain(f"<devices>{'<input/>' * 2000}</devices>"),
        "devices",
    ),
    "a hundred thousand elements": (domain("<a/>" * 100_000), "elements"),
    "a hundred thousand levels": (domain("<a>" * 9000 + "</a>" * 9000), "--xml"),
    "a hundred levels": (domain("<a>" * 99 + "</a>" * 99), "levels"),
    "a title of 70 KB": (domain(f"<title>{'x' * 70_000}</title>"), "characters"),
    "larger than a megabyte": (domain("x" * (1 << 20)), "1048576 bytes"),
    "another emulator": (
        domain("<devices><emulator>/tmp/prog</emulator></devices>"),
        "emulator",
    ),
    "a script of its own": (
        domain("<devices><interface><script path='/tmp/up'/></interface></devices>"),
        "program",
    ),
    "a file server of its own": (
        domain("<devices><filesystem><binary path='/tmp/d'/></filesystem></devices>"),
        "program",
    ),
    "a boot loader of its own": (domain("<bootloader>/tmp/b</bootloader>"), "program"),
    "arguments for QEMU": (
        domain(
            "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>", more=QEMU
        ),
        "arguments",
    ),
    "capabilities for QEMU": (
        domain(
            "<qemu:capabilities><qemu:add capability='x'/></qemu:capabilities>",
            more=QEMU,
        ),
        "arguments",
    ),
    "more virtual CPUs": (domain("<vcpu>64</vcpu>"), "virtual CPUs"),
    "no name": (domain(head=f"<uuid>{UUID}</uuid>"), "exactly one <name>"),
    "two names": (domain("<name>web2</name>"), "exactly one <name>"),
    "another name": (domain(head=HEAD.replace(">web<", ">bew<")), "--dname"),
    "no UUID": (domain(head="<name>web</name>"), "exactly one <uuid>"),
    "two UUIDs": (domain(f"<uuid>{UUID}</uuid>"), "exactly one <uuid>"),
    "another UUID": (domain(head=HEAD.replace(UUID[:4], "0000")), "UUID differs"),
    "another root": (f"<network>{HEAD}</network>", "no <domain>"),
    "a root of another namespace": (
        f"<domain xmlns='urn:x'>{HEAD}</domain>",
        "<domain>",
    ),
}

BYTES = {
    "Latin-1": (b"<domain>\xe9</domain>", "UTF-8"),
    "UTF-16": ("\ufeff<domain/>".encode("utf-16"), "UTF-8"),
    "bytes": (bytes(range(256)) * 16, "UTF-8"),
    "two megabytes": (b"<" * (2 << 20), "1048576 bytes"),
}


def text(content, here):
    """A file with this text."""
    (here / "input").write_text(content, encoding="utf-8")


def raw(content, here):
    """A file with these bytes."""
    (here / "input").write_bytes(content)


def a_directory(here):
    (here / "input").mkdir()


def a_link_loop(here):
    (here / "input").symlink_to(here / "input")


def a_pipe(here):
    os.mkfifo(here / "input")


def a_socket_of_nobody(here):
    (here / "input").symlink_to("/dev/zero")


def a_file_as_directory(here):
    (here / "input").symlink_to(here / "other" / "x")
    (here / "other").touch()


def missing(here):
    """Nothing is there."""


FILES = {
    missing: "No such file",
    a_directory: "directory",
    a_link_loop: "symbolic links",
    a_pipe: "a pipe or a device",
    a_socket_of_nobody: "a pipe or a device",
    a_file_as_directory: "Not a directory",
}
NAMING = {
    "xml file": (*PLAN, "--xml", "{file}"),
    "persistent-xml file": (*PLAN, "--persistent-xml", "{file}"),
    "policy file": (*PLAN, "--policy-file", "{file}"),
    "plan file": ("run", "{file}"),
}

POLICY = 'name = "mine"\n[limits]\nmax_total_s = 60\n'
AT_DEADLINE = POLICY.replace("[l", "at_deadline = [{}]\n[l")
POLICIES = {
    "empty": ("", "limits"),
    "no TOML": ("name = ", "TOML"),
    "JSON in a TOML": ('{"name": "x"}', "TOML"),
    "a key twice": ('name = "a"\nname = "b"', "TOML"),
    "an unknown field": (POLICY + "max_fun = 1\n", "max_fun"),
    "no limit": ('name = "mine"\n[limits]\n', "must end"),
    "a name of capitals": (POLICY.replace("mine", "MINE"), "name"),
    "a limit below nothing": (POLICY.replace("60", "-1"), "max_total_s"),
    "a limit without end": (POLICY.replace("60", "inf"), "max_total_s"),
    "a limit that is no number": (POLICY.replace("60", "nan"), "max_total_s"),
    "a limit of an age": (POLICY.replace("60", "1e12"), "max_total_s"),
    "a limit with a unit": (POLICY.replace("60", '"1m"'), "max_total_s"),
    "a downtime past QEMU's": (
        POLICY + "max_downtime_ms = 2000001\n",
        "max_downtime_ms",
    ),
    "a consent that is text": (POLICY + "[consents]\npostcopy = 'maybe'\n", "postcopy"),
    "a deadline without an end": (
        AT_DEADLINE.format('"postcopy"'),
        "abort",
    ),
    "an unknown act": (
        AT_DEADLINE.format('"pray", "abort"'),
        "at_deadline",
    ),
    "an unknown option": (POLICY + "[asks]\nlve = true\n", "lve"),
    "an option out of range": (
        POLICY + "[asks]\nparallel_connections = 0\n",
        "parallel-connections",
    ),
    "an option that is the request's": (
        POLICY + "[asks]\ndisks_port = 7\n",
        "--disks-port",
    ),
    "an option with a secret": (
        POLICY + f"[asks]\npassword = '{SECRET}'\n",
        "password",
    ),
    "brackets without end": ("a = " + "[" * 5000, "TOML"),
    "larger than 64 KB": ("# " + "x" * (1 << 16), "65536 bytes"),
}
JSON_POLICIES = {
    "no JSON": ("{", "JSON"),
    "a list": ("[]", "policy"),
    "null": ("null", "policy"),
    "brackets without end": ("[" * 60_000, "JSON"),
    "a number that is none": (
        '{"name": "x", "limits": {"max_total_s": NaN}}',
        "max_total_s",
    ),
}


def plan_text(change=lambda data: None):
    """What `plan --json` writes, changed."""
    hosts = world()
    migrator = Migrator(manager=MANAGER, journal=MemoryJournal(), clock=hosts.clock)
    made = migrator.plan("web", A, B)
    data = {"digest": made.digest(), **json.loads(made.model_dump_json())}
    change(data)
    return json.dumps(data)


def changed(*path, to, digest=False):
    """One value of a plan, replaced; the digest stays, or goes with it."""

    def change(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    def both(data):
        change(data)
        if digest:
            del data["digest"]

    return both


def plan_file(change, here):
    text(plan_text(change), here)


PLANS = {
    "a forged destination": (
        changed("destination", "uri", to="mock://x?host=z"),
        "digest",
    ),
    "a forged guest": (changed("guest", "uuid", to="0" * 36), "digest"),
    "a forged digest": (changed("digest", to="0" * 64), "digest"),
    "a digest that is a list": (changed("digest", to=[1]), "digest"),
    "a step taken out": (changed("steps", to=[]), "digest"),
    "a later version": (changed("version", to=99), "version 99"),
    "no version": (changed("version", to=None), "version"),
    "an unknown field": (changed("extra", to=1), "extra"),
    "an unknown step field": (changed("steps", 0, "run", to="id"), "run"),
    "an unknown phase": (changed("steps", 0, "phase", to="explode"), "phase"),
    "an unknown side": (changed("steps", 0, "side", to="up"), "side"),
    "an unknown option": (
        changed("settlement", "options", 0, "option", to="lve", digest=True),
        "lve",
    ),
    "an option out of range": (
        changed(
            "settlement",
            "options",
            0,
            to={
                "option": "disks_port",
                "asked": 70000,
                "effective": 70000,
                "how": "native",
            },
            digest=True,
        ),
        "disks_port",
    ),
    "a policy without end": (
        changed("policy", "limits", to={}, digest=True),
        "must end",
    ),
    "a policy that asks": (
        changed("policy", "asks", to={"lve": True}, digest=True),
        "lve",
    ),
    "a policy that asks too much": (
        changed("policy", "asks", to={"unsafe": True}, digest=True),
        "unsafe",
    ),
    "a secret in the wrong place": (
        changed("source", "password", to=SECRET, digest=True),
        "password",
    ),
}
STALE = {
    "steps taken out": changed("steps", to=[], digest=True),
    "checks switched off": changed("insecure", to=["tcp"], digest=True),
}
PLAN_TEXTS = {
    "empty": ("", "JSON"),
    "no JSON": ("{", "JSON"),
    "a list": ("[]", "object"),
    "a number": ("1", "object"),
    "an empty object": ("{}", "version"),
    "brackets without end": ("[" * 60_000, "plan"),
    "nested without end": ('{"version":1,"guest":' + '{"a":' * 50_000, "plan"),
    "a refusal instead": ('{"outcome": "refused", "refusals": []}', "version"),
    "larger than 4 MB": ('"' + "x" * (5 << 20) + '"', "4194304 bytes"),
}


SOME = ("a DTD", "a billion virtual CPUs", "arguments for QEMU", "another UUID")


def _documents():
    for name, (content, word) in DOCUMENTS.items():
        typed = (*PLAN, "--xml", "{file}")
        empty = name == "empty"
        error = "BadInput" if empty or "1048576" in word else "NotMovable"
        yield Case("domain XML", name, typed, word, error, make=partial(text, content))
    for name in SOME:
        content, word = DOCUMENTS[name]
        typed = (*PLAN, "--persistent-xml", "{file}")
        yield Case(
            "persistent XML",
            name,
            typed,
            word,
            "NotMovable",
            make=partial(text, content),
        )
    for name, (content, word) in BYTES.items():
        typed = (*PLAN, "--xml", "{file}")
        yield Case("domain XML", name, typed, word, make=partial(raw, content))


def _files():
    for kind, typed in NAMING.items():
        for make, word in FILES.items():
            yield Case(kind, make.__name__, typed, word, make=make)
    for name, (content, word) in POLICIES.items():
        typed = (*PLAN, "--policy-file", "{file}")
        yield Case("policy", name, typed, word, make=partial(text, content))
    for name, (content, word) in JSON_POLICIES.items():
        typed = (*PLAN, "--policy-file", "{dir}/input.json")
        make = partial(as_json, content)
        yield Case("policy in JSON", name, typed, word, make=make)


def _plans():
    for name, (change, word) in PLANS.items():
        yield Case(
            "plan", name, ("run", "{file}"), word, make=partial(plan_file, change)
        )
    for name, change in STALE.items():
        make = partial(plan_file, change)
        yield Case(
            "plan",
            f"{name}, no digest",
            ("run", "{file}"),
            "plan again",
            "NotMovable",
            make=make,
        )
    for name, (content, word) in PLAN_TEXTS.items():
        yield Case("plan", name, ("run", "{file}"), word, make=partial(text, content))


def as_json(content, here):
    (here / "input.json").write_text(content, encoding="utf-8")


CASES = [*_documents(), *_files(), *_plans()]
