"""What an audit costs against `ast.parse` over the same files in the same minute: ratios survive a busy machine.

    python benchmarks/against_parsing.py FOLDER [ROUNDS]

The folder is copied, so that its files can be edited; every figure is the median of CPU time over the rounds.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PARSE = """
import ast, json, os, sys, warnings
warnings.simplefilter("ignore")
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".py"):
            sources = [open(path, "rb").read()]
        elif name.endswith(".ipynb"):
            try:
                cells = json.load(open(path, "rb")).get("cells") or []
            except ValueError:
                continue
            sources = ["".join(c.get("source") or "") for c in cells if c.get("cell_type") == "code"]
        else:
            continue
        for source in sources:
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                pass
"""


def cpu(words: list[str], **environment: str) -> float:
    """Seconds of CPU that a command and its children take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)} left with status {done.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(corpus: Path, rounds: int) -> dict[str, float]:
    """Medians of the ratios to parsing: nothing cached, nothing changed, one file changed."""
    root = Path(__file__).parent.parent
    ratios: dict[str, list[float]] = {"cold": [], "warm": [], "changed": []}
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(corpus, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "node_modules"))
        files = sorted(tree.rglob("*.py"))
        check = [sys.executable, "-m", "pipeaudit", "check", str(tree), "--format", "json"]
        for number in range(rounds):
            floor = cpu([sys.executable, "-I", "-S", "-c", PARSE, str(tree)])
            environment = {"PYTHONPATH": str(root), "PIPEAUDIT_CACHE_DIR": f"{scratch}/cache{number}"}
            ratios["cold"].append(cpu(check, **environment) / floor)
            ratios["warm"].append(cpu(check, **environment) / floor)
            if files:
                with files[number % len(files)].open("a") as file:
                    file.write(f"\nmarker_{number} = {number}\n")
            ratios["changed"].append(cpu(check, **environment) / floor)
    return {name: statistics.median(values) for name, values in ratios.items()}


def main() -> None:
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    found = measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    print("  ".join(f"{name} {ratio:.2f}x" for name, ratio in found.items()), "of ast.parse over the same files")


if __name__ == "__main__":
    main()
