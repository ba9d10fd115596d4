from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError

Row = TypeVar("Row", bound=msgspec.Struct)


def read_jsonl(path: Path, kind: type[Row]) -> Iterator[tuple[int, Row]]:
    """Yields the rows of a JSON-lines file with their line numbers, counted from 1.

    Raises:
        DataFaultError: a line is not UTF-8, not JSON, or no such row; names file and line.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            yield number, decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataFaultError(path, number, "", str(error)) from error
