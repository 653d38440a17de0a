"""What people wrote: sections of documents under the headings that a control looks for, first paragraphs, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.prose import Writing, around, at_offset, opening_words, says
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.read.document import Link, Section

_ENOUGH_WORDS = 15
_ENOUGH_ROWS = 2


@dataclass(frozen=True, slots=True)
class SectionRule:
    """A declared signal: the headings, what the body must hold, and in which files."""

    says: str
    headings: frozenset[str]
    strength: Strength = Strength.SUPPORTING
    words: int = _ENOUGH_WORDS
    text: re.Pattern[str] | None = None
    within: tuple[str, ...] = ()
    refuses: re.Pattern[str] | None = None


def sections(rule: SectionRule, facts: Facts) -> Iterator[Evidence]:
    for section in _under(facts, rule.headings):
        if rule.within and not any(fnmatchcase(section.at.path.lower(), glob) for glob in rule.within):
            continue
        if _says_enough(section, rule):
            yield Evidence(section.at, rule.says.replace("{heading}", section.title.strip()[:80]), rule.strength)


def _by_term(facts: Facts) -> tuple[list[Section], dict[str, list[int]]]:
    """All sections, and where they stand by each term that finds them."""
    every = [section for document in facts.documents for section in document.sections]
    by_key: dict[str, list[int]] = {}
    for number, section in enumerate(every):
        by_key.setdefault(section.key, []).append(number)
    by_term: dict[str, list[int]] = {}
    for key, numbers in by_key.items():
        for term in _terms(key):
            by_term.setdefault(term, []).extend(numbers)
    return every, by_term


def _under(facts: Facts, headings: frozenset[str]) -> list[Section]:
    """The sections under such headings, in order."""
    every, by_term = facts.once(_by_term)
    return [every[number] for number in sorted({n for term in headings for n in by_term.get(term, ())})]


def _terms(heading: str) -> set[str]:
    """A heading as a whole, each phrase of it that is longer than one word, and each word of a short one."""
    words = heading.split()
    if len(words) > _LONGEST_HEADING:
        return {heading}
    shortest = 1 if len(words) <= _SHORT_HEADING else 2
    ends = range(1, len(words) + 1)
    return {heading, *(" ".join(words[start:end]) for end in ends for start in range(end - shortest + 1))}


_LONGEST_HEADING = 9
_SHORT_HEADING = 3


def _says_enough(section: Section, rule: SectionRule) -> bool:
    if rule.words and not says(section, rule.words, _ENOUGH_ROWS):
        return False
    if rule.text is not None and not rule.text.search(section.body):
        return False
    return rule.refuses is None or not rule.refuses.search(section.key)


# What a model is for, in verbs and nouns of tasks.
_TASK = re.compile(
    r"\b(predict\w*|classif\w*|forecast\w*|detect\w*|recommend\w*|segment\w*|estimat\w*|regression|cluster\w*|"
    r"recogni[sz]\w*|generat\w+ (?:text|images?|answers?|summar\w+)|rank\w*|translat\w*|summari[sz]\w*|anomal\w*|"
    r"scor(?:e|es|ing)\b|"
    r"question[- ]answering|chatbot|sentiment)",
    re.IGNORECASE,
)
_GENERIC = re.compile(
    r"\b(template|tutorial|course|lesson|workshop|demo|skeleton|boilerplate|playing with|how to|starter|"
    r"cookiecutter)\b",
    re.IGNORECASE,
)


@signal("readme-introduction")
def readme_introduction(facts: Facts) -> Iterator[Evidence]:
    """What the README says before it turns to details, if that is more than a tagline."""
    for document in facts.readmes:
        opening = document.opening
        if opening is not None and len(opening_words(opening).split()) >= _ENOUGH_WORDS:
            yield Evidence(opening.at, "the README opens with what this is for", Strength.SUPPORTING)


@signal("readme-title")
def readme_title(facts: Facts) -> Iterator[Evidence]:
    for document in facts.readmes:
        section = next((section for section in document.sections if section.title), None)
        if section is not None:
            yield Evidence(section.at, f"the README's title: {section.title[:80]}", Strength.WEAK)


@signal("readme-present")
def readme_present(facts: Facts) -> Iterator[Evidence]:
    for document in facts.readmes:
        if any(section.words for section in document.sections):
            yield Evidence(Location(document.path), "there is a README", Strength.WEAK)


@signal("objective-named")
def objective_named(facts: Facts) -> Iterator[Evidence]:
    """A statement of the task in a purpose section or a document's opening; of a template or course it is weak."""
    purposes: dict[str, list[Section]] = {}
    for signal_id in ("purpose-section", "objective-section"):
        for section in _under(facts, facts.section_rules[signal_id].headings):
            purposes.setdefault(section.at.path, []).append(section)
    for document in facts.documents:
        for section in (*_openings(document, facts), *purposes.get(document.path, ())):
            sentence = _TASK.search(section.body)
            if sentence and says(section, _ENOUGH_WORDS, _ENOUGH_ROWS):
                weak = _GENERIC.search(opening_words(section)) and not _TASK.search(section.title)
                strength = Strength.WEAK if weak else Strength.SUPPORTING
                words = around(section, sentence.start())
                yield Evidence(at_offset(section, sentence.start()), f"the task is named: {words}", strength)
                break


def _openings(document: Writing, facts: Facts) -> tuple[Section, ...]:
    opening = document.opening if document.is_notebook or document in facts.readmes else None
    return () if opening is None else (opening,)


_DIAGRAM_WORDS = re.compile(
    r"architect|pipeline|workflow|work-flow|workload|life-?cycle|\bdag\b|_dag|dag_|lineage|flow-?chart|flow-?diagram|"
    r"diagram|system[s_ -]*design|ci-?cd|overview|mlops|infrastructure|data-?flow|\bflow\b|[_-]flow|"
    r"schema[_-]?design|blueprint|process",
    re.IGNORECASE,
)
_NOT_DIAGRAMS = re.compile(
    r"badge|shields\.io|/workflows/|\.svg\?branch|logo|icon|avatar|screenshot|screen-shot|codecov|travis-ci|"
    r"circleci\.com|"
    r"youtube|contrib\.rocks|star-history|colab|zenodo|binder|favicon|confusion|roc[_-]|\bloss\b|accuracy",
    re.IGNORECASE,
)


@signal("diagram-in-document")
def diagram_in_document(facts: Facts) -> Iterator[Evidence]:
    """A picture that its words call a pipeline or an architecture, or a drawn graph of at least three nodes."""
    for document in facts.documents:
        for section, image in document.images:
            if _shows_a_pipeline(section, image):
                at = Location(document.path, image.line, cell=section.at.cell)
                yield Evidence(at, f"diagram `{_name(image)}`", Strength.SUPPORTING)
        for part, fence in document.fences:
            nodes = len(_EDGE_START.findall(fence.text))
            if fence.language in _DRAWN and nodes >= _FEWEST_EDGES:
                at = Location(document.path, fence.line, cell=part.cell)
                yield Evidence(at, f"{fence.language} diagram with {nodes} edges", Strength.STRONG)


_DRAWN = frozenset(("mermaid", "plantuml", "puml", "dot", "graphviz"))
_EDGE_START = re.compile(r"--+>?|==+>|-\.->|->>?|<-->")
_FEWEST_EDGES = 2


def _name(image: Link) -> str:
    return (image.text or image.target.rpartition("/")[2])[:80]


def _shows_a_pipeline(section: Section, image: Link) -> bool:
    if _NOT_DIAGRAMS.search(f"{image.text} {image.target}"):
        return False
    if _DIAGRAM_WORDS.search(f"{image.text} {image.target}"):
        return True
    return _DIAGRAM_WORDS.search(section.key) is not None and len(section.key.split()) <= _SHORT_HEADING


@signal("picture-in-document")
def picture_in_document(facts: Facts) -> Iterator[Evidence]:
    """A picture at the top of a README, whatever it shows."""
    for document in facts.readmes:
        for section, image in document.images:
            if section == document.opening and not _NOT_DIAGRAMS.search(f"{image.text} {image.target}"):
                at = Location(document.path, image.line)
                yield Evidence(at, f"picture `{_name(image)}` at the top of the README", Strength.WEAK)


@signal("diagram-file")
def diagram_file(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("diagram-file-path")
    for path in facts.paths:
        name = path.rpartition("/")[2].lower()
        if name.endswith((".png", ".jpg", ".jpeg", ".svg", ".gif", ".pdf")) and _FILE_WORDS.search(name):
            yield Evidence(Location(path), f"`{path}` looks like a diagram", Strength.WEAK)


_FILE_WORDS = re.compile(r"architect|pipeline|workflow|\bdag\b|diagram|flowchart")


_AREAS = {
    "data": re.compile(r"\bdata (?:engineer\w*|owner|team|steward|platform|provider)|\bdata\b", re.IGNORECASE),
    "infrastructure": re.compile(r"\b(?:infra\w*|platform|devops|mlops|operations|sre|cloud)\b", re.IGNORECASE),
    "legal": re.compile(r"\b(?:legal|compliance|privacy|dpo|regulat\w+|data protection)\b", re.IGNORECASE),
    "business": re.compile(r"\b(?:business|product|sponsor|marketing|customer|domain expert)\b", re.IGNORECASE),
}


@signal("stakeholder-map-complete")
def stakeholder_map_complete(facts: Facts) -> Iterator[Evidence]:
    headings = facts.section_rules["stakeholder-section"].headings
    for section in _under(facts, headings):
        rows = max(section.rows, section.items)
        if rows >= _ENOUGH_ROWS and all(area.search(section.body) for area in _AREAS.values()):
            yield Evidence(section.at, f"section `{section.title[:80]}` covers all four areas", Strength.SUPPORTING)


_INVITES = re.compile(
    r"contributions? (?:are|is) (?:very |always |more than )?welcome|pull requests? (?:are|is)? ?(?:very |"
    r"always )?welcome|"
    r"feel free to (?:contribute|open|submit|fork)|welcomes? contributions|submit an? (?:issue|pull request)|"
    r"report any issues|open an issue|raise an issue|PRs? (?:are )?welcome",
    re.IGNORECASE,
)


@signal("contribution-invited")
def contribution_invited(facts: Facts) -> Iterator[Evidence]:
    for document in facts.readmes:
        for section in document.sections:
            found = _INVITES.search(section.body)
            if found:
                yield Evidence(
                    at_offset(section, found.start()), "the README invites contributions", Strength.SUPPORTING
                )
                break


def _lowered(facts: Facts) -> tuple[list[tuple[Section, str]], str]:
    """The bodies of all sections in lower case, each and together."""
    found = [(section, section.body.lower()) for document in facts.documents for section in document.sections]
    return found, "\0".join(text for _, text in found)


def named_in_documents(facts: Facts, terms: Iterable[str]) -> Iterator[tuple[str, Evidence]]:
    """Places in documents that name one of these terms in at least a sentence."""
    lowered, everything = facts.once(_lowered)
    wanted = [
        (term, re.compile(rf"(?<![\w]){re.escape(term)}(?![\w])", re.IGNORECASE))
        for term in terms
        if term.lower() in everything
    ]
    for section, text in lowered if wanted else ():
        for term, expression in wanted:
            if term.lower() in text:  # a plain search is many times cheaper than the pattern, and most sections lack it
                found = expression.search(section.body)
                if found and says(section, _SENTENCE):
                    yield term, Evidence(at_offset(section, found.start()), f"names `{term}`", Strength.SUPPORTING)


_SENTENCE = 8
