import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

# What Articles 9, 13, 14 and 72 ask for, with the words of file names and headings under which it stands.
_DOCUMENTS = {
    "risk-file": ("a risk file", "Article 9", r"risk[\s_-]*(?:management|file|register|assessment|analysis)|hazard"),
    "human-oversight": (
        "a way for people to override or stop the system",
        "Article 14(4)",
        r"human[\s_-]*(?:oversight|review|in[\s_-]*the[\s_-]*loop)|override|kill[\s_-]*switch|manual[\s_-]*review|escalation",
    ),
    "post-market-monitoring": (
        "a plan for monitoring after release",
        "Article 72",
        r"post[\s_-]*market|monitoring[\s_-]*plan",
    ),
    "instructions-for-use": (
        "instructions for use",
        "Article 13",
        r"instructions?[\s_-]*(?:for|of)[\s_-]*use|user[\s_-]*(?:manual|guide)|intended[\s_-]*use",
    ),
}
_EXPLAINS = ("sensitivity-analysis", "feature-importance-call", "feature-importance")


@rule(
    "PA812",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("EVL-3", "EVL-4", "MON-3", "PRE-2"),
    tier="pack:governance",
    kinds=("risk-file", "explanation", "human-oversight", "post-market-monitoring", "instructions-for-use"),
)
def declared_high_risk_gap(project: Project) -> Iterator[Match]:
    """The system is declared high-risk, and a document or mechanism that the law asks for is not here.

    It may exist elsewhere; then an attestation says where.

    Bad, in pyproject.toml:

        [tool.pipeaudit]
        risk = "high"

    Good, in pyproject.toml:

        [tool.pipeaudit]
        risk = "limited"

    Fix: add the document or mechanism that the message names, or attest the control with a reference.

    Not seen: what a quality management system keeps. Only projects that declare `risk = "high"` are looked at.

    Source: EU AI Act, Articles 9, 13, 14 and 72.
    """
    place = project.declared("risk")
    if not project.is_high_risk or place is None:
        return
    said = "\n".join(_headings(project))
    for kind, (what, article, words) in _DOCUMENTS.items():
        if not re.search(words, said, re.IGNORECASE):
            yield Match(
                place.at,
                f"{what} ({article}) is not here",
                kind=kind,
                confidence=Confidence.MEDIUM,
                fix="Add it, or attest where it is kept.",
            )
    if not project.evidence(*_EXPLAINS) and not re.search(r"explain|interpretab", said, re.IGNORECASE):
        yield Match(
            place.at,
            "nothing explains single decisions (Articles 13 and 14)",
            kind="explanation",
            confidence=Confidence.MEDIUM,
            fix="Add explanations on the way of a decision, or attest where they are made.",
        )


def _headings(project: Project) -> Iterator[str]:
    """Names of documents, and the headings in them."""
    for path in project.repository.glob("*.md", "*.rst", "*.docx", "*.pdf", "*.txt"):
        yield path
        document = project.repository.document(path) if path.endswith((".md", ".rst")) else None
        yield from (section.title for section in document.sections if section.title) if document is not None else ()
