"""`virTypedParameter`: the layout that libvirt expects, byte by byte."""

from __future__ import annotations

import ctypes
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtmigrate.errors import BadInput
from virtmigrate.option_rows import VALUES
from virtmigrate_libvirt.typed import TYPES, TypedParameter, marshal, unmarshal

INT, ULLONG, STRING = 1, 4, 7


def test_the_structure_is_96_bytes_and_its_union_is_aligned():
    assert ctypes.sizeof(TypedParameter) == 96
    assert TypedParameter.field.offset == 0
    assert TypedParameter.type.offset == 80
    assert TypedParameter.value.offset == 88


def test_raw_bytes_of_each_type():
    array = marshal({"bandwidth": 2**40, "disks_port": -1, "destination_name": "g"})
    raw = bytes(array)
    for at, (name, kind) in enumerate(
        [("bandwidth", ULLONG), ("disks_port", INT), ("destination_name", STRING)]
    ):
        field, found = struct.unpack_from("80si", raw, at * 96)
        assert field.rstrip(b"\0").decode() == name
        assert found == kind
    assert struct.unpack_from("Q", raw, 88) == (2**40,)
    assert struct.unpack_from("i", raw, 96 + 88) == (-1,)
    (pointer,) = struct.unpack_from("P", raw, 192 + 88)
    assert ctypes.string_at(pointer) == b"g"


def test_types_are_those_of_libvirt_and_not_guessed():
    assert TYPES["compression.zlib.level"] == INT
    assert TYPES["compression.zstd.level"] == INT
    assert TYPES["compression.xbzrle.cache"] == ULLONG
    assert TYPES["bandwidth.avail.switchover"] == ULLONG
    assert TYPES["migrate_disks"] == STRING
    assert set(TYPES) == {row.param for row in VALUES if row.param}


def test_a_list_is_repeated():
    array = marshal({"migrate_disks": ["vda", "vdb"], "bandwidth": 1})
    assert len(array) == 3
    assert unmarshal(array) == {"migrate_disks": ["vda", "vdb"], "bandwidth": [1]}


def test_no_parameters_make_an_empty_array():
    assert len(marshal({})) == 0


STRINGS = [name for name, kind in TYPES.items() if kind == STRING]
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


@given(
    texts=st.dictionaries(st.sampled_from(STRINGS), texts),
    ints=st.dictionaries(
        st.sampled_from([n for n, k in TYPES.items() if k == INT]),
        st.integers(-(2**31), 2**31 - 1),
    ),
    longs=st.dictionaries(
        st.sampled_from([n for n, k in TYPES.items() if k == ULLONG]),
        st.integers(0, 2**64 - 1),
    ),
)
def test_what_goes_in_comes_out(texts, ints, longs):
    params = {**texts, **ints, **longs}
    assert unmarshal(marshal(params)) == {k: [v] for k, v in params.items()}


@pytest.mark.parametrize(
    "params",
    [
        {"no_such_parameter": 1},
        {"bandwidth": -1},
        {"bandwidth": 2**64},
        {"bandwidth": "9"},
        {"bandwidth": True},
        {"disks_port": 2**31},
        {"destination_name": 7},
        {"destination_name": "a\0b"},
        {"migrate_disks": [f"vd{n}" for n in range(65)]},
    ],
)
def test_bad_parameters_are_refused_before_any_call(params):
    with pytest.raises(BadInput):
        marshal(params)
