"""The archive in a bucket with object lock: not even its owner can remove a file before its time."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pipelines.lib.retention.archive import ArchiveError

_THERE = "PreconditionFailed"
_BUSY = "ConditionalRequestConflict"
"""Something else is being done to the object: whether it will be there nobody knows yet."""

_TRIES = 4
_WAIT_S = 0.2


class BucketArchive:
    """A place in an S3 bucket that was made with object lock.

    Args:
        place: s3://bucket/prefix.
        days: how long each object stays locked.
        client: what speaks S3, as boto3 makes it; None takes boto3's, which finds region, address and
            credentials in its own variables.

    Raises:
        ArchiveError: boto3 is not installed.
    """

    def __init__(self, place: str, *, days: int, client: Any = None) -> None:  # noqa: ANN401 - boto3 is untyped
        parts = urlsplit(place)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._days = days
        self._client = client or _boto3_client()

    def keep(self, name: str, content: bytes) -> None:
        """Write an object that is locked; the same again is no fault, as the name holds the content's hash.

        Raises:
            ArchiveError: the bucket did not take it, or has no object lock.
        """
        key = f"{self._prefix}/{name}" if self._prefix else name
        for attempt in range(1, _TRIES + 1):
            refusal = self._refusal(key, content)
            if refusal in {None, _THERE}:
                return
            if refusal != _BUSY:
                break
            if attempt < _TRIES:
                time.sleep(_WAIT_S * attempt)
        raise ArchiveError(f"s3://{self._bucket}/{key} was not taken: {refusal}")

    def _refusal(self, key: str, content: bytes) -> str | None:
        """Write an object once; the code with which the bucket refused it, None when it took it."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType="application/gzip",
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=self._days),
            )
        except Exception as error:  # noqa: BLE001 - boto3 makes its exceptions at run time
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            return str(code) or type(error).__name__
        return None


def _boto3_client() -> Any:  # noqa: ANN401 - boto3 is untyped
    try:
        import boto3  # noqa: PLC0415 - only who has a bucket needs it
    except ModuleNotFoundError as error:
        raise ArchiveError("boto3 is not installed: install the extra `archive`") from error
    return boto3.client("s3")
