"""The data of a report as JSON: what is signed, and what the JSON report is."""

from dataclasses import asdict
from typing import Any

import msgspec

from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.reports.content import ReportContent

_BEGIN, _BETWEEN, _END = b'{"data":', b',"integrity":', b"}\n"


def data_of(content: ReportContent) -> bytes:
    """Return the canonical bytes: keys sorted, no spaces, times in UTC. The same content gives the same."""
    whole: Any = msgspec.to_builtins(asdict(content))
    return msgspec.json.encode(whole, order="sorted")


def signed_json(data: bytes, digest: str, signature: Signature | None) -> bytes:
    """Return the JSON report: the canonical bytes as they were signed, and what to check them by."""
    proof = {"sha256": digest, "signature": None if signature is None else asdict(signature)}
    return _BEGIN + data + _BETWEEN + msgspec.json.encode(proof, order="sorted") + _END


def signed_parts(report: bytes) -> tuple[bytes, dict[str, Any]]:
    """Take a JSON report apart into the bytes that were signed, and what to check them by.

    Raises:
        ValueError: it is none.
    """
    data, between, proof = report.removeprefix(_BEGIN).rpartition(_BETWEEN)
    if not between or not report.startswith(_BEGIN) or not report.endswith(_END):
        raise ValueError("a JSON report; for another format give --record")
    found: dict[str, Any] = msgspec.json.decode(proof.removesuffix(_END))
    return data, {"sha256": found["sha256"], "signature": found["signature"]}
