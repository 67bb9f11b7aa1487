"""Options: three answers, values with ranges, and libvirt's words to and fro."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import strategies
from tests.requirements import requirement
from virtmigrate import BadInput, Options
from virtmigrate.errors import leaves
from virtmigrate.option_rows import FLAG_MASK, SWITCHES, VALUES
from virtmigrate.options import MIB_S_MAX

PROMISED = {row.name for row in SWITCHES if row.absent is False}
"""Flags whose absence libvirt reads as "no"."""


def faults(group):
    """Subject of each fault in a group of errors."""
    return sorted(error.subject for error in leaves(group))


def refused(asked):
    """The errors of a request; none if it is good."""
    try:
        Options.checked(asked)
    except ExceptionGroup as group:
        return leaves(group)
    return []


@requirement("say.three-answers")
def test_the_three_answers_stay_apart():
    requests = [Options(compressed=answer) for answer in (True, False, None)]
    assert len(set(requests)) == 3
    assert [r.given() for r in requests] == [
        {"compressed": True},
        {"compressed": False},
        {},
    ]
    assert Options() == requests[2]


@given(strategies.flag_words)
@requirement("compat.semantics")
def test_a_flag_word_comes_back_as_it_was(flags):
    assert Options.from_libvirt_flags(flags).to_libvirt_flags() == flags


@given(strategies.flag_words)
@requirement("compat.semantics")
def test_absence_is_no_where_libvirt_promises_it_and_default_elsewhere(flags):
    options = Options.from_libvirt_flags(flags)
    for row in SWITCHES:
        answer = getattr(options, row.name)
        if row.bit is not None and flags >> row.bit & 1:
            assert answer is True, row.name
        else:
            assert answer is (False if row.name in PROMISED else None), row.name


@requirement("compat.semantics")
@requirement("live.meaning")
@requirement("options.flag-word-zero")
def test_the_empty_flag_word_means_coma_transient_and_source_kept():
    options = Options.from_libvirt_flags(0)
    assert options.live is False
    assert options.persist_dest is False
    assert options.undefine_source is False
    assert options.compressed is None
    assert options.paused is None


@requirement("compressed.absent")
def test_compressed_is_the_callers_choice_only_when_its_flag_is_set():
    assert Options.from_libvirt_flags(0).compressed is None
    assert Options.from_libvirt_flags(1 << 11).compressed is True


@given(strategies.switch_answers)
def test_only_a_yes_becomes_a_bit(asked):
    word = Options(**asked).to_libvirt_flags()
    for row in SWITCHES:
        if row.bit is not None:
            assert bool(word >> row.bit & 1) is (asked.get(row.name) is True)


@given(strategies.values)
def test_values_go_to_libvirts_parameters_and_back(asked):
    options = Options(**asked)
    params = options.to_libvirt_params()
    back = Options.from_libvirt_flags(options.to_libvirt_flags(), params)
    for row in VALUES:
        if row.param:
            assert getattr(back, row.name) == getattr(options, row.name), row.name


@requirement("options.units")
def test_units_pass_through_as_libvirt_has_them():
    options = Options(bandwidth_mib_s=7, compression_xbzrle_cache_bytes=8192)
    assert options.to_libvirt_params() == {
        "bandwidth": 7,
        "compression.xbzrle.cache": 8192,
    }


def test_a_repeating_parameter_may_come_as_one_string():
    options = Options.from_libvirt_flags(0, {"migrate_disks": "vda"})
    assert options.migrate_disks == ("vda",)
    assert options.to_libvirt_params() == {"migrate_disks": ["vda"]}


@pytest.mark.parametrize(
    "word", [-1, -(1 << 40), 1 << 21, 1 << 31, 1 << 32, (1 << 32) | 1, 1 << 64]
)
@requirement("compat.semantics")
def test_a_word_that_libvirt_does_not_know_is_refused(word):
    with pytest.raises(BadInput) as caught:
        Options.from_libvirt_flags(word)
    assert caught.value.subject == "flags"
    assert caught.value.remedy


@given(st.integers().filter(lambda n: n < 0 or n & ~FLAG_MASK))
def test_no_other_word_is_ever_accepted(word):
    with pytest.raises(BadInput):
        Options.from_libvirt_flags(word)


# name: least, most
RANGES = {
    "bandwidth_mib_s": (0, MIB_S_MAX),
    "postcopy_bandwidth_mib_s": (0, MIB_S_MAX),
    "switchover_bandwidth_mib_s": (0, MIB_S_MAX),
    "disks_port": (0, 65535),
    "compression_mt_level": (0, 9),
    "compression_mt_threads": (1, 255),
    "compression_mt_dthreads": (1, 255),
    "compression_xbzrle_cache_bytes": (4096, 1 << 50),
    "compression_zlib_level": (0, 9),
    "compression_zstd_level": (0, 20),
    "auto_converge_initial_percent": (1, 99),
    "auto_converge_increment_percent": (1, 99),
    "parallel_connections": (1, 255),
    "timeout_s": (1, 10**7),
}


@requirement("options.units")
def test_every_number_has_a_range():
    assert set(RANGES) == {row.name for row in VALUES if row.kind != "string"}


@pytest.mark.parametrize(("name", "low", "high"), [(n, *r) for n, r in RANGES.items()])
def test_ranges_hold_at_both_ends(name, low, high):
    for good in (low, high):
        assert getattr(Options.checked({name: good}), name) == good
    for bad in (low - 1, high + 1, 1 << 63, "9", 1.0, True):
        with pytest.raises(ExceptionGroup) as caught:
            Options.checked({name: bad})
        assert faults(caught.value) == [name]


def test_no_bandwidth_overflows_when_a_daemon_counts_it_in_bytes():
    assert MIB_S_MAX * (1 << 20) < 1 << 63


BAD_NAMES = [
    "", " ", "-rf", ".hidden", "../../etc/x", "a/b", "a\n", "a\x00", "a" * 65,
    "\u202ea", "x ", "%s", "a\tb", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_that_are_none(name):
    with pytest.raises(ExceptionGroup) as caught:
        Options.checked({"dest_name": name})
    assert faults(caught.value) == ["dest_name"]


@pytest.mark.parametrize("name", ["demo", "gäst 1", "a.b_c:d+e@f=g,h-i", "名前", "_"])
def test_names_that_are_good(name):
    assert Options.checked({"dest_name": name}).dest_name == name


BAD_VALUES = {
    "migrate_uri": ["", "tcp://a b", "-oProxyCommand=x", "tcp://\u0433", "x" * 1025, 7],
    "graphics_uri": ["spice://h\n", "--"],
    "listen_address": ["", " ", "-a"],
    "disks_uri": ["tcp://h:1\r"],
    "tls_destination": ["-x", ""],
    "migrate_disks": [("vda", "../x"), ("",), ("-v",), "vda", 7, ("vda\n",), ("1a",)],
    "compression_methods": [("gzip",), ("xbzrle", "XBZRLE"), "mt"],
    "dest_xml": ["", "x" * ((1 << 20) + 1)],
    "persist_xml": [""],
    "live": [1, 0, "yes", "true"],
    "compressed": ["no", 2, ()],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_VALUES.items() for value in values],
    ids=lambda part: repr(part)[:24],
)
def test_values_that_are_none_are_named(name, value):
    with pytest.raises(ExceptionGroup) as caught:
        Options.checked({name: value})
    assert faults(caught.value) == [name]
    assert all(isinstance(error, BadInput) for error in leaves(caught.value))


@requirement("say.all-at-once")
def test_all_faults_of_a_request_come_at_once():
    asked = {
        "live": "maybe",
        "bandwidth_mib_s": -1,
        "dest_name": "-rf",
        "bandwith": 5,
        "migrate_disks": ["vda", "../sda"],
    }
    with pytest.raises(ExceptionGroup) as caught:
        Options.checked(asked)
    assert faults(caught.value) == sorted(asked)
    spelled = {str(error) for error in leaves(caught.value)}
    assert any(text.startswith("--bandwidth:") for text in spelled)
    assert any("'bandwith' is no option" in text for text in spelled)


@requirement("say.all-at-once")
def test_all_faults_of_parameters_come_at_once():
    params = {"bandwith": 1, "nonsense": "x", "bandwidth": -1, "live": True}
    with pytest.raises(ExceptionGroup) as caught:
        Options.from_libvirt_flags(0, params)
    assert faults(caught.value) == ["bandwidth_mib_s", "bandwith", "live", "nonsense"]


def test_our_own_field_names_are_no_parameters_of_libvirt():
    with pytest.raises(ExceptionGroup) as caught:
        Options.from_libvirt_flags(0, {"bandwidth_mib_s": 1})
    assert faults(caught.value) == ["bandwidth_mib_s"]


@given(st.dictionaries(st.text(max_size=90), st.none() | st.booleans() | st.text()))
def test_loose_data_gives_options_or_bad_input(asked):
    assert all(isinstance(error, BadInput) for error in refused(asked))


@requirement("options.units")
def test_options_are_frozen_and_closed():
    with pytest.raises(ValueError, match="frozen"):
        Options().live = True
    with pytest.raises(ValueError, match="extra_forbidden"):
        Options(liev=True)


@given(strategies.switch_answers, strategies.values)
def test_options_survive_json(switches, values):
    options = Options(**switches, **values)
    assert Options.model_validate_json(options.model_dump_json()) == options
