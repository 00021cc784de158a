"""An object store, with what producers and listeners do with its objects, for the contract of object stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.fakes.objects import MemoryObjects, StoredObject
from worker.domain.job import ObjectLocation
from worker.ports import Artifact, ObjectStore

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class OtherSide(Protocol):
    """The store as producers and listeners have it."""

    async def put(self, location: ObjectLocation, data: bytes) -> None: ...

    async def get(self, location: ObjectLocation) -> StoredObject: ...


@dataclass
class Subject:
    """A store, its other side, and a bucket of the test's own."""

    store: ObjectStore
    other_side: OtherSide
    bucket: str
    absent_bucket: str

    def at(self, key: str) -> ObjectLocation:
        return ObjectLocation(self.bucket, key)


@dataclass
class MemorySide:
    objects: MemoryObjects

    async def put(self, location: ObjectLocation, data: bytes) -> None:
        self.objects.put(location, data)

    async def get(self, location: ObjectLocation) -> StoredObject:
        found = self.objects.get(location)
        assert found is not None
        return found


@dataclass
class S3Side:
    client: S3Client

    async def put(self, location: ObjectLocation, data: bytes) -> None:
        await self.client.put_object(Bucket=location.bucket, Key=location.key, Body=data)

    async def get(self, location: ObjectLocation) -> StoredObject:
        answer = await self.client.get_object(Bucket=location.bucket, Key=location.key)
        async with answer["Body"] as body:
            return StoredObject(await body.read(), answer["ContentType"], answer["Metadata"])


@dataclass
class Account:
    """What a transfer reported."""

    sizes: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)


def artifact_of(path: Path, data: bytes, prefix: bytes = b"") -> Artifact:
    path.write_bytes(data)
    return Artifact(path, 1.0, 0, len(data), prefix)
