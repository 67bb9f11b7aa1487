"""What the design promises beyond the thread: a sentence an id. Pure data.

`tests/requirements.py` makes requirements of them.
"""

from __future__ import annotations

BUILT: dict[str, str] = {
    # --- the plan -------------------------------------------------------------
    "plan.program": (
        "A plan is ordered steps: each says phase, side, hook, why, and its undo."
    ),
    "plan.native-is-free": "An answer that a hypervisor meets by itself adds no step.",
    "plan.touches-nothing": "To plan touches neither host, and makes no journal.",
    "plan.form-and-cost": (
        "The plan says which form the switchover takes, and what it costs."
    ),
    "plan.rules-are-data": (
        "What contradicts itself is a row of data, told with a remedy."
    ),
    # --- the pre-flight -------------------------------------------------------
    "preflight.blockers": (
        "Each blocker is told before anything begins: side, remedy, evidence."
    ),
    "preflight.all-at-once": "All blockers of a guest are told in one report.",
    "preflight.no-false-blocker": ("A guest that libvirt would move meets no blocker."),
    "preflight.warnings": (
        "What may go wrong at the destination is a warning with a remedy."
    ),
    "preflight.not-checked": (
        "What a host does not answer is named: no check fails in silence."
    ),
    "preflight.secrets": "No finding shows a secret of a definition.",
    "preflight.untouched": "A pre-flight changes nothing on either host.",
    "preflight.documented": (
        "Each finding stands in docs/findings.md, and nothing else does."
    ),
    # --- options and what hosts declare ---------------------------------------
    "options.one-table": "One table says what yes, no and absence of each option mean.",
    "options.units": (
        "Values are typed, with the unit in the name and a range that holds."
    ),
    "options.bare-is-a-move": (
        "A bare request moves: live, gone here, and as the guest was."
    ),
    "options.flag-word-zero": "Flag word 0 is coma, transient there, and kept here.",
    "declare.every-option": (
        "A hypervisor declares of every option how yes and no are met."
    ),
    "declare.knobs": (
        "What is turned in flight is declared; asking for another is refused."
    ),
    "declare.progress": (
        "Progress counts what is declared, and what is unknown stays unknown."
    ),
    "declare.same-truth": (
        "The printed capabilities and the support matrix are what is declared."
    ),
    # --- how a transfer is made -----------------------------------------------
    "ends.limit-kept": (
        "A limit that could not be set is tried again, and named where it stays unset."
    ),
    "ends.no-knob": (
        "A limit or consent that the source has no knob for is told before the move."
    ),
    "ends.short-queue": (
        "Where the source lets us, little waits in its sockets; nothing else changes."
    ),
    "ends.combined": (
        "What may be combined is combined, chosen by what both hosts have."
    ),
    "releases.mixed": (
        "Hosts of two releases move guests to and fro; what one lacks is told before."
    ),
    # --- disks ----------------------------------------------------------------
    "disks.empty-list": "An empty list of disks never means that all are copied.",
    "disks.only-ours": (
        "Only images that this migration made are ever deleted at the destination."
    ),
    "disks.never-the-newest": (
        "No image is deleted on which the guest may have run since it was copied."
    ),
    "disks.source-kept": (
        "The source's images go only if asked, once the guest lives on its copies."
    ),
    "recover.disks-kept": "No disk is deleted that something refers to.",
    # --- the switchover -------------------------------------------------------
    "switch.outcomes": "Each outcome has its own exit code: 0, 1, 2, 3 and 4.",
    "switch.observed": (
        "What both hosts show decides the outcome; no error, answer or event does."
    ),
    "switch.driven": (
        "We drive the phases; the hypervisor's one call is used where we can't."
    ),
    "switch.lands-paused": (
        "Peer-to-peer and the one call land paused, and resume after COMMIT."
    ),
    "switch.one-step": (
        "The one-step form is used only where the caller consents by its name."
    ),
    "switch.postcopy": (
        "Post-copy is driven by us or refused: else a lost message runs two copies, or "
        "ends the only one."
    ),
    "switch.daemon-goes-on": "A peer-to-peer move goes on when its controller dies.",
    "switch.source-declared": (
        "What perform does to the source is declared: it sets the point of no return."
    ),
    "switch.landed": (
        "`landed` is told once the guest runs there, before the source is retired."
    ),
    "switch.post-copy-consent": (
        "Post-copy is never entered unless it was permitted before."
    ),
    "switch.post-copy-commit": (
        "Post-copy lands under the same COMMIT as any other move."
    ),
    "switch.what-waits": (
        "What was noted during a transfer is not left to be written while the guest "
        "stands still."
    ),
    "switch.undo": (
        "What was done is undone in reverse, and one that fails stops no other."
    ),
    "switch.what-libvirt-hears": (
        "Libvirt hears of an outcome what its own client would tell it."
    ),
    "switch.last-definition": (
        "A guest's last definition goes only if both removals were asked for."
    ),
    # --- plugins and their hooks ----------------------------------------------
    "hooks.documented": (
        "Every hook tells its purpose, parameters and answer, with an example."
    ),
    "hooks.defaults": (
        "The core's answers are hooks like any other, on host objects alone."
    ),
    "hooks.wrapper-undoes": "A wrapper that fails a phase undoes what came before it.",
    "hooks.preflight-collected": (
        "The findings of every plugin are collected and told together."
    ),
    "hooks.phases-lead-on": "From every phase there is a legal way to the end.",
    "plugins.origin": "A plugin that fails to load is reported with its distribution.",
    "plugins.objects": (
        "Host and guest are objects that satisfy the contract's protocols."
    ),
    "plugins.commands": (
        "A plugin may add commands; one that can't is named, the rest goes on."
    ),
    "plugins.example": (
        "The page for authors shows a whole plugin, line by line as it is."
    ),
    "errors.tree": "One tree of errors, drawn as it is; each carries its data.",
    "errors.no-libvirt": "No error of libvirt leaves a plugin.",
    # --- vz, beyond the thread ------------------------------------------------
    "vz.bandwidth": (
        "vz refuses a bandwidth and another definition before anything is sent."
    ),
    "vz.images": (
        "Images are made at the destination through libvirt, or the plan refuses."
    ),
    "vz.disks-warned": "A source that is kept is warned of: its own disks are gone.",
    # --- the journal ----------------------------------------------------------
    "journal.private": "The journal's directory is 0700, its files are 0600.",
    "journal.wal-full": "SQLite runs in WAL mode, and each commit is synced in full.",
    "journal.place": (
        "It lies in the XDG state directory, or where the environment says."
    ),
    "journal.own": "An orchestrator may hand in a journal of its own.",
    "journal.plain-json": (
        "State is JSON with a version; an older one is read and goes on."
    ),
    "journal.intent-first": (
        "A durable intent precedes each side effect; a record follows it."
    ),
    "journal.original-xml": (
        "The guest's exact definitions are kept before anything is changed."
    ),
    "journal.twice": "To recover or to settle twice does nothing more.",
    # --- in a program ---------------------------------------------------------
    "api.handle": "A migration that was started is a handle: events, cancel, wait.",
    "api.asyncio": "The same for asyncio; cancelling the task cancels the migration.",
    "api.light": "Importing the core loads no libvirt and no command line.",
    "events.typed": "Events are typed, in order, and survive JSON.",
    "events.sinks": "A listener that fails changes nothing.",
    # --- at the terminal ------------------------------------------------------
    "cli.virsh": "Every option of `virsh migrate` is taken in virsh's spelling.",
    "cli.no-words": "Each on/off option is also taken as `--no-`.",
    "cli.json": "`--json` everywhere: one document on stdout, even of a refusal.",
    "cli.events": "`--events` gives one event a line, the result last.",
    "cli.effective": "A move ends with the options that were in effect, as one line.",
    "cli.streams": "Answers go to stdout, what people are told goes to stderr.",
    "cli.exit-codes": "The help of each command states the exit codes, and they hold.",
    "cli.commands": (
        "Planning, moving, looking and recovering are commands of one program."
    ),
    "cli.extra": "Without its extra, the command says in one line what to install.",
    "cli.first-signal": "The first Ctrl-C cancels and rolls back.",
    "cli.second-signal": "A second one leaves at once, and names `recover`.",
    "cli.environment": (
        "The environment names source and state directory; all is documented."
    ),
    "cli.no-color": "`NO_COLOR` is honoured.",
    # --- how it is built ------------------------------------------------------
    "built.imports": "Imports point one way; plugins never import each other.",
    "built.one-libvirt": "Only one distribution imports libvirt.",
    "built.one-version": (
        "One version for all distributions, and `==` between siblings."
    ),
    "built.names": "A distribution is a prefix package of its own, in a src layout.",
    "built.python": "Python 3.11 and later.",
    "recover.idempotent-phases": "What is entered again looks before it acts.",
    "recover.fencing": (
        "A controller whose log went on without it can record no intent, nor act."
    ),
    "recover.policy": "A restarted controller resumes the policy of a live job.",
    "built.small-files": "No file of Python is over 400 lines.",
}
"""Promises that are kept: each must have a test."""

LATER: dict[str, tuple[str, str]] = {
    "switch.separable": (
        "A move may be held after prepare, and confirm behind the next perform.",
        "many guests",
    ),
}
"""Promises that a later part of the work brings: the promise, and which part."""
