"""The mock hypervisor passes the kit, in both of its styles."""

from __future__ import annotations

from tests.conformance.benches import MockBench, VzLikeBench
from virtmigrate_testkit import conformance

TestQemuLike = conformance(MockBench)
TestVzLike = conformance(VzLikeBench)
