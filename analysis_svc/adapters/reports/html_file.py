"""A document as one HTML file that needs nothing else: no script, no font, no address."""

from html import escape
from pathlib import Path

from analysis_svc.domain.reports.document import (
    Block,
    Cell,
    Chart,
    Document,
    Heading,
    Items,
    Notice,
    Paragraph,
    Table,
    Tile,
    Tiles,
    Tone,
)

_STYLE = Path(__file__).parents[2] / "data" / "reports" / "report.css"
# The file itself forbids what it does not need, wherever it is opened.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def html_of(document: Document) -> bytes:
    """Write it; every word is escaped."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts)
    body = "\n".join(_block(block) for block in document.blocks)
    page = f"""<!doctype html>
<html lang="{document.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(document.title)}: {escape(document.subtitle)}</title>
<style>{_STYLE.read_text("utf-8")}</style>
</head>
<body>
<header>
<p class="maker">llama-mapper</p>
<h1>{escape(document.title)}</h1>
<p class="subtitle">{escape(document.subtitle)}</p>
<dl class="facts">{facts}</dl>
</header>
<main>
{body}
</main>
<footer>Data {document.digest[:16]}</footer>
</body>
</html>
"""
    return page.encode()


def _block(block: Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case Heading():
            tag = f"h{block.level + 1}"
            return f"<{tag}>{escape(block.text)}</{tag}>"
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Notice():
            text = f"<p>{escape(block.text)}</p>" if block.text else ""
            return (
                f'<div class="notice {block.tone.value}" role="note">'
                f"<p><strong>{escape(block.title)}</strong></p>{text}</div>"
            )
        case Tiles():
            return f'<div class="tiles">{"".join(_tile(one) for one in block.tiles)}</div>'
        case Table():
            return _table(block)
        case Chart():
            drawing = block.svg.replace(
                "<svg ", f'<svg role="img" aria-label="{escape(block.alternative)}" ', 1
            )
            return f"<figure><figcaption>{escape(block.caption)}</figcaption>{drawing}</figure>"
        case Items():
            return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in block.texts)}</ul>"


def _tile(one: Tile) -> str:
    return (
        f'<div class="tile {one.tone.value}"><p class="label">{escape(one.label)}</p>'
        f'<p class="value">{escape(one.value)}</p><p class="note">{escape(one.note)}</p></div>'
    )


def _table(table: Table) -> str:
    if not table.rows:
        return f'<p class="caption">{escape(table.caption)}</p><p class="empty">{escape(table.empty)}</p>'
    sides = [' class="right"' if column.right else "" for column in table.columns]
    head = "".join(
        f'<th scope="col"{side}>{escape(column.title)}</th>'
        for column, side in zip(table.columns, sides, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{side}>{_cell(cell)}</td>" for cell, side in zip(row, sides, strict=True))
        + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(table.caption)}"><table>'
        f"<caption>{escape(table.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    words = escape(cell.text)
    if cell.code:
        return f"<code>{words}</code>"
    return words if cell.tone is Tone.PLAIN else f'<span class="badge {cell.tone.value}">{words}</span>'
