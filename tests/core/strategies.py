"""What Hypothesis draws from: requests, declarations, guests, plans."""

from __future__ import annotations

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

hows_on = st.sampled_from([How.NATIVE, How.INHERENT, How.EMULATED, How.DEFERRED])
supports = st.builds(
    Support,
    on=st.sampled_from(How),
    off=st.sampled_from(How),
    default=answers,
    note=st.sampled_from(["", "because"]),
).filter(lambda s: {s.on, s.off} != {How.REFUSED})
"""Any way of meeting a switch that leaves one answer."""


def agreeing(pair):
    """Whether one answer at least is refused by neither side."""
    here, there = pair
    return any(How.REFUSED not in (here.how(a), there.how(a)) for a in (True, False))


@st.composite
def declarations(draw):
    """Two hosts that can agree on an answer to each switch."""
    names = draw(st.sets(st.sampled_from(DECLARABLE)))
    pairs = {
        name: draw(st.tuples(supports, supports).filter(agreeing)) for name in names
    }
    common = {
        "knobs": tuple(draw(st.sets(st.sampled_from(Knob)))),
        "source_after_perform": draw(st.sampled_from(SourceAfterPerform)),
    }
    forms = tuple(draw(st.permutations(list(Form))))
    return tuple(
        declaration(
            host,
            {name: pair[side] for name, pair in pairs.items()},
            forms=forms,
            **common,
        )
        for side, host in enumerate("ab")
    )


guests = st.builds(facts, state=live_states, persistent=st.booleans())
