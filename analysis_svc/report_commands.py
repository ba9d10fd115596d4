"""The command that checks the file of a report; it needs no service."""

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from analysis_svc.adapters.evidence_keys import read_jwks, signature_holds
from analysis_svc.adapters.reports.data_json import signed_parts

NOT_INTACT = 1
SIGNER_UNKNOWN = 3
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify-report")
@click.argument("file", type=_FILE)
@click.option("--record", type=_FILE, help="what GET /api/v1/reports/{id} answered; a JSON report needs none")
@click.option("--keys", type=_FILE, help="public keys, as /.well-known/evidence-keys.json gives them")
def verify_report(file: Path, record: Path | None, keys: Path | None) -> None:
    """Check the FILE of a report, offline.

    Exits with 0 when bytes and signature hold and the key is one of those given; with 1 when something does
    not hold; with 3 when all holds but no keys were given, so that whose signature it is stays open.
    """
    content = file.read_bytes()
    try:
        signed, proof = (content, _of_record(record)) if record else signed_parts(content)
        trusted = None if keys is None else read_jwks(json.loads(keys.read_bytes()))
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"not what it should be: {error}") from None
    if hashlib.sha256(signed).hexdigest() != proof["sha256"]:
        _refuse(file, "it has other bytes than were signed")
    signature = proof["signature"]
    if signature is None:
        _refuse(file, "it was never signed")
    public_key = bytes.fromhex(signature["public_key"])
    if not signature_holds(public_key, signed, bytes.fromhex(signature["value"])):
        _refuse(file, "the signature does not hold")
    if trusted is not None and trusted.get(signature["kid"]) != public_key:
        _refuse(file, "it was signed with a key that is none of those given")
    signer = "NOT CHECKED: give --keys" if trusted is None else "one of the keys given"
    click.echo(f"intact  {file}\nsha256  {proof['sha256']}\nkey     {signature['kid']}\nsigner  {signer}")
    if trusted is None:
        raise SystemExit(SIGNER_UNKNOWN)


def _of_record(path: Path) -> dict[str, Any]:
    file: dict[str, Any] = json.loads(path.read_bytes())["file"]
    return {"sha256": file["sha256"], "signature": file["signature"]}


def _refuse(file: Path, fault: str) -> None:
    click.echo(f"NOT INTACT  {file}: {fault}")
    raise SystemExit(NOT_INTACT)
