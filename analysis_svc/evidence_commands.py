"""Commands around exports: check a file, which needs no service, and renew the key that signs them."""

import asyncio
import json
import os
from pathlib import Path

import click

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_keys import EvidenceKeys, read_jwks, signature_holds
from analysis_svc.domain.errors import ServiceError
from analysis_svc.domain.exports.verify import NotIntactError, Verified
from analysis_svc.domain.exports.verify import verify as verify_file
from analysis_svc.settings import read_settings

NOT_INTACT = 1
SIGNER_UNKNOWN = 3

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--keys", type=_FILE, help="the exporter's public keys, as /.well-known/evidence-keys.json gives them"
)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def verify(file: Path, keys: Path | None, *, as_json: bool) -> None:
    """Check an exported FILE, offline.

    Exits with 0 when every byte, chain and signature holds and the key is one of those given; with 1 when
    something does not hold; with 3 when all holds but no keys were given, so that whose signature it is stays
    open. Take the keys from the exporter, not from who gave you the file.
    """
    trusted = None
    if keys is not None:
        try:
            trusted = read_jwks(json.loads(keys.read_bytes()))
        except ValueError as error:
            raise click.ClickException(f"{keys}: {error}") from None
    try:
        found = verify_file(file.read_bytes(), signature_holds, trusted)
    except NotIntactError as error:
        shown = {"file": str(file), "intact": False, "fault": str(error)}
        click.echo(json.dumps(shown) if as_json else f"NOT INTACT  {file}: {error}")
        raise SystemExit(NOT_INTACT) from None
    _show(file, found, as_json=as_json)
    if not found.audit_intact:
        raise SystemExit(NOT_INTACT)
    if found.known_signer is None:
        raise SystemExit(SIGNER_UNKNOWN)


def _show(file: Path, found: Verified, *, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(found, name) for name in found.__slots__}
        click.echo(json.dumps({"file": str(file), "intact": True, **told}))
        return
    signer = "one of the keys given" if found.known_signer else "NOT CHECKED: give --keys"
    rows = {
        "intact": str(file),
        "format": found.format,
        "tenant": found.tenant,
        "export": f"{found.sequence}, made {found.made_at}",
        "analyses": str(found.records),
        "seal": found.digest,
        "before it": found.previous,
        "key": f"{found.kid}, {found.public_key}",
        "signer": signer,
        "audit log": "intact" if found.audit_intact else "BROKEN when the export was made",
    }
    click.echo("\n".join(f"{name:<10}  {value}" for name, value in rows.items()))


@click.group("evidence-key")
def evidence_key() -> None:
    """The key that exports are signed with."""


@evidence_key.command("rotate")
def rotate() -> None:
    """Make a new key, which signs from now on; the older ones stay published."""
    try:
        click.echo(asyncio.run(_rotate()))
    except ServiceError as error:
        raise click.ClickException(error.detail) from None


async def _rotate() -> str:
    settings = read_settings(os.environ)
    database = Database(settings.database_url, pool_size=1, statement_timeout_ms=10_000)
    try:
        return await EvidenceKeys(database, key_encryption_key=settings.key_encryption_key).rotate()
    finally:
        await database.close()
