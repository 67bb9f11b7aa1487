"""`make demo`: a real guest moves live between two real hosts, then in coma.

It runs the commands that a person would type, shows each, and leaves nothing behind.
Where the machine can't have such hosts it says why, and shows the same on mock ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
VIRTMIGRATE = str(BIN / "virtmigrate")
GUEST = "demo"


class Demo:
    """The commands, in one scratch directory."""

    def __init__(self, scratch: Path) -> None:
        self.env = {
            **os.environ,
            "VIRTMIGRATE_LAB_DIR": str(scratch / "lab"),
            "VIRTMIGRATE_STATE_DIR": str(scratch / "state"),
        }
        self.scratch = scratch

    def show(self, *args: str) -> None:
        """Run a command as a person would see it; stop the demo if it fails."""
        print(
            f"\n\033[1m$ virtmigrate {' '.join(args)}\033[0m"
            if sys.stdout.isatty()
            else f"\n$ virtmigrate {' '.join(args)}",
            flush=True,
        )
        subprocess.run([VIRTMIGRATE, *args], env=self.env, check=True)

    def ask(self, *args: str) -> dict:
        """Run a command for its JSON."""
        done = subprocess.run(
            [VIRTMIGRATE, *args, "--json"],
            env=self.env,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return json.loads(done.stdout)

    def on_real_hosts(self) -> None:
        """Live one way, coma back; the guest itself proves that nothing was lost."""
        try:
            self.show("lab", "up")
            hosts = self.ask("lab", "env")["hosts"]
            a, b = hosts["a"]["uri"], hosts["b"]["uri"]
            self.show(
                "lab",
                "guest",
                "start",
                GUEST,
                "--host",
                "a",
                "--memory",
                "128",
                "--working-set",
                "32",
                "--dirty-rate",
                "24",
            )
            self.show("lab", "guest", "check", GUEST)
            self.show("-c", a, "plan", GUEST, b)
            self.show("-c", a, "migrate", GUEST, b)
            self.show("lab", "guest", "check", GUEST)
            print("\nAnd back, in coma: its CPUs stand still for the whole move.")
            self.show("-c", b, "migrate", GUEST, a, "--no-live")
            self.show("lab", "guest", "check", GUEST)
        finally:
            self.show("lab", "down")

    def on_mock_hosts(self) -> None:
        """The same on an in-memory hypervisor whose world is one file."""
        world = self.scratch / "world.json"
        self.show("mock", "create", str(world))
        a, b = (f"mock://{world}?host={name}" for name in "ab")
        self.show("-c", a, "plan", GUEST, b)
        self.show("-c", a, "migrate", GUEST, b)
        self.show("-c", b, "migrate", GUEST, a, "--no-live")
        self.show("mock", "show", str(world))


def in_the_way() -> list[str]:
    """What keeps real hosts from running here, one sentence each."""
    try:
        from virtmigrate_lab import obstacles
    except ImportError as error:
        return [f"the lab can't be loaded: {error}"]
    return obstacles()


def main() -> int:
    """Run it in a scratch directory whose path is short enough for sockets."""
    began = time.monotonic()
    found = in_the_way()
    with tempfile.TemporaryDirectory(prefix="vm-demo-", dir="/tmp") as scratch:
        demo = Demo(Path(scratch))
        try:
            if found:
                print("No real hosts on this machine:")
                print("".join(f"  - {sentence}\n" for sentence in found))
                print("The same on mock hosts:")
                demo.on_mock_hosts()
            else:
                demo.on_real_hosts()
        except subprocess.CalledProcessError as error:
            print(f"\nThe demo stopped: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped; the lab is down.", file=sys.stderr)
            return 130
    print(f"\nThat took {time.monotonic() - began:.0f} s. Nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
