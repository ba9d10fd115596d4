"""Reports are signed with the key that evidence exports are signed with."""

from analysis_svc.adapters.evidence_keys import EvidenceKeys
from analysis_svc.domain.exports.seal import Signature


class EvidenceKeySigner:
    """Implements Signer.

    Args:
        keys: every key there is; None when the service has nothing to encrypt one with.
    """

    def __init__(self, keys: EvidenceKeys | None) -> None:
        self._keys = keys

    async def sign(self, data: bytes) -> Signature | None:
        """Sign with the newest key; None when there is none, and reports say so.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when the key cannot be had now.
        """
        if self._keys is None:
            return None
        return (await self._keys.current()).sign(data)
