"""Stands for the signing key where there is none."""

from analysis_svc.domain.reports.report import Signature


class NoSigner:
    """Implements Signer: signs nothing, and reports say so."""

    async def sign(self, data: bytes) -> Signature | None:
        """Return None."""
        del data
        return None
