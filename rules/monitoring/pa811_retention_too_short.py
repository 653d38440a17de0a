import re

from pipeaudit.rule import Confidence, ConfigNode, Iterator, Match, Project, Severity, StageKind, rule

_DAYS = 183
_UNITS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0, "ms": 1 / 86_400_000, "s": 1 / 86_400, "m": 1 / 1440}
_DURATION = re.compile(r"(\d+)\s*(ms|[hdwysm])")
_DEBUG = re.compile(r"debug|trace|metric|prometheus|build|access", re.IGNORECASE)


@rule(
    "PA811",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.MONITORING,
    controls=("MON-3", "MON-1"),
    tier="pack:governance",
)
def retention_too_short(project: Project) -> Iterator[Match]:
    """Logs of a high-risk system are deleted before the six months for which they have to be kept.

    When a decision is disputed, what the system did can no longer be shown.

    Bad, in template.yaml:

        Resources:
          PredictionLog:
            Type: AWS::Logs::LogGroup
            Properties: {LogGroupName: predictions, RetentionInDays: 30}

    And in pyproject.toml:

        [tool.pipeaudit]
        risk = "high"

    Good, in template.yaml:

        Resources:
          PredictionLog:
            Type: AWS::Logs::LogGroup
            Properties: {LogGroupName: predictions, RetentionInDays: 365}

    And in pyproject.toml:

        [tool.pipeaudit]
        risk = "high"

    Fix: keep them for 183 days or longer, or name the store that does.

    Not seen: a second store elsewhere. Only projects that declare `risk = "high"` are looked at; logs for
    debugging and metrics are not counted.

    Source: EU AI Act, Articles 19(1) and 26(6).
    """
    if not project.is_high_risk:
        return
    for path in project.repository.glob("*.yaml", "*.yml", "*.json"):
        text = project.repository.text(path)
        if any(word in text for word in ("RetentionInDays", "retention_period", "retention.ms", "ExpirationInDays")):
            for document in project.repository.nodes(path):
                yield from _document(document)


def _document(document: ConfigNode) -> Iterator[Match]:
    for node in document.walk():
        name = " ".join(str(value.raw) for _, value in node.entries if value.is_scalar)
        if node.is_mapping and not _DEBUG.search(name):
            for key, value in node.entries:
                days = _days(key.raw, value)
                if days is not None and 0 < days < _DAYS:
                    yield Match(
                        value.at,
                        f"`{key.raw}` keeps logs for {days:g} days; of a high-risk system they are kept for {_DAYS}",
                        confidence=Confidence.HIGH,
                        fix=f"Keep them for {_DAYS} days or longer.",
                    )


def _days(key: str, value: ConfigNode) -> float | None:
    if key in ("RetentionInDays", "ExpirationInDays"):
        return None if value.number is None else float(value.number)
    if key == "retention.ms":
        return None if value.number is None else float(value.number) * _UNITS["ms"]
    if key == "retention_period":
        found = _DURATION.findall(value.text)
        return sum(int(number) * _UNITS[unit] for number, unit in found) if found else None
    return None
