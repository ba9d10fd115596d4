"""The data of a report as JSON: what is signed, and what the JSON report is."""

from dataclasses import asdict
from typing import Any

import msgspec

from analysis_svc.domain.reports.content import ReportContent
from analysis_svc.domain.reports.report import Signature


def data_of(content: ReportContent) -> bytes:
    """Return the canonical bytes: keys sorted, no spaces, times in UTC. The same content gives the same."""
    whole: Any = msgspec.to_builtins(asdict(content))
    return msgspec.json.encode(whole, order="sorted")


def signed_json(data: bytes, digest: str, signature: Signature | None) -> bytes:
    """Return the JSON report: the canonical bytes as they were signed, and what to check them by."""
    proof = {"sha256": digest, "signature": None if signature is None else asdict(signature)}
    return b'{"data":' + data + b',"integrity":' + msgspec.json.encode(proof, order="sorted") + b"}\n"
