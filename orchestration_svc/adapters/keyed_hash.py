"""Hashes with a secret: what is hashed cannot be guessed from the hash, however short it is."""

import hashlib
import hmac

from orchestration_svc.adapters.data_keys import derived_key


class KeyedSha256:
    """HMAC-SHA256 under a key derived from the key-encryption key, another one for each purpose."""

    def __init__(self, key_encryption_key: str, *, purpose: str) -> None:
        self._key = derived_key(key_encryption_key, purpose=purpose)

    def __call__(self, *parts: bytes) -> bytes:
        """Hash the parts, each with its length, so that none can pass for its neighbour."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()
