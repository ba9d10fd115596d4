"""An OPA server as far as the policy engine uses one, with the true evaluator of OPA behind it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opa_bindings import OpaEngine as TrueOpa
from opa_bindings import OpaError, OpaUndefinedError


class OpaServer:
    """Listens on a free port of this machine; `lost` forgets all policies, as a restart does."""

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.data: dict[str, Any] = {}
        self.delay_s = 0.0
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path.startswith("/v1/policies/"):
                    outer.policies[self.path.removeprefix("/v1/policies/")] = body
                    try:
                        outer.engine().close()
                    except OpaError as error:
                        self._say(400, {"code": "invalid_parameter", "message": str(error)})
                        return
                else:
                    outer.data[self.path.removeprefix("/v1/data/").replace("/", ".")] = json.loads(body)
                self._say(200, {})

            def do_POST(self) -> None:
                path = self.path.partition("?")[0].removeprefix("/v1/data/").replace("/", ".")
                outer.asked.append(path)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.wait()
                try:
                    with outer.engine() as engine:
                        self._say(200, {"result": engine.eval_document(path, body["input"])})
                except OpaUndefinedError:
                    self._say(200, {})
                except OpaError as error:
                    self._say(500, {"code": error.code, "message": str(error)})

            def _say(self, status: int, body: dict[str, Any]) -> None:
                said = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._may_go = threading.Event()
        self._may_go.set()

    def engine(self) -> TrueOpa:
        engine = TrueOpa()
        for path, source in self.policies.items():
            engine.add_policy(path, source)
        for path, value in self.data.items():
            engine.add_data(value, path)
        engine.eval_query("1 == 1")
        return engine

    def hang(self) -> None:
        self._may_go.clear()

    def wait(self) -> None:
        self._may_go.wait(10)

    def lose_everything(self) -> None:
        self.policies.clear()
        self.data.clear()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._may_go.set()
        self._server.shutdown()
        self._server.server_close()
