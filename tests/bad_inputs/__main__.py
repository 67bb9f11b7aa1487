"""`python -m tests.bad_inputs`: each bad input once, counted by kind."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.bad_inputs.case import outcome
from tests.bad_inputs.table import CASES


def main() -> int:
    """Run all; tell the counts, and whatever is wrong."""
    kinds = Counter(case.kind for case in CASES)
    codes = Counter(case.code for case in CASES)
    wrong = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as here:
            wrong += [f"{case}: {said}" for said in outcome(case, Path(here))]
    for kind, count in kinds.items():
        print(f"{count:5}  {kind}")
    print(f"{len(CASES):5}  in all, {len(wrong)} wrong")
    print("exit codes:", ", ".join(f"{c}: {n}" for c, n in sorted(codes.items())))
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
