"""How far an evaluation may go, whatever the audited tree holds; what lies beyond stays unknown."""

from __future__ import annotations

from typing import Final

MAX_STEPS: Final = 500_000  # of one evaluation
MAX_RUN_STEPS: Final = 6_000_000  # of all evaluations of a run together
MAX_DEPTH: Final = 150  # of expressions and blocks inside each other
MAX_CALL_DEPTH: Final = 24
MAX_ITERATIONS: Final = 256  # of a loop
MAX_MADE: Final = 2_000  # values that one comprehension, generator or product makes
MAX_LENGTH: Final = 4096  # of a text or a container
MAX_INTEGER: Final = 2**63
MAX_CARRIED: Final = 512  # objects that an unknown value remembers to be made from
MAX_OPTIONS: Final = 8  # that a value may be one of
