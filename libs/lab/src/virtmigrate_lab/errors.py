"""What can go wrong in a lab: always named with the thing, the side and a remedy."""

from __future__ import annotations


class LabError(Exception):
    """The lab could not do what was asked.

    Args:
        message: What failed, on which host or file.
        remedy: What the reader can do about it, if anything is known.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} ({remedy})" if remedy else message)


class LabRefused(LabError):
    """Refused before anything was touched: a wrong name, a value out of range."""


class LabUnavailable(LabRefused):
    """This machine can't run a lab at all; ``obstacles`` says why.

    Args:
        obstacles: One sentence for each thing that is in the way.
    """

    def __init__(self, obstacles: list[str]) -> None:
        self.obstacles = obstacles
        super().__init__("this machine can't run a lab: " + "; ".join(obstacles))


class LabNotFound(LabRefused):
    """No lab is up in the given directory."""


class CommandFailed(LabError):
    """A tool that the lab ran ended with an error or in no time at all.

    Args:
        argv: The command.
        code: Its exit code, or None if it was ended at its deadline.
        stderr: What it had to say.
    """

    def __init__(self, argv: list[str], code: int | None, stderr: str) -> None:
        self.argv = argv
        self.code = code
        self.stderr = stderr.strip()
        ended = "did not end in time" if code is None else f"exit code {code}"
        super().__init__(f"{' '.join(argv)}: {ended}: {self.stderr or 'no output'}")
