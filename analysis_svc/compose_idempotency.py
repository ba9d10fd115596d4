"""Puts together what answers a request sent twice once."""

from analysis_svc.adapters.clock import SystemClock
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.idempotency_repository import IdempotencyRepository
from analysis_svc.adapters.idempotency_secrets import RequestHash, SealedAnswers
from analysis_svc.api.idempotent import AnsweredOnce
from analysis_svc.domain.idempotency import Idempotency


def compose_idempotency(database: Database, *, key_encryption_key: str) -> AnsweredOnce:
    """Put it together; without a key-encryption key the header is refused, and nothing else."""
    if not key_encryption_key:
        return AnsweredOnce(None)
    return AnsweredOnce(
        Idempotency(
            IdempotencyRepository(database),
            SealedAnswers(key_encryption_key),
            RequestHash(key_encryption_key),
            SystemClock(),
        )
    )
