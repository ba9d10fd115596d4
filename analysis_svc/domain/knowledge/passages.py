"""Pieces of a source: what its structure calls a section, and what the index holds of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """One numbered or headed place of a source, such as an article's paragraph or a control.

    Attributes:
        ref_id: what the source calls it, such as "Article 33(1)" or "AC-2"; empty where it has no name.
        title: its heading, or empty.
        path: headings from the whole down to the section, its own last.
        text: its own words, verbatim, without those of the sections below it.
        context: words of the sections around it, which say what it is about; they are searched, never quoted.
    """

    ref_id: str
    title: str
    path: tuple[str, ...]
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is indexed and cited as one: a section, or a part of a long one.

    Attributes:
        ordinal: place in the document, from 0.
        ref_id: of its section.
        title: of its section.
        path: of its section.
        context: headings and words around it, searched as words only.
        text: verbatim words of the source.
    """

    ordinal: int
    ref_id: str
    title: str
    path: tuple[str, ...]
    context: str
    text: str

    @property
    def meaning(self) -> str:
        """Return what is embedded: the name, the heading and the words.

        Without the context, on purpose: measured on the crosswalks of docs/guides/knowledge.md, what stands
        around a section helps the search for words and blurs the search for meaning.
        """
        return " ".join(part for part in (self.ref_id, self.title, self.text) if part)
