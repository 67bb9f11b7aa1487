# mypy: disable-error-code="empty-body"
"""The contract of virtmigrate's plugins, as pluggy hook specifications.

A hypervisor plugin is a module (or object) with functions marked `@hookimpl`, named by
an entry point of the group ``virtmigrate``. Phase hooks are never broadcast: a *bound
relay* reaches the hypervisor plugin of that side, the cross-cutting plugins, and the
core's own defaults, in that order; the nearest implementation that does not return
None wins. Wrappers (``@hookimpl(wrapper=True)``) may surround any hook; a wrapper that
raises undoes what came before it. An implementation may take fewer arguments. Hooks
that a plan asks are in `plan_hooks.py`, those about images in `disk_hooks.py`.

A hypervisor's plugin must have `virtmigrate_hypervisors`, `virtmigrate_capabilities`
and `virtmigrate_perform`. What else it leaves out the core does, with `Host` and
`Guest` alone (`defaults.py`), or does without.

Errors: raise those of `virtmigrate.errors` and nothing else. `AnswerLost` means that
the call may have been carried out: then the engine looks instead of guessing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from virtmigrate.capabilities import Capabilities
    from virtmigrate.context import Context
    from virtmigrate.events import Event
    from virtmigrate.host import Host, Hypervisor, RunState
    from virtmigrate.phases import Fate

NAME = "virtmigrate"
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)
"""Marks an implementation: ``from virtmigrate.hookspecs import hookimpl``."""


# Registration ------------------------------------------------------------------------


@hookspec
def virtmigrate_hypervisors() -> Sequence[Hypervisor]:
    """Hand over the hypervisors that this plugin brings.

    Fires once per plugin, when it is registered. A name or URI scheme claimed twice
    is an error, and so is a `contract` other than `virtmigrate.host.CONTRACT`.

    :return: Objects that satisfy `virtmigrate.host.Hypervisor`.

    Example::

        @hookimpl
        def virtmigrate_hypervisors():
            return [MyHypervisor()]

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_capabilities(host: Host) -> Capabilities | None:
    """Declare what this host can do: how each option is met, and what it refuses.

    Fires on both sides while a plan is made, on the hypervisor plugin of that host.
    Ask the host; do not guess from versions.

    :param host: A connected host of this plugin.
    :return: The declaration. An option that is left out is refused when asked for.

    Example::

        @hookimpl
        def virtmigrate_capabilities(host):
            native = Support(on=How.NATIVE, off=How.NATIVE)
            return Capabilities(hypervisor="mine", host=host.name,
                                host_uuid=host.uuid, switches={"live": native})

    .. versionadded:: 0.1
    """


@hookspec
def virtmigrate_cli(app: typer.Typer) -> None:
    """Add commands to the `virtmigrate` command line.

    Fires once, on every plugin, when the command line starts.

    :param app: The Typer application.

    Example::

        @hookimpl
        def virtmigrate_cli(app):
            app.add_typer(my_app, name="mine")

    .. versionadded:: 0.1
    """


# The five phases ---------------------------------------------------------------------


@hookspec(firstresult=True)
def virtmigrate_begin(ctx: Context) -> bytes:
    """Begin at the source: lock the guest's configuration, say what must travel.

    Fires once, on the source's plugin, after capture (and coma).

    :param ctx: The migration.
    :return: Cookie for prepare; empty bytes for none.

    Example::

        @hookimpl
        def virtmigrate_begin(ctx):
            return ctx.guest.uuid.encode()

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_prepare(ctx: Context, cookie: bytes) -> bytes:
    """Make the destination ready to receive.

    Fires once, on the destination's plugin. From here on finish always runs, and is
    told the fate. Return only when everything that can fail has been tried.

    :param ctx: The migration.
    :param cookie: Begin's, unread by others.
    :return: Cookie for perform.

    Example::

        @hookimpl
        def virtmigrate_prepare(ctx, cookie):
            return ctx.destination.listen(cookie)

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_perform(ctx: Context, cookie: bytes) -> bytes:
    """Move the guest; afterwards it runs nowhere (or as the plan says).

    Fires once, on the source's plugin, and takes as long as the transfer. Call
    ``ctx.engine.pulse()`` every 50-250 ms meanwhile (`virtmigrate.attend` does it for
    a blocking call): progress, limits and cancel live there. A failed perform leaves
    the source as it was before it.

    :param ctx: The migration.
    :param cookie: Prepare's.
    :return: Cookie for finish.

    Example::

        @hookimpl
        def virtmigrate_perform(ctx, cookie):
            return attend(lambda: ctx.source.send(cookie), ctx, deadline_s=None)

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_finish(ctx: Context, cookie: bytes, fate: Fate) -> bytes:
    """Start the guest at the destination, or clear the destination away.

    Fires once prepare has been entered, on the destination's plugin. With
    ``Fate.GO`` it is called after COMMIT and leaves the guest in ``ctx.landing`` (or
    paused, where a later step of the plan resumes it). Raise `HostError` only if the
    guest was certainly not started; `AnswerLost` if that is not known.

    :param ctx: The migration.
    :param cookie: Perform's; empty when cancelled.
    :param fate: Go, or cancelled.
    :return: Cookie for confirm.

    Example::

        @hookimpl
        def virtmigrate_finish(ctx, cookie, fate):
            if fate is Fate.CANCELLED:
                ctx.arrival.destroy()
                return b""
            return ctx.destination.start(cookie)

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_confirm(ctx: Context, cookie: bytes, fate: Fate) -> bool:
    """Retire the source's copy, or give the source back what begin took.

    Fires once begin has run, on the source's plugin, last of the five. After
    ``Fate.GO`` an error is only a warning: the guest runs elsewhere.

    :param ctx: The migration.
    :param cookie: Finish's; empty when cancelled.
    :param fate: Go, or cancelled.
    :return: True: it was handled here.

    Example::

        @hookimpl
        def virtmigrate_confirm(ctx, cookie, fate):
            if fate is Fate.GO:
                ctx.guest.destroy()
            return True

    .. versionadded:: 0.1
    """


# Emulations: the core brings a default for each, from `host.py` alone -----------------


@hookspec(firstresult=True)
def virtmigrate_enter_coma(ctx: Context) -> bool:
    """Pause the guest's CPUs before anything moves, because live=no is emulated.

    Fires on the source's plugin before begin, if the plan has the step.

    :param ctx: The migration.
    :return: True: it is paused.

    Example::

        @hookimpl
        def virtmigrate_enter_coma(ctx):
            ctx.guest.suspend()
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_leave_coma(ctx: Context) -> bool:
    """Give the source's guest its CPUs back after a rollback.

    Fires on the source's plugin, only once the destination was seen not to run it,
    and only if we paused it.

    :param ctx: The migration.
    :return: True: it runs.

    Example::

        @hookimpl
        def virtmigrate_leave_coma(ctx):
            ctx.guest.resume()
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_restore_run_state(ctx: Context, landing: RunState) -> bool:
    """Bring the landed guest into the state that it is to have.

    Fires on the destination's plugin after finish, where the plan lands it paused.

    :param ctx: The migration.
    :param landing: RUNNING or PAUSED.
    :return: True: it is in that state.

    Example::

        @hookimpl
        def virtmigrate_restore_run_state(ctx, landing):
            if landing is RunState.RUNNING:
                ctx.arrival.resume()
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_undo_persist(ctx: Context) -> bool:
    """Undo the definition that the hypervisor made at the destination.

    Fires on the destination's plugin after finish, when persist_dest=no is emulated.
    A definition that was there before the migration is put back as it was.

    :param ctx: The migration.
    :return: True: it is undone.

    Example::

        @hookimpl
        def virtmigrate_undo_persist(ctx):
            ctx.arrival.undefine()
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_restore_source(ctx: Context) -> bool:
    """Make the source's definition again, which the hypervisor removed.

    Fires on the source's plugin after confirm, when undefine_source=no is emulated.

    :param ctx: The migration; the XML is ``ctx.captured.definitions``.
    :return: True: it is defined again.

    Example::

        @hookimpl
        def virtmigrate_restore_source(ctx):
            ctx.source.define(ctx.captured.definitions.persistent)
            return True

    .. versionadded:: 0.1
    """


# Watching ----------------------------------------------------------------------------


@hookspec
def virtmigrate_event(event: Event) -> None:
    """See every event of every migration of this process.

    Fires on every plugin, in the thread of the migration; be quick. What it raises
    is logged and changes nothing.

    :param event: One of `virtmigrate.events`.

    Example::

        @hookimpl
        def virtmigrate_event(event):
            print(event.kind)

    .. versionadded:: 0.1
    """
