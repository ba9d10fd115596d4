"""Has mapper plugins read the outputs of hand-overs, before any tier does."""

from collections.abc import Sequence
from dataclasses import replace

from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.plugins import Plugins, SeenOutput


async def ask_mappers(payloads: Sequence[MapperPayload], plugins: Plugins) -> list[MapperPayload]:
    """Returns the payloads, with what plugins read beside the entries that they have a say in."""
    entries = [payload.entries() for payload in payloads]
    seen = [
        SeenOutput(entry.detector, entry.vendor, entry.version, entry.output)
        for of_payload in entries
        for entry in of_payload
    ]
    readings = iter(await plugins.read(seen))
    read = [tuple(replace(entry, reading=next(readings)) for entry in of_payload) for of_payload in entries]
    return [
        replace(payload, provenance=of_payload) if any(entry.reading for entry in of_payload) else payload
        for payload, of_payload in zip(payloads, read, strict=True)
    ]
