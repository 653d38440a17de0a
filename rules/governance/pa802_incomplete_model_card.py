import re

from pipeaudit.rule import Confidence, Document, Iterator, Match, Project, Section, Severity, StageKind, rule

# What a card has to say, and the words of headings under which cards say it.
_PARTS = {
    "intended use": r"intended use|intended purpose|uses?\b|use cases?|direct use|purpose|model description|overview",
    "limitations": r"limitation|out[- ]of[- ]scope|caveat|risks?\b|not intended|misuse|known issues",
    "training data": r"training data|training set|training details|\bdata ?sets?\b|\bdata\b",
    "evaluation": r"evaluation|metrics?\b|performance|results?\b|testing|quantitative",
    "ethical considerations": r"ethic|fairness|bias|sensitive|societal|harm",
    "owner or contact": r"owner|contact|authors?\b|developed by|maintain|team|people",
    "version or date": r"version|date\b|changelog|release|model details|updated|history",
}
_PLACEHOLDER = re.compile(
    r"\[more information needed\]|\{\{.*?\}\}|<!--.*?-->|\btodo\b|\btbd\b|lorem ipsum|"
    r"\[(?:add|insert|describe|your)[^\]]*\]|"
    r"^\s*<[^>]+>\s*$|\bn/a\b|\.\.\.",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_INLINE = re.compile(r"\*\*([^*:]+):?\*\*:?\s*(\S.*)")
_FEWEST_WORDS = 3


@rule(
    "PA802",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("PRE-2", "EVL-1", "EVL-3"),
)
def incomplete_model_card(project: Project) -> Iterator[Match]:
    """The model card leaves out what its readers need, or still holds the template's placeholders.

    A card without limits is an advertisement.

    Bad, in MODEL_CARD.md:

        # Churn model

        ## Intended use

        Ranks customers of the mobile contracts by how likely they leave.

        ## Bias, Risks, and Limitations

        [More Information Needed]

    Good, in MODEL_CARD.md:

        # Churn model

        Version 1.4 of May 2024, owner: the retention team.

        ## Intended use

        Ranks customers of the mobile contracts by how likely they leave.

        ## Limitations

        Trained on contracts of one country; scores of new tariffs are unreliable.

        ## Training data

        All mobile contracts of the years 2021 to 2023, one row for each month.

        ## Evaluation

        AUC 0.81 on the contracts of the year 2024, by region 0.78 to 0.83.

        ## Ethical considerations

        Age and region were checked for equal error rates; neither is a feature.

        ## Contact and version

        Write to the retention team; version 1.4, May 2024.

    Fix: fill in the parts that the message names.

    Not seen: whether what stands there is true. Headings count by usual words for the same thing, and so do bold
    labels.

    Source: EU AI Act, Article 13(3); Annex IV 1 to 4.
    """
    for path in sorted({found.at.path for found in project.evidence("model-card")}):
        card = project.repository.document(path) if path.endswith((".md", ".rst")) else None
        if card is None or card.words < _FEWEST_WORDS:
            continue
        said = _said(card)
        missing = [part for part, words in _PARTS.items() if not re.search(words, said, re.IGNORECASE)]
        if missing:
            yield Match(
                card.sections[0].at,
                f"the card says nothing of: {', '.join(missing)}",
                confidence=Confidence.HIGH,
                fix="Fill in these parts.",
            )


def _said(card: Document) -> str:
    """Headings and labels that have something to say below them; of the opening, its words."""
    labels = [section.title for section in card.sections if _has_body(section)]
    for section in card.sections:
        labels += [found[1] for found in _INLINE.finditer(section.body) if not _PLACEHOLDER.search(found[2])]
    opening = next((section for section in card.sections if section.level <= 1), None)
    if opening is not None:
        labels.append(_PLACEHOLDER.sub("", opening.body.partition("\n#")[0]))
    return "\n".join((*labels, card.front_matter))


def _has_body(section: Section) -> bool:
    body = _PLACEHOLDER.sub("", section.body)
    prose = [line for line in body.split("\n") if not line.lstrip().startswith("#")]
    return len(re.findall(r"\w+", " ".join(prose))) >= _FEWEST_WORDS
