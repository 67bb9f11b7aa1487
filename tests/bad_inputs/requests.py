"""URIs, names, and the words of the command line."""

from __future__ import annotations

from tests.bad_inputs.case import MIGRATE, PLAN, SECRET, A, B, Case
from virtmigrate.option_rows import SWITCHES, VALUES

GRAMMAR = {
    "empty": ("", "printable"),
    "a space": (" ", "printable"),
    "no scheme": ("elsewhere", "begin with"),
    "a path": ("/etc/passwd", "begin with"),
    "a scheme alone": ("qemu:", "://"),
    "one slash": ("qemu:/system", "://"),
    "a scheme that begins with a digit": ("1qemu://h/system", "begin with"),
    "an empty transport": ("qemu+://h/system", "begin with"),
    "two transports": ("qemu+ssh+ssh://h/system", "begin with"),
    "a fragment": ("qemu://h/system#x", "'#'"),
    "a NUL": ("qemu://h/sys\0tem", "printable"),
    "a newline": ("qemu://h/sys\ntem", "printable"),
    "a direction mark": ("qemu://h/\u202esystem", "printable"),
    "a Cyrillic letter": ("q\u0435mu://h/system", "printable"),
    "an encoded NUL": ("qemu://h/a%00b", "control character"),
    "an encoded escape": ("qemu://h/a%1bb", "control character"),
    "a hundred thousand letters": ("qemu://h/" + "a" * 100_000, "1-2048"),
    "a host like an option": ("qemu+ssh://-oProxyCommand=id/system", "dash in front"),
    "a host of dashes": ("qemu+ssh://--/system", "dash in front"),
    "a user like an option": ("qemu+ssh://-oX=id@h/system", "user name"),
    "an encoded dash": ("qemu+ssh://%2doX=id@h/system", "user name"),
    "a host that ends in a dash": ("qemu+ssh://host-/system", "no host name"),
    "a shell's semicolon": ("qemu+ssh://h;id/system", "no host name"),
    "a shell's substitution": ("qemu+ssh://$(id)/system", "no host name"),
    "a host of 300 letters": (f"qemu+ssh://{'a' * 300}/system", "no host name"),
    "a bracket that stays open": ("qemu+tls://[::1/system", "can't be read"),
    "brackets around a name": ("qemu+tls://[nonsense]/system", "can't be read"),
    "brackets around IPv4": ("qemu+tls://[127.0.0.1]/system", "IPv6"),
    "a zone that is a command": ("qemu+tls://[::1%25$(id)]/system", "IPv6"),
    "text after the brackets": ("qemu+tls://[::1]evil/system", "IPv6"),
    "port 0": ("qemu+tls://h:0/system", "1-65535"),
    "port 70000": ("qemu+tls://h:70000/system", "host:port"),
    "a port of twenty digits": (f"qemu+tls://h:{'9' * 20}/system", "host:port"),
    "a port with a sign": ("qemu+tls://h:+22/system", "host:port"),
    "a port without a host": ("qemu+tls://:22/system", "without a host"),
    "a user without a host": ("qemu+tls://root@/system", "without a host"),
    "a key without a value": ("qemu:///system?a", "?key=value"),
    "a key twice": ("qemu:///system?a=1&a=2", "key twice"),
    "a newline in a value": ("qemu:///system?a=b%0ac", "control character"),
}
TRANSPORTS = {
    "ext runs a program": ("qemu+ext:///system?command=/bin/true", "runs a program"),
    "tcp is clear text": ("qemu+tcp://h/system", "--insecure tcp"),
    "an unknown transport": ("qemu+foo://h/system", "not on the list"),
    "a unix socket with a host": ("qemu+unix://h/system", "no host name"),
    "ssh to nowhere": ("qemu+ssh:///system", "names no host"),
    "another path": ("qemu:///embed?root=/tmp", "path is unknown"),
    "a path that climbs": ("qemu:///system/../session", "path is unknown"),
    "a transport of mock's": ("mock+ext://bad-inputs?host=b", "transport"),
    "a scheme of nobody": ("xen:///x", "virtmigrate plugins"),
}
KEYS = {
    "command": ("qemu+ssh://h/system?command=/bin/true", "--insecure command"),
    "netcat": ("qemu+ssh://h/system?netcat=/bin/nc", "--insecure netcat"),
    "proxy": ("qemu+ssh://h/system?proxy=netcat", "--insecure proxy"),
    "no_verify over ssh": ("qemu+ssh://h/system?no_verify=1", "--insecure no_verify"),
    "no_verify over tls": ("qemu+tls://h/system?no_verify=1", "--insecure no_verify"),
    "known_hosts_verify": (
        "qemu+libssh2://h/system?known_hosts_verify=auto",
        "identity",
    ),
    "known_hosts": ("qemu+libssh://h/system?known_hosts=/tmp/k", "trusted"),
    "pkipath": ("qemu+tls://h/system?pkipath=/tmp/pki", "trusted"),
    "tls_priority": ("qemu+tls://h/system?tls_priority=NULL", "weaken"),
    "name": ("qemu+ssh://h/system?name=test:///default", "another driver"),
    "authfile": ("qemu:///system?authfile=/etc/shadow", "credentials"),
    "sshauth": ("qemu+libssh2://h/system?sshauth=agent", "login"),
    "an unknown key": ("qemu:///system?unknown=1", "not on the list"),
    "a key of another transport": ("qemu:///system?keyfile=/x", "not on the list"),
    "a relative socket": ("qemu+ssh://h/system?socket=relative", "absolute path"),
    "a socket with a command": (
        "qemu+ssh://h/system?socket=/a;reboot",
        "absolute path",
    ),
    "a socket that climbs": ("qemu+ssh://h/system?socket=/a/../b", "absolute path"),
    "a key file like an option": ("qemu+ssh://h/system?keyfile=-oX=y", "absolute path"),
    "an unknown mode": ("qemu+ssh://h/system?mode=evil", "mode"),
    "a key of mock's": (f"{B}&command=/bin/sh", "only key"),
}
SECRETS = {
    "a password": (f"qemu+ssh://root:{SECRET}@h/system", "password"),
    "a password and no host": (f"qemu+ssh://root:{SECRET}@/system", "without a host"),
    "a password and a dash": (f"qemu+ssh://root:{SECRET}@-h/system", "dash in front"),
    "a password and a bad port": (f"qemu+ssh://root:{SECRET}@h:99999/system", "port"),
    "a password with an at": (f"qemu+ssh://root:x@{SECRET}@h/system", "password"),
    "a password and a fragment": (f"qemu+ssh://r:{SECRET}@h/system#x", "'#'"),
    "a password and no scheme": (f"1qemu://r:{SECRET}@h/system", "begin with"),
    "a password and a newline": (f"qemu+ssh://r:{SECRET}\n@h/system", "printable"),
    "a password as a key": (f"qemu:///system?password={SECRET}", "password"),
    "a token as a key": (f"qemu:///system?token={SECRET}", "password"),
    "a password in clear text": (f"qemu+tcp://r:{SECRET}@h/system", "clear text"),
}
NEVER_INSECURE = {
    "a dash": ("command", "qemu+ssh://-oProxyCommand=id/system", "dash in front"),
    "ext": ("command", "qemu+ext:///system?command=/bin/true", "runs a program"),
    "arguments": ("command", "qemu+ssh://h/system?command=/bin/sh%20-c", "absolute"),
    "a command as netcat": ("netcat", "qemu+ssh://h/system?netcat=/nc;id", "absolute"),
    "a shell as proxy": ("proxy", "qemu+ssh://h/system?proxy=/bin/sh", "proxy"),
    "another key": (
        "no_verify",
        "qemu+ssh://h/system?netcat=/bin/nc",
        "--insecure netcat",
    ),
    "a weak number": ("no_verify", "qemu+ssh://h/system?no_verify=yes", "no_verify"),
    "a password": ("tcp", f"qemu+tcp://r:{SECRET}@h/system", "password"),
    "an unknown check": ("everything", B, "no check 'everything'"),
    "a check like an option": ("--all", B, "no check '--all'"),
}
GUESTS = {
    "unknown": ("nobody", "nobody"),
    "shell": ("$(reboot)", "guest"),
    "a path": ("../../etc/passwd", "guest"),
    "formats": ("%s%n%x", "guest"),
    "a newline": ("web\nrefused: no", "guest"),
    "an escape": ("w\x1b[2Jeb", "guest"),
    "a NUL": ("web\0", "guest"),
    "a direction mark": ("\u202ebew", "guest"),
    "ten thousand letters": ("w" * 10_000, "guest"),
    "half a character": ("web\udcff", "guest"),
    "a UUID of nobody": ("00000000-0000-0000-0000-000000000000", "guest"),
    "a UUID cut short": ("c7a5fdbd-edaf-9455-926a-d65c16db180", "guest"),
    "a UUID too long": ("c7a5fdbd-edaf-9455-926a-d65c16db18099", "guest"),
    "a UUID in braces": ("{{c7a5fdbd-edaf-9455-926a-d65c16db1800}}", "guest"),
    "a UUID as a name": ("urn:uuid:c7a5fdbd-edaf-9455-926a-d65c16db1800", "guest"),
}
NEW_NAMES = (
    "",
    " web",
    "web ",
    "-rf",
    ".web",
    "a/b",
    "../../etc/x",
    "a\nb",
    "a\0b",
    "%s%n",
    "w" * 65,
    "\u202ebew",
    "a\x1b[2J",
    "web;id",
    "$(id)",
    "web\udcff",
)
WORDS = {
    "an unknown option": ((*PLAN, "--lve"), "--live"),
    "an unknown no": ((*PLAN, "--no-such"), "no such option"),
    "a third argument": ((*PLAN, "further"), "further"),
    "no destination": (("-c", A, "plan", "web"), "DESTINATION_URI"),
    "no guest": (("-c", A, "plan"), "GUEST"),
    "no source": (("plan", "web", B), "-c SOURCE_URI"),
    "an empty guest": (("-c", A, "plan", " ", B), "name a guest"),
    "an unknown command": (("migrat", "web", B), "migrate"),
    "an option without its value": ((*PLAN, "--bandwidth"), "--bandwidth"),
    "a value for a switch": ((*PLAN, "--live=yes"), "--live"),
    "two outputs": ((*MIGRATE, "--events"), "exclude each other"),
    "loud and quiet": ((*MIGRATE, "--verbose", "--quiet"), "exclude each other"),
    "the same host": (("-c", A, "plan", "web", A), "the same host"),
    "a name that is taken": ((*PLAN, "--dname", "taken"), "--dname"),
    "a world that is not": (("-c", A, "plan", "web", "mock://none?host=b"), "world"),
    "an address with a space": ((*PLAN, "--listen-address", "0 0"), "printable"),
    "an address like an option": ((*PLAN, "--listen-address=-x"), "dash"),
    "a URI like an option": ((*PLAN, "--migrateuri=-oX=y"), "dash"),
    "a URI with half a bracket": ((*PLAN, "--migrateuri", "tcp://[b"), "as a URI"),
    "a URI for disks likewise": ((*PLAN, "--disks-uri", "tcp://b]:1"), "as a URI"),
    "a long URI": ((*PLAN, "--migrateuri", "t" * 1025), "1-1024"),
    "a disk that is a path": ((*PLAN, "--migrate-disks", "/dev/sda"), "disk target"),
    "a disk with a comma": ((*PLAN, "--migrate-disks", "vda,,vdb"), "disk target"),
    "an unknown method": ((*PLAN, "--comp-methods", "lzma"), "xbzrle"),
    "two ways to copy": (
        (*PLAN, "--copy-storage-all", "--copy-storage-inc"),
        "choose one",
    ),
    "an unknown policy": ((*PLAN, "--policy", "nope"), "adaptive"),
    "a policy without a name": ((*PLAN, "--policy", ""), "no policy ''"),
    "a policy file without a name": ((*PLAN, "--policy-file", ""), "--policy-file"),
    "two policies": ((*PLAN, "--policy", "virsh", "--policy-file", "x"), "exclude"),
    "an unknown objective": ((*PLAN, "--objective", "fame"), "bytes"),
    "an interval of nothing": (("settle", "--every", "0"), "--every"),
    "an option of nobody's": (("options", "--nothing"), "--nothing"),
    "a policy of nobody's": (("policies", "nope"), "nope"),
}
NUMBERS = {
    "--max-downtime": ("0", "-1", "1.5", "inf", "nan", "1e99", "soon", "300ms"),
    "--max-time": ("0", "-1", "inf", "nan", "1e99", "1h"),
    "--measure": ("-1", "61", "nan", "long"),
}
UNITS = ("1G", "0x10", "1e3", "1.5", "\u0663", "9" * 25)


def _destinations(kind, table):
    error = {"a scheme of nobody": "UnknownHypervisor"}
    return [
        Case(
            kind, name, ("-c", A, "plan", "web", uri), word, error.get(name, "BadInput")
        )
        for name, (uri, word) in table.items()
    ]


def _uris():
    yield from _destinations("URI grammar", GRAMMAR)
    yield from _destinations("URI transport", TRANSPORTS)
    yield from _destinations("URI key", KEYS)
    yield from _destinations("URI with a secret", SECRETS)
    for name, (uri, word) in SECRETS.items():
        typed = ("-c", uri, "plan", "web", B)
        yield Case("URI with a secret", f"{name}, as the source", typed, word)
    for name, (check, uri, word) in NEVER_INSECURE.items():
        typed = ("-c", A, "plan", "web", uri, f"--insecure={check}")
        yield Case("insecure", name, typed, word)


def _names():
    for name, (guest, word) in GUESTS.items():
        typed = ("-c", A, "plan", guest, B)
        yield Case("guest", name, typed, word, "GuestNotFound")
    dashed = ("-c", A, "plan", "--", "-rf", B)
    yield Case("guest", "like an option", dashed, "-rf", "GuestNotFound")
    for name in NEW_NAMES:
        typed = (*PLAN, f"--dname={name}")
        yield Case("new name", repr(name[:20]), typed, "no dash or dot in front")


def _words():
    found = {
        "the same host": "NotMovable",
        "a name that is taken": "NotMovable",
        "a world that is not": "HostUnreachable",
    } | {"two ways to copy": "OptionRefused"}
    codes = {"a world that is not": 1}
    for name, (typed, word) in WORDS.items():
        error = found.get(name, "BadInput")
        yield Case("words", name, typed, word, error, codes.get(name, 2))


def _values():
    for switch in SWITCHES:
        typed = (*PLAN, f"--{switch.virsh}", f"--no-{switch.virsh}")
        yield Case("yes and no", switch.virsh, typed, "contradict each other")
    for option, values in NUMBERS.items():
        for value in values:
            yield Case("limit", f"{option} {value}", (*PLAN, option, value), option)
    for row in VALUES:
        if row.kind != "string":
            typed = (*PLAN, f"--{row.virsh}", "-1")
            yield Case("number", f"--{row.virsh} -1", typed, f"--{row.virsh}")
    for value in UNITS:
        typed = (*PLAN, "--bandwidth", value)
        yield Case("number", f"--bandwidth {value}", typed, "MiB/s")


CASES = [*_uris(), *_names(), *_words(), *_values()]
