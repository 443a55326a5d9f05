"""One server for a session, a bucket and a proxy for each test; tests/conftest.py names them to pytest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from batch_scorer.core.stores import StoreOptions
from batch_scorer.stores.objects import ObjectStore
from tests.objectstore.proxy import Proxy
from tests.objectstore.server import make_bucket, s3_server

SECRET = "s3cret-of-nobody"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An empty bucket behind a proxy.

    store: reaches it through the proxy; requests are repeated for a minute. hasty: the same, for 0.3 s.
    impatient: as hasty, and an answer that takes longer than 0.4 s is none, whatever the machine has to do.
    """

    name: str
    proxy: Proxy
    direct: ObjectStore  # without the proxy: what is really there
    store: ObjectStore

    @property
    def hasty(self) -> ObjectStore:
        return replace(self.store, options=replace(self.store.options, retry_s=0.3))

    @property
    def impatient(self) -> ObjectStore:
        return replace(self.hasty, options=replace(self.hasty.options, timeout_s=0.4))

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def keys(self, prefix: str = "") -> list[str]:
        return [entry.key for page in self.direct.pages(prefix) for entry in page]


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """The environment names the proxy and credentials, as that of a user would."""
    name = f"b{uuid.uuid4().hex[:12]}"
    make_bucket(s3_url, name)
    with Proxy(s3_url).serving() as proxy:
        for variable, value in environment_of(proxy.url).items():
            monkeypatch.setenv(variable, value)
        yield Bucket(name=name, proxy=proxy, direct=_store(name, s3_url), store=_store(name, proxy.url))


def environment_of(url: str) -> dict[str, str]:
    """What a process needs to find the store at url."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def _store(name: str, url: str) -> ObjectStore:
    options = StoreOptions(endpoint=url, region="us-east-1", timeout_s=60, retry_s=60)
    return ObjectStore(bucket=f"s3://{name}", options=options)
