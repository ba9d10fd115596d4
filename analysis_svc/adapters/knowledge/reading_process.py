"""Reads files; of a risky format in a process of its own, which a file can crash, exhaust or hold up."""

import asyncio
import json
import resource
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import asdict

from analysis_svc.adapters.knowledge.read_file import read_sections
from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.passages import Section

LIMIT_S = 30
_MEMORY = 1_500_000_000
_AT_ONCE = 2
# A small file can make much: what stands above a section is told again with each one.
_MOST_CHARACTERS = 32_000_000
# As UTF-8, with room for what JSON puts around; only a broken reader says more.
_MOST_ANSWER = 4 * _MOST_CHARACTERS + 16_000_000
_PIECE = 1 << 16
# Formats whose readers are large and have had their faults, or that a small file can make much of.
_HARMFUL = frozenset({"html", "jsonl", "oscal", "pdf"})
_SPARE_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class SectionProcess:
    """Reads one file at a time for each of two callers.

    Args:
        limit_s: after this the reading is ended.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def read(self, content: bytes, format: str) -> list[Section]:  # noqa: A002 - what callers call it
        """Read the sections of a file.

        Raises:
            ServiceError: INVALID_REQUEST when it is not of that format, takes too long or too much.
        """
        if format not in _HARMFUL:
            return await asyncio.to_thread(_read_here, content, format)
        async with self._turns:
            # No settings are handed on. That is tidiness, no wall: the process has this one's user.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                format,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**_SPARE_ENVIRONMENT, "PYTHONPATH": ":".join(path for path in sys.path if path)},
            )
            try:
                async with asyncio.timeout(self._limit_s):
                    said, _ = await asyncio.gather(_heard(process), _told(process, content))
                    await process.wait()
            except TimeoutError:
                raise _refused(f"it could not be read within {self._limit_s:g} seconds") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            raise _refused("it could not be read: it broke the reader or needs too much memory")
        return await asyncio.to_thread(_sections_of, said)


async def _told(process: Process, content: bytes) -> None:
    if process.stdin is not None:
        # One that has ended is told nothing more; how it ended is looked at later.
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(content)
            await process.stdin.drain()
        process.stdin.close()


async def _heard(process: Process) -> bytes:
    said = bytearray()
    while process.stdout is not None and (piece := await process.stdout.read(_PIECE)):
        said += piece
        if len(said) > _MOST_ANSWER:
            raise _refused("it could not be read: it broke the reader")
    return bytes(said)


def _sections_of(said: bytes) -> list[Section]:
    answer = json.loads(said)
    if fault := answer.get("fault"):
        raise _refused(fault)
    return [Section(**{**one, "path": tuple(one["path"])}) for one in answer["sections"]]


def _read_here(content: bytes, format: str) -> list[Section]:  # noqa: A002 - what callers call it
    try:
        return read_sections(content, format)
    except UnreadableError as error:
        raise _refused(str(error)) from None


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field="content")


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes nothing but its answer
    try:
        sections = read_sections(sys.stdin.buffer.read(), sys.argv[1])
        if sum(map(_length, sections)) > _MOST_CHARACTERS:
            answer: dict[str, object] = {
                "fault": f"its sections have more than {_MOST_CHARACTERS} characters, headings included"
            }
        else:
            answer = {"sections": [asdict(one) for one in sections]}
    except UnreadableError as error:
        answer = {"fault": str(error)}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def _length(section: Section) -> int:
    return sum(map(len, (section.ref_id, section.title, section.text, section.context, *section.path)))


if __name__ == "__main__":
    _main()
