"""Styles: how a kind of host answers. All behaviour that differs flows from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.capabilities import (
    Capabilities,
    Constraint,
    Form,
    Knob,
    Progress,
    SourceAfterPerform,
    Support,
    ValueSupport,
)
from virtmigrate.errors import BadInput
from virtmigrate_mock import qemu_like, vz_like

if TYPE_CHECKING:
    from virtmigrate.options import Options
    from virtmigrate_mock.state import HostState

VERSION = "1"
STREAM = ("compressed", "parallel", "tls", "tunnelled", "zerocopy")
"""Options that can be seen on the wire."""


@dataclass(frozen=True, slots=True)
class Style:
    """One kind of host.

    Attributes:
        name: `qemu-like` and its like.
        switches: How each switch is met.
        values: How each value option is met.
        constraints: What it refuses in combination.
        knobs: What can be turned in flight.
        progress: What its samples count.
        forms: Forms of switchover.
        source_after_perform: PAUSED: finish starts the guest. GONE: perform does
            everything (destination included), survives its controller, and finish
            and confirm find nothing left to do.
        offline_by_plain_move: A stopped guest moves by the ordinary phases.
        locks: Whether a job locks definition and run state (change protection).
        undefine_ends: Whether undefine takes a running guest with it.
        always_persistent: Whether every guest has a definition.
        stream: What its stream always is (`STREAM`), whatever is asked; None: as told.
        moves_disks: Whether the source's images of copied disks always go.
        shows_while_moving: Whether the source says PAUSED_MIGRATION all the time
            that a transfer runs, although the guest runs.
    """

    name: str
    switches: dict[str, Support]
    values: dict[str, ValueSupport]
    constraints: tuple[Constraint, ...] = ()
    knobs: tuple[Knob, ...] = ()
    progress: Progress = Progress.BYTES
    forms: tuple[Form, ...] = (Form.DRIVEN,)
    source_after_perform: SourceAfterPerform = SourceAfterPerform.PAUSED
    offline_by_plain_move: bool = False
    locks: bool = True
    undefine_ends: bool = False
    always_persistent: bool = False
    moves_disks: bool = False
    shows_while_moving: bool = False
    stream: frozenset[str] | None = None

    @property
    def daemon(self) -> bool:
        """Whether perform carries everything through by itself."""
        return self.source_after_perform is SourceAfterPerform.GONE

    def streams(self, options: Options) -> list[str]:
        """What the stream of a move with these options is."""
        if self.stream is not None:
            return sorted(self.stream)
        return [name for name in STREAM if getattr(options, name)]

    def capabilities(self, host: HostState) -> Capabilities:
        """What a host of this style declares."""
        key = (self.name, host.name, host.uuid)
        declared = DECLARED.get(key)
        if declared is None:
            declared = DECLARED[key] = self._declared(host)
        return declared

    def _declared(self, host: HostState) -> Capabilities:
        return Capabilities(
            hypervisor="mock",
            host=host.name,
            host_uuid=host.uuid,
            versions={"mock": VERSION, "style": self.name},
            switches=self.switches,
            values=self.values,
            constraints=self.constraints,
            knobs=self.knobs,
            progress=self.progress,
            forms=self.forms,
            source_after_perform=self.source_after_perform,
            offline_by_plain_move=self.offline_by_plain_move,
        )


DECLARED: dict[tuple[str, str, str], Capabilities] = {}
"""Declarations so far, by style, host and its UUID: made once, as they never change."""
STYLES: dict[str, Style] = {}


def register_style(style: Style) -> Style:
    """Make a style known by its name; tests may bring their own.

    Example:
        >>> from dataclasses import replace
        >>> rigid = replace(STYLES["qemu-like"], name="no-knobs", knobs=())
        >>> rigid is register_style(rigid)
        True
        >>> STYLES["no-knobs"].knobs
        ()
    """
    STYLES[style.name] = style
    DECLARED.clear()
    return style


def style_named(name: str) -> Style:
    """The style of this name.

    Raises:
        BadInput: There is none.
    """
    try:
        return STYLES[name]
    except KeyError:
        raise BadInput(
            f"{name!r} is no style", subject="style", remedy=", ".join(sorted(STYLES))
        ) from None


QEMU_LIKE = register_style(
    Style(
        name="qemu-like",
        switches=qemu_like.SWITCHES,
        values=qemu_like.VALUES,
        constraints=qemu_like.CONSTRAINTS,
        knobs=tuple(Knob),
        forms=(Form.DRIVEN, Form.PEER_TO_PEER),
    )
)
VZ_LIKE = register_style(
    Style(
        name="vz-like",
        switches=vz_like.SWITCHES,
        values=vz_like.VALUES,
        progress=Progress.PERCENT,
        forms=(Form.DRIVEN, Form.PEER_TO_PEER),
        source_after_perform=SourceAfterPerform.GONE,
        offline_by_plain_move=True,
        locks=False,
        undefine_ends=True,
        always_persistent=True,
        moves_disks=True,
        shows_while_moving=True,
        stream=frozenset(("compressed", "tls")),
    )
)
