"""The form of data: schema and types, availability and times, licence and metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.data import reads
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.prose import around, at_offset, says
from pipeaudit.evidence.release import schedules
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


@signal("data-schema")
def data_schema(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("data-schema-call")
    yield from facts.evidence("schema-file")
    for path in facts.paths:
        if is_test(path) and path.endswith(".py") and path in facts.project.programs:
            for event in facts.all_calls.by_path.get(path, ()):
                if _EXPECTATION.search(event.name):
                    yield Evidence(event.at, "a test states the data's form", Strength.STRONG)
            for name, at in facts.project.programs[path].functions:
                if _DATA_TEST.search(name):
                    yield Evidence(at, f"`{name.rpartition('.')[2]}` tests the data's form", Strength.STRONG)


_DATA_TEST = re.compile(
    r"test\w*_(?:schema|columns|dtypes|missing_values|no_nulls?|data_types|null_values)", re.IGNORECASE
)
_EXPECTATION = re.compile(r"\.expect_|great_expectations|pandera|validate_schema|check_schema")


@signal("read-with-types")
def read_with_types(facts: Facts) -> Iterator[Evidence]:
    """Reads that state column types, or code that sets a whole schema."""
    for event, _ in facts.once(reads):
        if any(
            event.argument(name) is not None
            for name in ("dtype", "dtypes", "schema", "parse_dates", "names", "column_names")
        ):
            yield Evidence(event.at, "the read states columns or their types", Strength.SUPPORTING)


@signal("format-documented")
def format_documented(facts: Facts) -> Iterator[Evidence]:
    """A data section or a notebook's text that tells columns, types or file format."""
    for document in facts.documents:
        for section in document.sections:
            if not says(section, 10) or not _ABOUT_DATA.search(f"{section.key} {section.body[:2000]}"):
                continue
            found = _FORMAT.search(section.body)
            if found:
                yield Evidence(at_offset(section, found.start()), "the data's format is described", Strength.SUPPORTING)
                break


_ABOUT_DATA = re.compile(r"\bdata\b|\bdata ?sets?\b", re.IGNORECASE)
_FORMAT = re.compile(
    r"\b(?:csv|tsv|xml|parquet|json) (?:file|format)|\bfiles? (?:is|are) formatted|\bformatted as\b|"
    r"\bformat of (?:the|each)|"
    r"\bcolumns?\b.{0,40}\b(?:are|:|contain|describe|rows?)|\b\d+ (?:columns|features|attributes|variables)\b|"
    r"\bfeatures? (?:are|include)|\bin (?:csv|tsv|xml|json) format|\bcsv\b.{0,30}\bdata",
    re.IGNORECASE,
)


@signal("data-availability-checked")
def data_availability_checked(facts: Facts) -> Iterator[Evidence]:
    """Documents that tell when the data was made, or how to get it."""
    for document in facts.documents:
        for section in document.sections:
            found = _AVAILABLE.search(section.body) if _ABOUT_DATA.search(section.body) else None
            if found and says(section, 10):
                yield Evidence(
                    at_offset(section, found.start()), "the data's availability or date is told", Strength.SUPPORTING
                )
                break


_AVAILABLE = re.compile(
    r"\blast updated?\b|\bupdated? (?:daily|weekly|monthly|quarterly|yearly|annually|every|on)\b|\brefresh(?:ed|es)?\b|"
    r"\bsnapshot\b|\bas of (?:19|20)\d\d|\b(?:collected|released|published|generated|gathered) (?:in|on|between|"
    r"from) (?:\w+ )?(?:19|20)\d\d|"
    r"\b(?:daily|hourly|weekly|monthly) (?:data|updates?|batch|ingest\w*)|data (?:is|are) (?:publicly )?available|"
    r"can be downloaded",
    re.IGNORECASE,
)


@signal("collection-scheduled")
def collection_scheduled(facts: Facts) -> Iterator[Evidence]:
    for each, words in facts.once(schedules):
        if re.search(r"ingest|collect|download|fetch|scrap|crawl|extract|etl|load_data|data", words):
            yield Evidence(each.at, "the data is collected on a schedule", Strength.STRONG)


@signal("collection-timestamps")
def collection_timestamps(facts: Facts) -> Iterator[Evidence]:
    """Columns that tell when a row came to be: in feature definitions, in calls that sort by them, in documents."""
    for event in facts.calls.named("feast.*Source*", "feast.FeatureView"):
        if event.argument("timestamp_field") or event.argument("event_timestamp_column"):
            yield Evidence(event.at, "features carry their event time", Strength.STRONG)
    for event in facts.calls.named("pandas.to_datetime", "pandas.DataFrame.sort_values"):
        words = " ".join(str(value.constant) for value in event.arguments.values()) + " ".join(
            v.name for v in event.arguments.values()
        )
        named = _TIME_COLUMN.search(words)
        if named:
            yield Evidence(event.at, f"`{named.group(1)}` tells when a row came to be", Strength.SUPPORTING)
    for document in facts.documents:
        for section in document.sections:
            told = _TIME_WORD.search(section.body)
            if told and _ABOUT_ROWS.search(around(section, told.start())):
                yield Evidence(at_offset(section, told.start()), "the data carries time stamps", Strength.SUPPORTING)
                break


_TIME_COLUMN = re.compile(
    r"\b((?:collected|ingested|ingestion|event|created|updated|recorded|extracted|snapshot|scraped|crawl\w*|"
    r"load)_?(?:at|on|time|date|timestamp|datetime|ts)|timestamp|event_time|datetime)\b",
    re.IGNORECASE,
)
_ABOUT_ROWS = re.compile(
    r"\bdata ?sets?\b|\bcolumns?\b|\brows?\b|\bformat(?:ted)?\b|\bratings?\b|\brecords?\b|\bcsv\b", re.IGNORECASE
)
_TIME_WORD = re.compile(r"[`,*:|(]\s*timestamps?\b|\btimestamps?\s*[`,:|)]", re.IGNORECASE)


@signal("data-licence-documented")
def data_licence_documented(facts: Facts) -> Iterator[Evidence]:
    """Documents that tell under which licence, consent or legal basis the data is used."""
    yield from facts.evidence("data-licence-section")
    for document in facts.documents:
        for section in document.sections:
            found = _LICENCE.search(section.body)
            if found:
                yield Evidence(
                    at_offset(section, found.start()), "the data's licence or consent is told", Strength.SUPPORTING
                )
                break


_LICENCE = re.compile(
    r"\bdata(?: ?sets?)?\b[^.\n]{0,80}\b(?:licen[cs]ed?|under (?:the )?(?:cc|creative commons|odbl|public domain)|"
    r"publicly licen[cs]ed|anonymi[sz]ed|no personal data)\b|"
    r"\b(?:licen[cs]e|consent|gdpr)\b[^.\n]{0,40}\b(?:of|for) (?:the )?data|"
    r"\bno personal(?:ly identifiable)? (?:data|information)\b",
    re.IGNORECASE,
)


@signal("dataset-metadata")
def dataset_metadata(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("dataset-metadata-call")
    for path in facts.paths:
        if path.endswith(".dvc"):
            for document in facts.nodes(path):
                if document.get("meta"):
                    yield Evidence(document.key("meta").at, "DVC keeps metadata of the data", Strength.SUPPORTING)
    for readme in facts.readmes:
        for part in readme.parts:
            if "dataset_info:" in part.front_matter or re.search(r"^datasets?:", part.front_matter, re.MULTILINE):
                yield Evidence(Location(readme.path), "the front matter names the data sets", Strength.SUPPORTING)
    yield from facts.evidence("data-catalog-described")
