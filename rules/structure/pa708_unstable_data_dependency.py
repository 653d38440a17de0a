import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, is_test, rule

_TRAVEL = re.compile(r"\b(version as of|timestamp as of|for system_time|at\s*\(|snapshot|_v\d+|_\d{8})", re.IGNORECASE)
_TABLE = re.compile(r"\bfrom\s+([\w.\"`]+)", re.IGNORECASE)


@rule(
    "PA708",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.COLLECTION,
    controls=("COL-4", "TRB-1"),
    tier="pack:debt",
)
def unstable_data_dependency(project: Project) -> Iterator[Match]:
    """Training asks a live table, and keeps no copy of what it got.

    The next run trains on other rows, and nobody can say what the last model has seen.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_sql("select age, left from prod.customers", "postgresql://db/crm")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_sql("select age, left from prod.customers", "postgresql://db/crm")
        rows.to_parquet("data/customers-2024-06-01.parquet")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    Fix: keep a dated copy, or ask for a version or a snapshot.

    Not seen: tables whose owner keeps every version. Time travel (`version as of`), snapshots and feature stores are
    not counted.

    Source: Sculley et al. 2015, unstable data dependencies.
    """
    for path in sorted(project.programs):
        program = project.programs[path]
        if is_test(path) or not program.of("train") or program.of("write_data", "artifact_put", "feature_store_read"):
            continue
        for event in program:
            texts = [v.constant for v in event.arguments.values() if isinstance(v.constant, str)]
            sql = next((text for text in texts if re.match(r"\s*(select|with)\b", text, re.IGNORECASE)), "")
            if ({"query", "read"} & set(event.roles)) and sql and not _TRAVEL.search(sql):
                table = _TABLE.search(sql)
                yield Match(
                    event.at,
                    f"training asks {f'`{table[1]}`' if table else 'a table'} as it is today, and keeps no copy",
                    confidence=Confidence.MEDIUM,
                    fix="Keep a dated copy, or ask for a version.",
                    symbol=event.function,
                )
                break
