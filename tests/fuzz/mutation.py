"""What is well formed, damaged: the inputs that reach deepest into a parser."""

from __future__ import annotations

from hypothesis import strategies as st

EDITS_MOST = 8
PIECE_MOST = 40


def damaged(seeds, tokens=(b"",)):
    """Bytes of a seed with a few edits: cut, doubled, flipped, with tokens put in.

    Args:
        seeds: What is well formed, as bytes.
        tokens: What means something to the parser.
    """
    token = st.sampled_from([*tokens, b"\0", b"-1", b"9" * 30, b"%00", b"\xff"])
    pieces = st.binary(max_size=PIECE_MOST) | token
    edit = st.tuples(st.floats(0, 1), st.floats(0, 0.3), pieces, st.integers(0, 3))
    edits = st.lists(edit, max_size=EDITS_MOST)
    return st.builds(_apply, st.sampled_from(list(seeds)), edits) | st.binary()


def _apply(seed, edits):
    data = seed
    for where, share, piece, kind in edits:
        start = int(where * len(data))
        stop = min(len(data), start + int(share * len(data)))
        middle = {
            0: piece,
            1: piece + data[start:stop],
            2: data[start:stop] * 2,
            3: bytes(byte ^ 0x20 for byte in data[start:stop]),
        }[kind]
        data = data[:start] + middle + data[stop:]
    return data


def text(data):
    """Bytes as text, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def altered(draw, seed):
    """A JSON document with a few of its values replaced, taken out, or added to."""
    data = seed
    for _ in range(draw(st.integers(0, 3))):
        data = _altered(draw, data)
    return data


def _altered(draw, data):
    if isinstance(data, dict) and data:
        key = draw(st.sampled_from(sorted(data)))
        kind = draw(st.sampled_from(["value", "inside", "inside", "gone", "more"]))
        if kind == "gone":
            return {k: v for k, v in data.items() if k != key}
        if kind == "more":
            return {**data, draw(st.text(max_size=12)): draw(JSON)}
        inner = draw(JSON) if kind == "value" else _altered(draw, data[key])
        return {**data, key: inner}
    if isinstance(data, list) and data:
        at = draw(st.integers(0, len(data) - 1))
        return [*data[:at], _altered(draw, data[at]), *data[at + 1 :]]
    return draw(JSON)
