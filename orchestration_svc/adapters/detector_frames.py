"""The pipe between the service and a detector worker: 4 bytes of length, then JSON in ASCII."""

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
# A text of the largest size that settings allow, every character escaped, fits; so does what is said of it.
MAX_FRAME_BYTES = 16 * 1024 * 1024


class FrameError(Exception):
    """The other side sent something that is no frame."""


def encode(message: dict[str, Any]) -> bytes:
    """Make a frame.

    Raises:
        FrameError: when the message is no JSON or too large.
    """
    try:
        # ASCII with escapes carries any str, lone surrogates included.
        body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        raise FrameError("not JSON") from None  # the original quotes the value
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError("too large")
    return _LENGTH.pack(len(body)) + body


def read_blocking(stream: BinaryIO) -> dict[str, Any] | None:
    """Read one frame in the worker; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    body = stream.read(_LENGTH.unpack(head)[0])
    message: dict[str, Any] = json.loads(body)
    return message


async def read(stream: asyncio.StreamReader) -> dict[str, Any]:
    """Read one frame in the service.

    Raises:
        EOFError: when the worker is gone.
        FrameError: when it sent something else; it cannot be trusted with another text.
    """
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise FrameError("too large")
        message = json.loads(await stream.readexactly(length))
    except asyncio.IncompleteReadError:
        raise EOFError("worker ended") from None
    except OSError:
        raise EOFError("worker ended") from None
    except ValueError:
        raise FrameError("not JSON") from None
    if not isinstance(message, dict):
        raise FrameError("not an object")
    return message
