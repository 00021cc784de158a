"""What the settings add to S3's calls: who pays, and how targets are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Arguments = dict[str, Any]  # of a call of the SDK, by S3's names


@dataclass(frozen=True, slots=True)
class S3Options:
    """Values as in the S3 API; None leaves the header out, so that the bucket's own defaults hold.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    """

    request_payer: str | None = None
    sse: str | None = None
    kms_key_id: str | None = None
    acl: str | None = None
    storage_class: str | None = None

    def for_object(self) -> Arguments:
        """The arguments of every call about an object."""
        return {} if self.request_payer is None else {"RequestPayer": self.request_payer}

    def for_new_object(self) -> Arguments:
        """The arguments of the calls that begin an object: PutObject and CreateMultipartUpload."""
        given = {
            "ServerSideEncryption": self.sse,
            "SSEKMSKeyId": self.kms_key_id,
            "ACL": self.acl,
            "StorageClass": self.storage_class,
        }
        return {**self.for_object(), **{name: value for name, value in given.items() if value is not None}}

    def form_fields(self) -> dict[str, str]:
        """The fields of a form that begins an object.

        https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
        """
        given = {
            "x-amz-server-side-encryption": self.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key_id,
            "acl": self.acl,
            "x-amz-storage-class": self.storage_class,
        }
        return {name: value for name, value in given.items() if value is not None}
