"""Everything that a service leaves behind: log lines, spans, metrics and rows, to be searched for content."""

import base64
import io
import json
import logging
import random
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import stamina
import structlog
from psycopg.sql import SQL, Identifier

from mapper_svc.adapters.structured_log import configure_logging
from tests.contracts.services import SERVICES
from tests.contracts.world import World

_CHOOSE = random.SystemRandom()
_ALPHABET = sorted(set(string.ascii_letters + string.digits) - set("Zq7"))


@dataclass(frozen=True)
class Canary:
    """Content that can be recognised, in whatever clothes.

    Attributes:
        mark: random letters and digits that stand nowhere else; no two alike, so that it looks like a key
            to those who tell keys from names.
    """

    mark: str = field(default_factory=lambda: "Zq7" + "".join(_CHOOSE.sample(_ALPHABET, 21)))

    @property
    def content(self) -> str:
        """A text that holds the mark plainly, and once more in base64."""
        return f"my secret is {self.mark}, or {self.in_base64} for machines"

    @property
    def in_base64(self) -> str:
        return base64.b64encode(self.mark.encode()).decode()

    def escaped(self) -> bytes:
        """The JSON string of the content with half of the mark written as escapes."""
        half = len(self.mark) // 2
        escapes = "".join(f"\\u{ord(char):04x}" for char in self.mark[half:])
        return json.dumps(self.content).replace(self.mark, self.mark[:half] + escapes).encode()

    def forms(self) -> list[str]:
        """Whatever the mark may look like where it has no business: parts of it too."""
        whole = [self.mark, self.mark.upper(), self.in_base64, self.mark.encode().hex()]
        return [*whole, self.mark[6:18], self.mark[-12:], self.in_base64[:16]]

    def traces_in(self, text: str) -> list[str]:
        """Return the places where it is, with what surrounds it."""
        found = []
        for form in self.forms():
            at = text.find(form)
            if at >= 0:
                found.append(text[max(0, at - 120) : at + 60])
        return found


@dataclass
class Witness:
    """What was said and kept since it began to listen."""

    world: World
    production_log: io.StringIO
    every_record: io.StringIO

    def testimony(self) -> dict[str, str]:
        """Return all of it by source."""
        said = {
            "production log": self.production_log.getvalue(),
            "every record": self.every_record.getvalue(),
        }
        for name, running in self.world.running.items():
            spans = running.spans.get_finished_spans()
            said[f"spans of {name}"] = "\n".join(span.to_json() for span in spans)
            said[f"metrics of {name}"] = running.metrics()
        return said | self._tables()

    def _tables(self) -> dict[str, str]:
        rows: dict[str, str] = {}
        with psycopg.connect(self.world.databases["mapper"].admin) as admin:
            tables = admin.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
                [[service.schema for service in SERVICES]],
            ).fetchall()
            for schema, table in tables:
                name = Identifier(schema, table)
                found = admin.execute(SQL("SELECT row_to_json(r)::text FROM {} AS r").format(name)).fetchall()
                rows[f"table {schema}.{table}"] = "\n".join(text for (text,) in found)
        return rows

    def check_silence_on(self, canary: Canary) -> None:
        """Fail when the content is anywhere."""
        testimony = self.testimony()
        assert testimony["every record"], "someone listened"
        assert len([source for source in testimony if source.startswith("table ")]) >= 9
        told = {source: canary.traces_in(text) for source, text in testimony.items()}
        if leaks := {source: traces for source, traces in told.items() if traces}:
            raise AssertionError(f"content was told to: {leaks}")


class _Everything(logging.Formatter):
    """A record with every attribute that it carries, exception included."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {vars(record)!r}"


@contextmanager
def listening(world: World) -> Iterator[Witness]:
    """Log as in production but at DEBUG, and keep each record of every library besides; then put it back."""
    root = logging.getLogger()
    named = [logging.getLogger(name) for name in list(root.manager.loggerDict)]
    before = [(logger, logger.level) for logger in (root, *named)]
    handlers, config = list(root.handlers), structlog.get_config()
    produced, everything = io.StringIO(), io.StringIO()
    stdout, sys.stdout = sys.stdout, produced
    try:
        configure_logging("DEBUG")
    finally:
        sys.stdout = stdout
    structlog.configure(cache_logger_on_first_use=False)
    all_of_it = logging.StreamHandler(everything)
    all_of_it.setFormatter(_Everything())
    root.addHandler(all_of_it)
    for logger, _ in before:
        logger.setLevel(logging.DEBUG)
    try:
        yield Witness(world, produced, everything)
    finally:
        root.handlers = handlers
        for logger, level in before:
            logger.setLevel(level)
        structlog.configure(**config)
        stamina.instrumentation.set_on_retry_hooks(None)
