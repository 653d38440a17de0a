"""Markdown and RST to sections: what a control asks of a document."""

from __future__ import annotations

import pytest

from pipeaudit.model.location import Location
from pipeaudit.read import markdown, rst
from pipeaudit.read.document import Document, Fence, Link, Section, normalized

MARKDOWN = """\
---
title: Front
---
Intro of four words.

# 1. The `Model` [card](card.md) 🚀

Some *prose* with a [link](docs/a.md) and https://example.org/x.

<!-- ## not a heading
hidden words -->

## Data

| name | source |
|------|:------:|
| a    | b      |
| c    | d      |

- one item
- two items
  1. three

```mermaid
# no heading
graph TD
```

### Source & licence

![A plot of the data](img/a.png)

Second title
============

<h2 align="center">In HTML</h2>
<img src="b.png" alt="chart"> <a href="c.md">words</a>

[ref]: https://example.org/ref "x"
"""


def shape(document: Document) -> list[tuple[str, int, int, int, int, int, int]]:
    return [(s.key, s.level, s.at.line, s.end_line, s.words, s.rows, s.items) for s in document.sections]


def test_markdown_falls_into_nested_sections() -> None:
    document = markdown.parse("README.md", MARKDOWN.encode())
    assert document.front_matter == "title: Front"
    assert document.title == "1. The Model card 🚀"
    assert shape(document) == [
        ("", 0, 4, 5, 4, 0, 0),
        ("the model card", 1, 6, 32, 18, 2, 3),
        ("data", 2, 13, 32, 12, 2, 3),
        ("source licence", 3, 29, 32, 0, 0, 0),
        ("second title", 1, 33, 40, 1, 0, 0),
        ("in html", 2, 36, 40, 1, 0, 0),
    ]


def test_sections_hold_what_stands_in_them() -> None:
    document = markdown.parse("README.md", MARKDOWN.encode())
    card, data = document.sections[1:3]
    assert card.at == Location("README.md", 6)
    assert data.fences == (Fence("mermaid", "# no heading\ngraph TD", 24),)
    assert data.images == (Link("A plot of the data", "img/a.png", 31),)
    assert [link.target for link in document.links] == [
        "card.md",
        "docs/a.md",
        "https://example.org/x",
        "c.md",
        "https://example.org/ref",
    ]
    assert [(image.text, image.target) for image in document.images][1:] == [("chart", "b.png")]
    assert card.body.startswith("\nSome *prose*")
    assert document.sections[3].body == "\n![A plot of the data](img/a.png)\n"


def test_a_cell_of_a_notebook_is_a_document_of_its_own() -> None:
    assert markdown.parse_text("a.ipynb", "# Data\ntext", 3).sections[0].at == Location("a.ipynb", 1, cell=3)


@pytest.mark.parametrize(
    "text",
    [
        "#no heading",
        "    # code",
        "```\n# in a fence\n```",
        "<!-- # in a comment -->",
        "- item\n---",
        "a | b\n---",
        "text\n\n---",
    ],
)
def test_what_only_looks_like_a_heading_is_none(text: str) -> None:
    assert [section.title for section in markdown.parse("a.md", text.encode()).sections] == [""]


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("2.1 Data & Sources", "data sources"),
        ("A) Data", "data"),
        ("iv. Data", "data"),
        ("📊 **Data**", "data"),
        ("Data_card", "data card"),
        ("3 Data", "data"),
        ("2024", "2024"),
        ("I. Model", "model"),
    ],
)
def test_titles_are_compared_without_numbering_and_signs(title: str, key: str) -> None:
    assert normalized(title) == key


RST = """\
=====
Title
=====

Words with a `link <a.rst>`_ here.

Data
----

+------+------+
| a    | b    |
+======+======+
| 1    | 2    |
+------+------+
| 3    | 4    |
+------+------+

* one
* two

Source
~~~~~~

.. code-block:: python

   # Data
   # ----
   x = 1

.. figure:: a.png
   :alt: A plot

   Caption words.

.. note:: Words of a note.

Model
-----

.. list-table::

   * - a
     - b
   * - c
     - d

.. _target: https://example.org
"""


def test_rst_falls_into_sections_by_the_order_of_its_adornments() -> None:
    document = rst.parse("a.rst", RST.encode())
    assert [(s.title, s.level, s.at.line, s.end_line, s.rows, s.items) for s in document.sections] == [
        ("Title", 1, 2, 48, 2, 6),
        ("Data", 2, 7, 36, 2, 2),
        ("Source", 3, 21, 36, 0, 0),
        ("Model", 2, 37, 48, 2, 4),
    ]
    assert document.fences == (Fence("python", "   # Data\n   # ----\n   x = 1", 24),)
    assert document.images == (Link("A plot", "a.png", 30),)
    assert [(link.text, link.target) for link in document.links] == [
        ("link", "a.rst"),
        ("target", "https://example.org"),
    ]


def test_sections_without_a_body_have_no_words() -> None:
    sections: tuple[Section, ...] = markdown.parse("a.md", b"# Data\n\n# Model\n<!-- todo -->\n").sections
    assert [(section.key, section.words) for section in sections] == [("data", 0), ("model", 0)]
