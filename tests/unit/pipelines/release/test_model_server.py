"""The wire of the Bento, against a stub on a real port."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.lib.release.expected_answers import ExpectedAnswer, furthest_off
from pipelines.lib.release.model_server import ModelServer
from pipelines.lib.release.release_error import ReleaseError

LABELS = ["PII.Contact.Email", "SECRET.Password"]
ASKED = [ExpectedAnswer(None, f"label {number}", {LABELS[0]: 0.7, LABELS[1]: 0.3}) for number in range(70)]


class Stub(ThreadingHTTPServer):
    token = "right"
    ready = True
    combined = (0.7, 0.3)
    short = 0
    asked: list[int]


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self._say(200 if self.server.ready else 503, {})
        elif self._is_known():
            self._say(200, {"name": "tiny", "version": "abc", "engine": "transformers"})

    def do_POST(self) -> None:
        items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
        if self._is_known():
            self.server.asked.append(len(items))
            answers = [{"combined": self.server.combined} for _ in items][self.server.short :]
            self._say(200, {"labels": LABELS, "items": answers})

    def _is_known(self) -> bool:
        known = self.headers.get("Authorization") == f"Bearer {self.server.token}"
        if not known:
            self._say(401, {})
        return known

    def _say(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub(("127.0.0.1", 0), _Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connected(stub: Stub, token: str = "right") -> ModelServer:
    return ModelServer(f"http://127.0.0.1:{stub.server_port}", token)


def test_it_is_asked_in_parts_and_tells_what_it_answered(stub: Stub) -> None:
    with connected(stub) as server:
        assert server.is_ready()
        assert server.release() == "abc"
        assert furthest_off(ASKED, server.answers(ASKED)) == 0.0
    assert stub.asked == [64, 6]


def test_another_answer_is_told_by_how_far_it_is_off(stub: Stub) -> None:
    stub.combined = (0.2, 0.8)
    with connected(stub) as server:
        assert furthest_off(ASKED, server.answers(ASKED)) == pytest.approx(0.5)


def test_a_label_that_is_not_answered_counts_as_nothing() -> None:
    assert furthest_off(ASKED[:1], [{LABELS[1]: 0.3}]) == pytest.approx(0.7)


def test_an_open_server_and_a_closed_one_are_told_apart(stub: Stub) -> None:
    with connected(stub) as server:
        assert server.refuses_strangers()


def test_too_few_answers_are_an_error(stub: Stub) -> None:
    stub.short = 1
    with connected(stub) as server, pytest.raises(ReleaseError, match=r"asked for 64 labels, .* answered 63"):
        server.answers(ASKED)


def test_a_wrong_token_and_a_dead_server_are_errors_with_a_reason(stub: Stub) -> None:
    with connected(stub, token="wrong") as server, pytest.raises(ReleaseError, match="/v1/version"):
        server.release()
    stub.ready = False
    with connected(stub) as server:
        assert not server.is_ready()
    with ModelServer("http://127.0.0.1:9", "x") as gone:
        assert not gone.is_ready()
