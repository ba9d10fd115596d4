"""What is kept of a person: HMAC-SHA256 under a key of this installation, another hash in each tenant."""

import base64
import hashlib
import hmac
from uuid import UUID

from analysis_svc.domain.errors import ErrorCode, ServiceError


class KeyedSubjectHash:
    """Hashes subjects.

    Args:
        key: 32 bytes as URL-safe base64; empty where the installation keeps nothing of persons.
    """

    def __init__(self, key: str) -> None:
        self._key = base64.urlsafe_b64decode(key) if key else b""

    def __call__(self, tenant_id: UUID, subject: str) -> bytes:
        """Return 32 bytes that nobody without the key can tie to the subject.

        Raises:
            ServiceError: INVALID_REQUEST when there is no key: a subject dropped without a word
                could never be erased.
        """
        if not self._key:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                "this installation keeps no subjects: ANALYSIS_SUBJECT_KEY is not set",
                field="subject",
            )
        return hmac.new(self._key, tenant_id.bytes + subject.encode(), hashlib.sha256).digest()
