"""What an audit comes to, in sentences: the words are the same in every format for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pipeaudit.model.audit import Audit, GroupScore, Scores
from pipeaudit.model.control import Control, Status
from pipeaudit.model.finding import Finding, Severity
from pipeaudit.report.text import counted

STATUS_WORDS: Mapping[Status, str] = {
    Status.MET: "met",
    Status.PARTIAL: "partial",
    Status.UNMET: "unmet",
    Status.ATTESTED: "attested",
    Status.NEEDS_ATTESTATION: "needs attestation",
    Status.NOT_APPLICABLE: "not applicable",
}
GRADES: Mapping[Status, str] = {
    Status.MET: "conformity",
    Status.ATTESTED: "conformity, on somebody's word",
    Status.PARTIAL: "minor nonconformity",
    Status.UNMET: "major nonconformity",
    Status.NEEDS_ATTESTATION: "not assessed",
    Status.NOT_APPLICABLE: "excluded",
}
PROFILES: Mapping[str, str] = {
    "full": "a pipeline from training to deployment",
    "training": "a training pipeline",
    "service": "a service on a model trained elsewhere",
    "study": "a study",
    "library": "a machine-learning library",
    "platform": "infrastructure that machine learning runs on",
    "none": "not a machine-learning pipeline",
}
# What a reader of the report may look up: for each kind of word, the words with what they mean.
WORDS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Status of a control",
        (
            ("met", "all that the control asks for is evidenced in the repository"),
            ("partial", "some of it is, or an open finding speaks against it"),
            ("unmet", "none of it is"),
            ("attested", "it lies outside the repository, and somebody has signed for it"),
            ("needs attestation", "it lies outside the repository, and nobody has signed for it"),
            ("not applicable", "a project of this kind does not need it"),
        ),
    ),
    (
        "Severity of a finding",
        (
            ("error", "results are wrong, or others can get in"),
            ("warning", "likely to cost time, money or trust"),
            ("note", "worth knowing, an opportunity for improvement"),
        ),
    ),
    (
        "Confidence of a finding",
        (
            ("high", "every step of the way was seen in the code"),
            ("medium", "a step rests on something that was not seen, such as a library that is not known"),
            ("low", "a hint that needs a look"),
        ),
    ),
    (
        "Strength of evidence",
        (
            ("no mark", "a fact that was resolved in code or configuration"),
            ("supporting", "a document that says so"),
            ("weak", "a name that suggests it"),
        ),
    ),
)
_TO_SIGN = "an attestation: "
_STATIC = (
    "The repository was read and nothing in it was run. A mechanism that is configured is not a mechanism that ran: "
    "what happened, when and with what outcome, is outside a repository."
)
_UNKNOWN = (
    "What is computed at run time (names, paths and settings put together from values that no file holds) is unknown "
    "here, and unknown is never counted as a defect."
)
_NO_CLAIM = (
    "This report states what is evidenced in this repository at this revision. It is neither a certificate nor a "
    "statement of conformity with any law, standard or regulation."
)
LIMITS = (
    _STATIC,
    "A document can be shown to exist and to name what it must; whether it is true, read or agreed cannot be shown.",
    "Remote storage, registries, dashboards, secrets and other repositories were not looked at.",
    _UNKNOWN,
    _NO_CLAIM,
)


def profile(audit: Audit) -> str:
    """`This is a training pipeline without ...: src/train.py trains a model.`"""
    words = PROFILES.get(audit.profile, audit.profile)
    return f"This is {words}{': ' + audit.profile_reason if audit.profile_reason else ''}."


def by_severity(findings: Iterable[Finding]) -> str:
    """`11 findings: 4 errors, 6 warnings, 1 note`."""
    counts = Counter(finding.severity for finding in findings)
    total = sum(counts.values())
    if not total:
        return "no findings"
    parts = [counted(counts[severity], severity.value) for severity in Severity if counts[severity]]
    return f"{counted(total, 'finding')}: {', '.join(parts)}"


def inputs(audit: Audit) -> str:
    """What was read and what was not, in one sentence."""
    unread = len({problem.path for problem in audit.problems})
    parts = [f"{counted(len(audit.files), 'file was', 'files were')} read"] if audit.files else []
    parts.append(f"{counted(unread, 'input')} could not be read in full" if unread else "every input could be read")
    if audit.left_out:
        parts.append(f"{counted(len(audit.left_out), 'entry was', 'entries were')} left out")
    return _sentence("; ".join(parts))


def statuses(group: GroupScore) -> str:
    """`9 met, 14 partial, 13 unmet, 1 attested, 4 need attestation, 1 not applicable`."""
    counts = {status: group.counts.get(status.value, 0) for status in STATUS_WORDS}
    words = {**STATUS_WORDS, Status.NEEDS_ATTESTATION: "needs attestation"}
    if counts[Status.NEEDS_ATTESTATION] > 1:
        words[Status.NEEDS_ATTESTATION] = "need attestation"
    return ", ".join(f"{count} {words[status]}" for status, count in counts.items() if count)


def reading(group: GroupScore) -> str:
    """`evidenced 39% (41% with attestations, up to 51% if open items were attested)`, without what says nothing new."""
    score = group.reading
    if score.evidenced is None:
        return ""
    parts = []
    if score.attested != score.evidenced:
        parts.append(f"{score.attested}% with attestations")
    if score.possible != score.attested:
        parts.append(f"up to {score.possible}% if open items were attested")
    return f"evidenced {score.evidenced}%{' (' + ', '.join(parts) + ')' if parts else ''}"


def applicable(scores: Scores) -> str:
    total = len(scores.overall.controls)
    return f"{scores.overall.applicable} of {counted(total, 'control')} apply: {statuses(scores.overall)}."


def coverage(scores: Scores) -> str:
    if scores.coverage is None:
        return ""
    return f"The repository alone decides {scores.coverage}% of the controls that apply."


def weakest(scores: Scores) -> str:
    group = next((group for group in scores.groups if group.name == scores.weakest), None)
    if group is None:
        return ""
    return f"Weakest group: {group.name}, evidenced {group.reading.evidenced}%."


def named(audit: Audit, fingerprints: Iterable[str]) -> list[Finding]:
    """The findings with these fingerprints, in their order."""
    by_fingerprint = {finding.fingerprint: finding for finding in (*audit.findings, *audit.suppressed)}
    return [by_fingerprint[fingerprint] for fingerprint in fingerprints if fingerprint in by_fingerprint]


def missing(control: Control) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the repository lacks, and the sentences that somebody would have to sign."""
    to_sign = tuple(words.removeprefix(_TO_SIGN) for words in control.missing if words.startswith(_TO_SIGN))
    return tuple(words for words in control.missing if not words.startswith(_TO_SIGN)), to_sign


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda found: (-found.severity.rank, -found.confidence.rank, found.at.key, found.rule))


def revision(audit: Audit) -> str:
    """The commit in short form, and whether the files are those of the commit."""
    made = audit.identification
    if not made.revision:
        return "revision unknown"
    state = {True: ", with changes that are not committed", False: "", None: ", may differ from the commit"}[made.dirty]
    return f"revision {made.revision[:12]}{state}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
