"""Questions in one turn: each has its own answer, silence and refusal too."""

from __future__ import annotations

import threading

import pytest

from virtmigrate.errors import BadInput, Side
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt import lookups
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.facts import domain_facts, host_facts
from virtmigrate_libvirt.host import LibvirtHost
from virtmigrate_libvirt.questions import Answers, Question, Unanswered, ask_all

NAME = Question("its name", lambda c: c.getHostname())
TYPE = Question("its type", lambda c: c.getType(), kept=True)
NOBODY = Question("nobody", lambda c: c.networkLookupByName("nobody").isActive())


@pytest.fixture
def host():
    opened = LibvirtHost(parse_uri("test:///default"), Side.SOURCE, "test")
    yield opened
    opened.close()


def test_each_has_its_own_answer(host):
    answers = ask_all(host, [NAME, NOBODY, TYPE], 5.0)
    assert answers[NAME] == host.name
    assert answers[TYPE] == "TEST"
    refused = answers[NOBODY]
    assert refused.code == Code.NO_NETWORK
    assert "nobody" in refused.why


def test_one_that_was_not_asked_has_none():
    assert Answers()[NAME] == Unanswered("it was not asked")


def test_one_on_which_the_host_falls_silent_costs_the_others_nothing(host):
    release = threading.Event()
    silent = Question("silence", lambda _: release.wait(30))
    try:
        answers = ask_all(host, [NAME, silent, TYPE], 0.3)
    finally:
        release.set()
    assert answers[NAME] == host.name
    assert answers[silent].code == 0
    assert answers[TYPE] == "TEST"


def test_a_host_that_falls_silent_on_everything_is_given_up(host):
    release = threading.Event()
    silent = [Question(f"{n}", lambda _: release.wait(30)) for n in range(4)]
    try:
        answers = ask_all(host, silent, 0.2)
    finally:
        release.set()
    assert {answers[question].code for question in silent} == {0}


def test_a_host_that_is_gone_answers_nothing(host, monkeypatch):
    host.control.drop()
    gone = parse_uri("qemu+unix:///system?socket=/nonexistent/sock")
    monkeypatch.setattr(host.control, "uri", gone)
    answers = ask_all(host, [NAME], 5.0)
    monkeypatch.undo()
    assert "/nonexistent/sock" in answers[NAME].why


def test_what_stays_true_is_kept_and_a_refusal_is_not(host):
    asked = []

    def count(connection):
        asked.append(1)
        return connection.getType()

    question = Question("counted", count, kept=True)
    absent = Question("absent", NOBODY.ask, kept=True)
    for _ in range(2):
        assert ask_all(host, [question, absent, NAME], 5.0)[question] == "TEST"
    assert len(asked) == 1
    assert "absent" not in host.kept


def test_what_can_not_be_read_is_no_answer(host):
    broken = Question("it", lambda _: domain_facts("<domainCap", side=Side.SOURCE))
    assert "can't be read" in ask_all(host, [broken], 5.0)[broken].why


def test_interfaces_are_looked_for_by_both_drivers(host):
    there = Question("eth1", lambda c: lookups.interface(c, "eth1"))
    absent = Question("br7", lambda c: lookups.interface(c, "br7"))
    answers = ask_all(host, [there, absent], 5.0)
    assert answers[there] is True
    assert answers[absent].code == Code.NO_INTERFACE


def test_what_a_host_keeps_of_a_guest(host):
    uuid = host.guest("test").uuid
    kept = Question("kept", lambda c: lookups.kept(c, uuid, stopped=True))
    assert ask_all(host, [kept], 5.0)[kept] == (0, 0, False)


CAPABILITIES = """<capabilities><host><uuid>AB</uuid>
<cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor>
<counter name='tsc' frequency='2000' scaling='yes'/><feature name='aes'/>
<pages unit='KiB' size='4'/><pages unit='MiB' size='2'/></cpu>
<topology><cells><cell id='0'><cpus><cpu id='0'/><cpu id='4'/></cpus></cell>
<cell id='2'/></cells></topology><secmodel><model>selinux</model></secmodel></host>
<guest><arch name='x86_64'><emulator>/q</emulator><domain type='kvm'/></arch></guest>
</capabilities>"""


def test_what_a_host_says_of_itself():
    facts = host_facts(CAPABILITIES, side=Side.SOURCE)
    assert facts.cpu == ("x86_64", "EPYC", "AMD", frozenset({"aes"}))
    assert (facts.tsc.hz, facts.tsc.scales) == (2000, True)
    assert facts.page_sizes_kib == {4, 2048}
    assert (facts.nodes, facts.cpus) == ({0, 2}, {0, 4})
    assert facts.security_models == {"selinux"}
    assert facts.virt_types == {("x86_64", "kvm")}
    assert host_facts("<capabilities/>", side=Side.SOURCE).tsc is None


def test_what_a_host_can_give_a_guest():
    text = """<domainCapabilities><vcpu max='7'/><os><loader><value>/f</value></loader>
    </os><devices><video><enum name='modelType'><value>qxl</value></enum></video>
    </devices></domainCapabilities>"""
    facts = domain_facts(text, side=Side.SOURCE)
    assert facts.most_vcpus == 7
    assert facts.loaders == {"/f"}
    assert facts.values == {"video.modelType": {"qxl"}}
    with pytest.raises(BadInput):
        domain_facts("<", side=Side.SOURCE)
