"""Reads HTML: headings make the structure, what stands under one is its section."""

from typing import TYPE_CHECKING

from analysis_svc.adapters.knowledge.headed import Headed
from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_LEFT_OUT = ("script", "style", "noscript", "template", "nav", "svg", "iframe")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {"p", "li", "td", "th", "pre", "blockquote", "dt", "dd", "figcaption", "caption", "address"}
    | {"div", "section", "article", "main", "body"}
)


def read_html(content: bytes) -> list[Section]:
    """Read sections by heading; scripts, styles and navigation are left out.

    Raises:
        UnreadableError: there is nothing to read in it.
    """
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - only whoever reads HTML needs it

    body = LexborHTMLParser(content.decode("utf-8", "strict")).body
    if body is None:
        raise UnreadableError("it has no body")
    for name in _LEFT_OUT:
        for node in body.css(name):
            node.decompose()
    headed = Headed()
    for node in body.traverse(include_text=False):
        name = node.tag or ""
        if level := _HEADINGS.get(name):
            headed.heading(level, _words(node))
        elif name in _BLOCKS and not _has_blocks(node):
            headed.words(_words(node))
    return headed.sections()


def _has_blocks(node: "LexborNode") -> bool:
    # At any depth, and of its own tag too: what nests would be read again at every level.
    return any(
        below.mem_id != node.mem_id and (below.tag in _BLOCKS or below.tag in _HEADINGS)
        for below in node.traverse()
    )


def _words(node: "LexborNode") -> str:
    return " ".join(node.text(separator=" ", strip=False).split())
