"""The table of options is libvirt's, bit by bit and parameter by parameter.

What libvirt says stands here a second time, as literal text, so that neither copy can
drift alone.
"""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.option_rows import (
    BY_NAME,
    BY_PARAM,
    FLAG_MASK,
    ROWS,
    SWITCHES,
    VALUES,
)

# virDomainMigrateFlags: bit, virsh's spelling, our field, what absence means to libvirt
# ("-" = it promises nothing either way).
FLAGS = """
0   live                             live                             no
1   p2p                              p2p                              no
2   tunnelled                        tunnelled                        no
3   persistent                       persist_dest                     no
4   undefinesource                   undefine_source                  no
5   suspend                          paused                           -
6   copy-storage-all                 copy_storage                     -
7   copy-storage-inc                 copy_storage_inc                 -
8   change-protection                change_protection                -
9   unsafe                           unsafe                           no
10  offline                          offline                          no
11  compressed                       compressed                       -
12  abort-on-error                   abort_on_error                   no
13  auto-converge                    auto_converge                    -
14  rdma-pin-all                     rdma_pin_all                     no
15  postcopy                         postcopy                         no
16  tls                              tls                              -
17  parallel                         parallel                         no
18  copy-storage-synchronous-writes  copy_storage_synchronous_writes  no
19  postcopy-resume                  postcopy_resume                  no
20  zerocopy                         zerocopy                         no
"""

# VIR_MIGRATE_PARAM_*: name on the wire, type, whether it repeats, virsh's spelling.
PARAMETERS = """
migrate_uri                  string   one   migrateuri
destination_name             string   one   dname
destination_xml              string   one   xml
persistent_xml               string   one   persistent-xml
bandwidth                    ullong   one   bandwidth
bandwidth.postcopy           ullong   one   postcopy-bandwidth
bandwidth.avail.switchover   ullong   one   available-switchover-bandwidth
graphics_uri                 string   one   graphicsuri
listen_address               string   one   listen-address
migrate_disks                string   many  migrate-disks
migrate_disks_detect_zeroes  string   many  migrate-disks-detect-zeroes
migrate_disks_target_zero    string   many  migrate-disks-target-zero
disks_port                   int      one   disks-port
disks_uri                    string   one   disks-uri
compression                  string   many  comp-methods
compression.mt.level         int      one   comp-mt-level
compression.mt.threads       int      one   comp-mt-threads
compression.mt.dthreads      int      one   comp-mt-dthreads
compression.xbzrle.cache     ullong   one   comp-xbzrle-cache
compression.zlib.level       int      one   comp-zlib-level
compression.zstd.level       int      one   comp-zstd-level
auto_converge.initial        int      one   auto-converge-initial
auto_converge.increment      int      one   auto-converge-increment
parallel.connections         int      one   parallel-connections
tls.destination              string   one   tls-destination
"""
ABSENT = {True: "yes", False: "no", None: "-"}


def lines(text):
    return [tuple(line.split()) for line in text.strip().splitlines()]


@requirement("compat.semantics")
def test_flags_are_libvirts():
    ours = [
        (str(row.bit), row.virsh, row.name, ABSENT[row.absent])
        for row in SWITCHES
        if row.bit is not None
    ]
    assert ours == lines(FLAGS)
    assert FLAG_MASK == 0x1FFFFF


@requirement("compat.semantics")
def test_parameters_are_libvirts():
    ours = [
        (row.param, row.kind, "many" if row.many else "one", row.virsh)
        for row in VALUES
        if row.param
    ]
    assert ours == lines(PARAMETERS)
    assert all(len(name) < 80 for name in BY_PARAM), "libvirt's field is 80 bytes"


@requirement("options.one-table")
def test_the_table_and_the_model_have_the_same_fields_in_the_same_order():
    assert [row.name for row in ROWS] == list(Options.model_fields)


def test_names_and_spellings_are_unique():
    assert len(BY_NAME) == len(ROWS)
    assert len({row.virsh for row in ROWS}) == len(ROWS)
    assert len(BY_PARAM) == len(lines(PARAMETERS))


def test_switches_beyond_libvirts_flags_are_virshs_and_ours():
    beyond = [row.virsh for row in SWITCHES if row.bit is None]
    virsh = ["timeout-suspend", "timeout-postcopy", "postcopy-after-precopy"]
    assert beyond == ["direct", "one-step", "remove-source-disks", *virsh]
    assert [row.virsh for row in VALUES if row.param is None] == ["timeout"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@requirement("options.one-table")
def test_every_row_says_what_it_means(row):
    told = (row.yes, row.no) if hasattr(row, "yes") else (row.meaning,)
    assert all(told)
    assert all(text == text.strip() for text in told)


@pytest.mark.parametrize("row", SWITCHES, ids=lambda row: row.name)
def test_no_switch_is_on_unless_asked_for(row):
    """Every default of the request itself is None: what happens is negotiated."""
    assert Options.model_fields[row.name].default is None
    assert row.absent is not True
