"""A rule on definitions as a row of data, and what of a guest it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from virtmigrate_libvirt.xml import Document

SHOWN = (
    *("name", "type", "mode", "model", "role", "device", "managed", "accessmode"),
    *("policy", "port", "autoport", "dev", "bus", "path", "file", "dir", "network"),
    *("bridge", "auto", "address", "placement", "value", "offset", "basis"),
    "template",
)
"""Attributes that may stand in a finding: none of them is a secret."""
NAMES = (
    *(("target", "dev"), ("target", "dir"), (".", "name"), ("source", "network")),
    *(("source", "bridge"), ("source", "dev"), ("source", "path"), ("source", "file")),
    *(("alias", "name"), (".", "type")),
)
"""Child and attribute where the name of a thing stands; the first that is counts."""
LONGEST = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One rule.

    Attributes:
        id: Of its finding.
        path: What an XPath finds in the definition; "" = only the source can tell.
        message: What is so, one sentence.
        remedy: What helps.
        level: How much it weighs.
        side: Where it matters.
        says: What the source's own verdict says of it, a regular expression; "" = the
            source has no verdict on it.
        always: Whether every version refuses it; else the verdict counts.
        postcopy: Whether it counts only where post-copy was asked for.
    """

    id: str
    path: str
    message: str
    remedy: str
    level: Level = Level.BLOCKER
    side: Side = Side.SOURCE
    says: str = ""
    always: bool = False
    postcopy: bool = False

    def findings(self, document: Document, level: Level) -> Iterator[Finding]:
        """One for each thing that it finds.

        Args:
            document: The guest's definition.
            level: How much it weighs here.
        """
        for node in document.nodes(self.path) if self.path else ():
            yield self.finding(called(node), level, shown(node))

    def finding(self, subject: str, level: Level, evidence: str) -> Finding:
        """The finding."""
        return Finding(
            id=self.id,
            level=level,
            side=self.side,
            subject=subject,
            message=self.message,
            remedy=self.remedy,
            evidence=evidence,
        )


def called(node: etree._Element) -> str:
    """What people call a thing of a definition: its kind and name."""
    for child, attribute in NAMES:
        found = node.find(child)
        if found is not None and found.get(attribute):
            return f"{node.tag} {found.get(attribute)}"[:LONGEST]
    return str(node.tag)


def shown(node: etree._Element) -> str:
    """The thing's opening tag, without what might be secret."""
    words = [f"{key}='{node.get(key)}'" for key in SHOWN if node.get(key)]
    source = node.find("source")
    if source is not None:
        words += [f"{key}='{source.get(key)}'" for key in SHOWN if source.get(key)]
    parent = node.getparent()
    what = node.text if parent is not None and parent.tag == "os" else ""  # a path
    return f"<{' '.join([str(node.tag), *words])}>{(what or '').strip()}"[:LONGEST]
