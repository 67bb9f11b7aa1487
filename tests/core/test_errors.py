"""The tree of errors is the one that is drawn, and each carries data."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.requirements import requirement
from virtmigrate import errors
from virtmigrate.errors import HostError, Side, VirtmigrateError

TREE = [
    cls
    for cls in vars(errors).values()
    if inspect.isclass(cls) and issubclass(cls, VirtmigrateError)
]
DOC = inspect.getdoc(errors).partition("VirtmigrateError\n")[2].partition("\n\n")[0]
LINE = re.compile(r"^ {4}([│├└─ ]*)(\w+) .*?(?:exit (\d)|$)", re.MULTILINE)


@requirement("errors.tree")
def test_the_tree_is_drawn_as_it_is():
    drawn = {name: (len(lead) // 4, code) for lead, name, code in LINE.findall(DOC)}
    assert set(drawn) == {cls.__name__ for cls in TREE if cls is not VirtmigrateError}
    for cls in TREE[1:]:
        depth, code = drawn[cls.__name__]
        assert depth == len(cls.__mro__) - len(VirtmigrateError.__mro__), cls
        assert code in ("", str(cls.exit_code)), cls


@pytest.mark.parametrize("side", Side)
@requirement("errors.tree")
def test_an_error_carries_its_data(side):
    error = HostError("it broke", side=side, subject="demo", remedy="mend it")
    assert error.as_dict() == {
        "error": "HostError",
        "message": "it broke",
        "side": side.value,
        "subject": "demo",
        "remedy": "mend it",
    }
    head = "" if side is Side.REQUEST else f"{side}: "
    assert str(error) == f"{head}it broke (mend it)"
