"""What Hypothesis draws from: requests, declarations, guests, plans."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from tests.core.declared import DECLARABLE, declaration, facts
from virtmigrate.capabilities import Form, How, Knob, SourceAfterPerform, Support
from virtmigrate.host import RunState
from virtmigrate.option_rows import FLAG_MASK, SWITCHES

answers = st.sampled_from([True, False, None])
flag_words = st.integers(0, FLAG_MASK)
live_states = st.sampled_from([RunState.RUNNING, RunState.PAUSED])
all_states = st.sampled_from([RunState.RUNNING, RunState.PAUSED, RunState.SHUTOFF])

switch_answers = st.fixed_dictionaries(
    {}, optional={row.name: st.booleans() for row in SWITCHES}
)
"""Some switches yes, some no, the others absent."""

values = st.fixed_dictionaries(
    {},
    optional={
        "dest_name": st.sampled_from(["other", "demo-2", "gäst"]),
        "migrate_uri": st.sampled_from(["tcp://10.0.0.2:49152", "rdma://h"]),
        "bandwidth_mib_s": st.integers(0, 1 << 40),
        "migrate_disks": st.lists(
            st.sampled_from(["vda", "sdb", "hdc"]), min_size=1, unique=True
        ).map(tuple),
        "compression_methods": st.sampled_from([("xbzrle",), ("mt", "zlib")]),
        "disks_port": st.integers(0, 65535),
        "timeout_s": st.integers(1, 1000),
        "dest_xml": st.text(min_size=1, max_size=40),
        "persist_xml": st.text(min_size=1, max_size=40),
    },
)

WAYS = list(itertools.product(How, repeat=2))
"""How yes and how no are met."""
AGREEING = [
    pair
    for pair in itertools.product(WAYS, WAYS)
    if any(How.REFUSED not in (pair[0][n], pair[1][n]) for n in (0, 1))
]
"""Ways of two hosts that leave one answer at least to both."""
CAN_CONTRADICT = {"copy_storage_inc", "offline"}
"""A host that can't have these off contradicts the core's own rules."""


@st.composite
def declarations(draw):
    """Two hosts that can agree on an answer to each switch."""
    names = sorted(set(DECLARABLE) - CAN_CONTRADICT)
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=10))
    switches = ({}, {})
    for name in chosen:
        for side, (on, off) in zip(
            switches, draw(st.sampled_from(AGREEING)), strict=True
        ):
            side[name] = Support(on=on, off=off, default=draw(answers))
    common = {
        "knobs": draw(st.sampled_from([(), tuple(Knob)])),
        "forms": tuple(draw(st.permutations(list(Form)))),
        "source_after_perform": draw(st.sampled_from(SourceAfterPerform)),
    }
    return tuple(
        declaration(host, side, **common)
        for host, side in zip("ab", switches, strict=True)
    )


guests = st.builds(facts, state=live_states, persistent=st.booleans())
