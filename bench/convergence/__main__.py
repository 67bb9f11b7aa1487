"""Does it end, when, and what does the guest see of it: policies side by side.

    python -m bench.convergence --quick                      five minutes
    python -m bench.convergence --repeats 3 --json all.json --html all.html
    python -m bench.convergence --scenarios S6,S8 --strategies virsh,adaptive+postcopy
    python -m bench.convergence --guestperf                  QEMU's own comparisons

From the repository's root. The same guest goes back and forth between two real hosts
over a shaped link (64 MiB/s), by virsh and by virtmigrate, turn by turn. A heartbeat
outside the guest tells when it ran where, the source's device what was sent. `adaptive`
is what `virtmigrate migrate` does, its planning included, the start of a process not;
`measured` is foretold, by a measurement before the clock starts. Guests run under
software emulation and are paced: figures are about policies, in units of V/B. Nothing
here asserts: it prints. Ctrl-C writes what there is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bench.convergence import report
from bench.convergence.cell import Cell
from bench.convergence.data import Data
from bench.convergence.field import Field
from bench.convergence.machine import machine
from bench.convergence.ours import Ours
from bench.convergence.plan import Task, chosen, missing, tasks
from bench.convergence.scenarios import SCENARIOS
from bench.convergence.strategies import STRATEGIES, Strategy

BUFFERS = {"deep": ["deep"], "shallow": ["shallow"], "both": ["deep", "shallow"]}


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.convergence",
        description=(__doc__ or "").partition("\n")[0],
    )
    say = parser.add_argument
    say("--repeats", type=int, default=1, help="of each cell; some have more")
    say("--scenarios", help=f"of {','.join(SCENARIOS)}")
    say("--strategies", help=f"of {','.join(STRATEGIES)}")
    say("--without", help="strategies that are left out")
    say("--buffers", choices=list(BUFFERS), default="deep", help="TCP buffers")
    say("--deadline", type=float, help="seconds, for every scenario")
    say("--measure", type=float, help="s, before each `measured`; 5, or 1 if quick")
    say("--quick", action="store_true", help="few of each: five minutes")
    say("--guestperf", action="store_true", help="QEMU's comparisons instead")
    say("--release", help="hosts of another Debian release: trixie")
    say("--json", type=Path, help="write all that was seen there")
    say("--markdown", type=Path, help="write the tables there")
    say("--html", type=Path, help="write a page with tables and plots there")
    say(
        "--from-json",
        type=Path,
        nargs="+",
        help="make tables of earlier runs together; run nothing",
    )
    return parser.parse_args()


def run(todo: list[Task], data: Data, measure_s: float, release: str = "") -> None:
    """Run the cells; each is added as soon as it is there."""
    from virtmigrate_lab import Lab, releases

    if release:
        data.machine["release"] = f"hosts of {releases.fetch(release).name}"
    others = dict.fromkeys("ab", release) if release else {}

    with tempfile.TemporaryDirectory(prefix="vm-bench-", dir="/tmp") as scratch:
        state = Path(scratch) / "lab"
        ours = None
        if any(task.strategy.ours for task in todo):
            ours = Ours(Path(scratch) / "journal", measure_s)
        with Lab.up("2", state_dir=state, releases=others) as lab:
            field = Field(lab, ours)
            try:
                field.warm_up()
                for number, task in enumerate(todo, 1):
                    cell = field.run(
                        task.scenario, task.strategy, task.buffers, task.repeat
                    )
                    data.add(task, cell)
                    print(f"[{number}/{len(todo)}] {line(cell)}", flush=True)
            finally:
                field.close()


def line(cell: Cell) -> str:
    """A cell in one line."""
    how = "ok" if cell.within else "ended" if cell.ended else "NOT"
    passes = "?" if cell.passes is None else cell.passes
    lost = "?" if cell.lost_percent is None else f"{cell.lost_percent:.0f}"
    return (
        f"{cell.scenario:<5}{cell.strategy:<26}{cell.buffers:<8}{how:<6}"
        f"{cell.total_s:6.2f} s  gap {cell.gap_ms:5.0f} ms  "
        f"stalls {cell.stalls_ms:5.0f} ms  lost {lost:>3} %  "
        f"{cell.sent_mib:5.0f} MiB  {passes} passes  {cell.why[:80]}"
    )


def able(strategy: Strategy) -> bool:
    """Whether this virtmigrate can carry it out."""
    return not strategy.ours or find_spec("virtmigrate.presets") is not None


def write(asked: argparse.Namespace, data: Data) -> None:
    """Print the tables, and write what was asked for."""
    print("\n" + report.markdown(data))
    if asked.json:
        asked.json.write_text(json.dumps(data.to_json(), indent=1), encoding="utf-8")
    if asked.markdown:
        asked.markdown.write_text(report.markdown(data), encoding="utf-8")
    if asked.html:
        asked.html.write_text(report.html(data), encoding="utf-8")


def main() -> None:
    """Run, and show."""
    asked = parsed()
    if asked.from_json:
        texts = [path.read_text(encoding="utf-8") for path in asked.from_json]
        write(asked, Data.joined([Data.from_json(json.loads(text)) for text in texts]))
        return
    pairs = chosen(asked)
    data = Data(machine())
    data.missing = [(row.name, row.why) for row in missing(asked, pairs, able)]
    buffers = BUFFERS[asked.buffers]
    todo = tasks(pairs, buffers, asked.repeats, able, quick=asked.quick)
    print(f"{len(todo)} cells; {data.machine}", flush=True)
    try:
        measure_s = asked.measure or (1.0 if asked.quick else 5.0)
        run(todo, data, measure_s, asked.release or "")
    except KeyboardInterrupt:
        print("\ninterrupted: this is what there is")
    finally:
        data.machine["load_after"] = machine()["load"]
        write(asked, data)


if __name__ == "__main__":
    main()
