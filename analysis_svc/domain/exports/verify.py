"""Checks an exported file with nothing but the file, and the public keys when they are given.

Every byte is accounted for: what is read is written anew in its one form and must be the file again. Then the
digest of the content, every chain, the events of the audit log and the signature are recomputed.
"""

import base64
import binascii
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from analysis_svc.domain.audit import event_hash
from analysis_svc.domain.exports import as_csv, as_oscal
from analysis_svc.domain.exports.plain import chain_start
from analysis_svc.domain.exports.seal import FORMAT, Node, canonical, chain, head, sha256

_HEX = re.compile(r"(?:[0-9a-f]{2})+")
# An export of full size is some 50 MB; an archive is not unpacked to more.
MAX_BYTES = 512 * 1024 * 1024
_NOT_READABLE = (
    ValueError,  # no JSON, no text, no number
    LookupError,  # something that must be there is not
    TypeError,  # something is of another kind
    AttributeError,  # the same
    ArithmeticError,  # a number beyond all bounds
    RuntimeError,  # nested too deep; an archive with features that no export uses
    EOFError,  # an archive that ends early
    struct.error,  # an archive with impossible headers
    zipfile.BadZipFile,
)

CheckSignature = Callable[[bytes, bytes, bytes], bool]
"""Says whether a signature (third) over a message (second) is that of a public key (first)."""


class NotIntactError(Exception):
    """The file is not what was exported; the message says what does not hold."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What an intact file is.

    Attributes:
        format: of the file.
        tenant: whose evidence, as the file says.
        sequence: the how manieth export of the tenant.
        previous: digest of the seal before it.
        digest: of its own seal, which the next export names.
        made_at: when.
        records: how many analyses it speaks of.
        kid: names the key that signed it.
        public_key: that key, as hex.
        known_signer: whether that key is among those that were given; None when none were.
        audit_intact: whether the audit log was intact when the export was made.
    """

    format: str
    tenant: str
    sequence: int
    previous: str
    digest: str
    made_at: str
    records: int
    kid: str
    public_key: str
    known_signer: bool | None
    audit_intact: bool


def verify(
    data: bytes, check_signature: CheckSignature, trusted: Mapping[str, bytes] | None = None
) -> Verified:
    """Check a file.

    Args:
        data: all of it.
        check_signature: does the cryptography.
        trusted: public keys of the exporter by their kid, or None to leave open whose the signature is.

    Raises:
        NotIntactError: something does not hold.
    """
    if len(data) > MAX_BYTES:
        raise NotIntactError(f"larger than {MAX_BYTES} bytes, which no export is")
    try:
        found = _archive(data) if data[:2] == b"PK" else _json(data)
        return _sealed(found, check_signature, trusted)
    except _NOT_READABLE as error:
        raise NotIntactError(f"not an export, or damaged: {error}") from None


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    content: str
    records: int | None
    chains: Mapping[str, str] | None
    tenant: str
    audit: Node
    seal: Node


def _json(data: bytes) -> _Found:
    document = json.loads(data.decode("ascii"), parse_constant=_refuse)
    _require(canonical(document) + b"\n" == data, "it is not written as it was exported")
    if "assessment-results" in document:
        return _oscal(document)
    _require(document.keys() == {"content", "seal"}, "it is no export")
    content = document["content"]
    tenant = content["about"]["tenant"]
    start = chain_start(content["about"])
    hashes = chain(start, [_without_hash(one) for one in content["analyses"]])
    for one, digest in zip(content["analyses"], hashes, strict=True):
        _require(one["hash"] == digest, f"the chain of analyses is broken at {one['evidence_id']}")
    return _Found(
        kind="json",
        content=sha256(canonical(content)),
        records=len(hashes),
        chains={"analyses": head(start, hashes)},
        tenant=tenant,
        audit=content["audit"],
        seal=document["seal"],
    )


def _oscal(document: Node) -> _Found:
    results = document["assessment-results"]
    resources = results["back-matter"]["resources"]
    _require(resources[-1]["title"] == as_oscal.SEAL_TITLE, "its last resource is not the seal")
    unsealed = {
        "assessment-results": results
        | {"back-matter": results["back-matter"] | {"resources": resources[:-1]}}
    }
    seal = _embedded(resources[-1])
    _require(as_oscal.with_seal(unsealed, seal) == document, "its seal is not written as it was exported")
    (log,) = [one for one in resources if one["base64"]["filename"] == "audit.json"]
    told = {one["name"]: one["value"] for one in results["metadata"]["props"]}
    return _Found(
        kind="oscal",
        content=sha256(canonical(unsealed)),
        records=None,
        chains=None,
        tenant=told["tenant"],
        audit=_embedded(log),
        seal=seal,
    )


def _archive(data: bytes) -> _Found:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _require(sum(one.file_size for one in archive.infolist()) <= MAX_BYTES, "it unpacks to too much")
        stored = all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())
        _require(stored, "it is not written as it was exported")
        files = {one.filename: archive.read(one) for one in archive.infolist()}
    _require(as_csv.pack(files) == data, "it is not written as it was exported")
    seal_bytes = files.pop(as_csv.SEAL)
    seal, told = json.loads(seal_bytes), json.loads(files[as_csv.ABOUT])
    _require(canonical(seal) + b"\n" == seal_bytes, "its seal is not written as it was exported")
    _require(
        canonical(told) + b"\n" == files[as_csv.ABOUT], f"{as_csv.ABOUT} is not written as it was exported"
    )
    return _Found(
        kind="csv",
        content=as_csv.digest_of(files),
        records=as_csv.rows_of(files["analyses.csv"]),
        chains=as_csv.chains_of(files),
        tenant=told["tenant"],
        audit={"checked": told["audit"], "events": as_csv.events_of(files["audit.csv"])},
        seal=seal,
    )


def _sealed(found: _Found, check_signature: CheckSignature, trusted: Mapping[str, bytes] | None) -> Verified:
    _require(found.seal.keys() == {"sealed", "signature"}, "its seal is none")
    sealed, signature = found.seal["sealed"], found.seal["signature"]
    _require(sealed["format"] == f"{FORMAT}:{found.kind}", "its seal is that of another format")
    _require(sealed["content"] == found.content, "its content is not what was sealed")
    _require(found.records is None or sealed["records"] == found.records, "analyses are missing or added")
    _require(
        found.chains is None or sealed["chains"] == found.chains, "a chain does not end as it was sealed"
    )
    _check_audit(found.audit, found.tenant)
    kid, public_key, value = sealed["kid"], signature["public_key"], signature["value"]
    _require(signature.keys() == {"algorithm", "kid", "public_key", "value"}, "its signature is none")
    _require(signature["kid"] == kid and signature["algorithm"] == "Ed25519", "its signature is another's")
    # Read by hand, `A` would be taken for `a`: another file with the same meaning.
    _require(bool(_HEX.fullmatch(public_key) and _HEX.fullmatch(value)), "its signature is none")
    public_key = bytes.fromhex(public_key)
    _require(
        check_signature(public_key, canonical(sealed), bytes.fromhex(value)), "its signature does not hold"
    )
    known = None if trusted is None else trusted.get(kid) == public_key
    _require(known is not False, f"it is signed with key {kid}, which is none of those given")
    return Verified(
        format=sealed["format"],
        tenant=found.tenant,
        sequence=sealed["sequence"],
        previous=sealed["previous"],
        digest=sha256(canonical(sealed)),
        made_at=sealed["made_at"],
        records=sealed["records"],
        kid=kid,
        public_key=public_key.hex(),
        known_signer=known,
        audit_intact=bool(found.audit["checked"]["intact"]),
    )


def _check_audit(log: Node, tenant: str) -> None:
    before: Node | None = None
    for one in log["events"]:
        digest = event_hash(
            tenant_id=UUID(tenant),
            seq=one["seq"],
            at=datetime.fromisoformat(one["at"]),
            actor=one["actor"],
            action=one["action"],
            subject=one["subject"],
            detail=one["detail"],
            previous_hash=bytes.fromhex(one["previous_hash"]),
        )
        _require(digest.hex() == one["hash"], f"event {one['seq']} of the audit log was changed")
        if before is not None:
            linked = one["seq"] == before["seq"] + 1 and one["previous_hash"] == before["hash"]
            _require(linked, f"the audit log is broken before event {one['seq']}")
        before = one


def _embedded(resource: Node) -> Node:
    try:
        value: Any = json.loads(base64.b64decode(resource["base64"]["value"], validate=True))
    except binascii.Error as error:
        raise NotIntactError(f"{resource['title']} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise NotIntactError(f"{resource['title']} is not what was exported")
    return value


def _without_hash(record: Node) -> Node:
    return {name: value for name, value in record.items() if name != "hash"}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - what has to hold
    if not holds:
        raise NotIntactError(otherwise)
