"""How much of anything is looked at: the numbers that bound the work on a tree that nobody vouches for.

These may be set. Numbers of one reader, one system or the evaluator alone stand with these.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

_MIB = 1024 * 1024
RAISABLE = 4  # the audited tree's own configuration may widen a limit by this factor, no further


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults; what lies beyond one is an entry in `errors` or an unknown value, never a hang.

    `rewritten_chain_terms` bounds one operator, attribute or call chain, and all nesting, of code that is to be edited:
    libcst is quadratic in them. So do `file_seconds` and `worker_bytes`, for the process in which that happens. Steps
    count statements and calls interpreted; they strike before the clock.
    """

    text_bytes: int = 2 * _MIB
    notebook_bytes: int = 64 * _MIB
    notebook_code_bytes: int = 2 * _MIB
    files: int = 50_000
    depth: int = 100
    bracket_nesting: int = 100
    block_nesting: int = 100
    yaml_nesting: int = 100
    json_nesting: int = 200
    toml_nesting: int = 50
    yaml_nodes: int = 100_000
    yaml_merges: int = 1_000
    dotted_parts: int = 50
    line_characters: int = 10_000
    rewritten_chain_terms: int = 200
    stage_instances: int = 256
    all_instances: int = 2_000
    constant_size: int = 4_096
    file_steps: int = 2_000_000
    file_seconds: int = 5
    step_seconds: int = 60
    run_seconds: int = 300
    worker_bytes: int = 512 * _MIB

    def bytes_of(self, path: str) -> int:
        """How large a file may be that is read as text."""
        return self.notebook_bytes if path.endswith(".ipynb") else self.text_bytes

    def with_changes(self, **changes: int) -> Limits:
        """Limits as a configuration asks for them; a value out of bounds is refused with what is allowed."""
        known = {item.name: getattr(DEFAULT, item.name) for item in fields(self)}
        for name, value in changes.items():
            if not 1 <= value <= RAISABLE * known[name]:
                raise ValueError(f"limit {name} must lie between 1 and {RAISABLE * known[name]}, not {value}")
        return replace(self, **changes)


DEFAULT = Limits()
