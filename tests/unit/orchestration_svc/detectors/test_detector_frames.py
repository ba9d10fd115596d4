import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.adapters import detector_frames


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_survives_the_pipe_lone_surrogates_included(text: str) -> None:
    frame = detector_frames.encode({"text": text})
    assert detector_frames.read_blocking(io.BytesIO(frame)) == {"text": text}


def test_the_end_of_the_stream_is_no_message() -> None:
    assert detector_frames.read_blocking(io.BytesIO(b"")) is None


@pytest.mark.parametrize("message", [{"x": object()}, {"x": float("nan")}, {"x": "a" * 17_000_000}])
def test_what_is_no_json_or_too_large_is_refused_without_quoting_it(message: dict[str, object]) -> None:
    with pytest.raises(detector_frames.FrameError, match=r"^(not JSON|too large)$"):
        detector_frames.encode(message)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", EOFError),
        (b"\0\0\0\5{}", EOFError),
        (b"\0\0\0\2xx", detector_frames.FrameError),
        (b"\0\0\0\2[]", detector_frames.FrameError),
        (b"\xff\xff\xff\xff", detector_frames.FrameError),
    ],
)
async def test_a_broken_stream_is_an_error_and_never_a_message(sent: bytes, error: type[Exception]) -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(sent)
    stream.feed_eof()
    with pytest.raises(error):
        await detector_frames.read(stream)
