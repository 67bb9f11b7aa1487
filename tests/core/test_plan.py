"""A plan is data: frozen, through JSON and back, with a digest that does not move."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from tests.core import strategies
from tests.core.declared import ends
from tests.core.declared import qemu_like as qemu
from tests.core.plans import plan_between, plan_of, plan_possible
from tests.requirements import requirement
from virtmigrate import Options, Plan, Side
from virtmigrate.errors import NotMovable
from virtmigrate.explain import spelling
from virtmigrate.grids import noteworthy, shown
from virtmigrate.negotiation import Ends
from virtmigrate.plan import Finding, Level

ROOT = Path(__file__).parents[2]
FINDING = Finding(
    id="name-taken",
    level=Level.BLOCKER,
    side=Side.DESTINATION,
    subject="demo",
    message="another guest is called demo there",
    remedy="rename it",
)


@given(strategies.declarations(), strategies.guests, strategies.switch_answers)
@requirement("say.plan-is-data")
def test_plans_survive_json(hosts, guest, switches):
    plan = plan_possible(Ends(*hosts, guest), switches)
    text = plan.model_dump_json()
    again = Plan.model_validate_json(text)
    assert again == plan
    assert again.digest() == plan.digest()
    assert Plan.model_validate(json.loads(text)).model_dump_json() == text


@given(strategies.values)
@requirement("say.plan-is-data")
def test_values_survive_json_with_their_types(values):
    plan = plan_possible(ends(), values)
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again.settlement.effective() == plan.settlement.effective()
    for row in again.settlement.options:
        assert type(row.asked) is type(plan.settlement[row.option].asked)


@requirement("say.plan-is-data")
def test_the_digest_is_the_same_for_the_same_plan_anywhere():
    versions = {"libvirt": "9.0.0", "qemu": "7.2.0"}
    backwards = dict(reversed(versions.items()))
    plans = [
        plan_between(ends(qemu("a", versions=v), qemu("b", versions=v)), Options())
        for v in (versions, backwards)
    ]
    assert plans[0] == plans[1]
    assert plans[0].digest() == plans[1].digest()
    code = "from tests.core.plans import plan_of; print(plan_of().digest())"
    seeded = {**os.environ, "PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=ROOT,
        encoding="utf-8",
        env=seeded,
        timeout=20,
    )
    assert elsewhere.stdout.strip() == plan_of().digest()


@requirement("say.plan-is-data")
def test_the_digest_moves_with_anything_in_the_plan():
    plan = plan_of()
    others = [
        plan_of(live=True),
        plan_of(compressed=True),
        plan_of(bandwidth_mib_s=1),
        plan_of(uuid="another"),
        plan.model_copy(update={"findings": (FINDING,)}),
        plan.model_copy(update={"steps": plan.steps[:-1]}),
        plan.model_copy(update={"two_step": False}),
        plan.model_copy(update={"version": 2}),
    ]
    assert len({p.digest() for p in (plan, *others)}) == len(others) + 1


def test_plans_are_frozen_and_closed():
    plan = plan_of()
    with pytest.raises(ValueError, match="frozen"):
        plan.two_step = False
    with pytest.raises(ValueError, match="extra_forbidden"):
        Plan.model_validate({**plan.model_dump(), "surprise": 1})


def test_the_name_on_arrival():
    assert plan_of().arrives_as == "demo"
    assert plan_of(dest_name="other").arrives_as == "other"


def test_a_row_that_was_not_given_is_no_row():
    with pytest.raises(KeyError):
        plan_of().settlement["bandwidth_mib_s"]
    assert plan_of(bandwidth_mib_s=3).settlement["bandwidth_mib_s"].effective == 3


def test_a_finding_becomes_a_refusal_with_all_its_data():
    refusal = FINDING.refusal()
    assert isinstance(refusal, NotMovable)
    assert (refusal.side, refusal.subject) == (Side.DESTINATION, "demo")
    assert refusal.remedy == "rename it"


@requirement("say.plan-first")
def test_the_explanation_names_every_row_that_matters_and_every_step():
    plan = plan_of(compressed=False, bandwidth_mib_s=7, migrate_disks=("vda", "vdb"))
    plan = plan.model_copy(update={"findings": (FINDING,)})
    text = plan.explain()
    for row in filter(noteworthy, plan.settlement.options):
        assert spelling(row.option, True).split()[0].removeprefix("--") in text
    for step in plan.steps:
        assert step.hook in text
        assert step.why in text
    assert plan.digest()[:12] in text
    assert "vda,vdb" in text
    assert FINDING.message in text
    assert FINDING.remedy in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (False, "no"), (None, "-"), (7, "7"), (("a", "b"), "a,b")],
)
def test_values_are_shown_as_people_write_them(value, text):
    assert shown(value) == text


def test_a_document_is_not_shown():
    assert "<domain" not in shown("<domain>" + "x" * 100)
    xml = "<domain><graphics passwd='hunter2'/></domain>"
    plan = plan_of(dest_xml=xml, persist_xml=xml)
    assert "hunter2" not in plan.explain()
