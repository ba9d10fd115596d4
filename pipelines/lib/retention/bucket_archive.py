"""The archive in a bucket with object lock: not even its owner can remove a file before its time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pipelines.lib.retention.archive import ArchiveError

_THERE = {"PreconditionFailed", "ConditionalRequestConflict"}


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
        """Write an object that is locked; the same again is no fault.

        Raises:
            ArchiveError: the bucket did not take it, or has no object lock.
        """
        key = f"{self._prefix}/{name}" if self._prefix else name
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
        except Exception as error:
            # boto3 makes its exceptions at run time. The name holds the hash of the content, so what has it
            # already is the same.
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code in _THERE:
                return
            raise ArchiveError(
                f"s3://{self._bucket}/{key} was not taken: {code or type(error).__name__}"
            ) from error


def _boto3_client() -> Any:  # noqa: ANN401 - boto3 is untyped
    try:
        import boto3  # noqa: PLC0415 - only who has a bucket needs it
    except ModuleNotFoundError as error:
        raise ArchiveError("boto3 is not installed: install the extra `archive`") from error
    return boto3.client("s3")
