"""Object stores as every room knows them: addresses, options, stamps. Nothing is asked here."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from batch_scorer.core.errors import ConfigInvalid

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss")

_ENDPOINT = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/@?#\[\]:]+)(?::[0-9]{1,5})?(?:/[^\s@?#]*)?", re.IGNORECASE
)
_ENDPOINT_WHERE = "storage.endpoint, or AWS_ENDPOINT_URL"
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class ObjectChanged(OSError):
    """The object is not the one that was meant: its ETag is another."""

    def __init__(self, where: str) -> None:
        super().__init__(errno.ESTALE, "the object is another one by now", where)

    def __reduce__(self) -> tuple[type[ObjectChanged], tuple[str]]:
        return ObjectChanged, (str(self.filename),)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How stores are reached: what travels to workers. Credentials never do: each process finds its own.

    endpoint: URL of an S3-compatible server; None: the provider's own. timeout_s: of one request, its answer
    included. retry_s: how long after its beginning a request is still repeated; 0: never.
    Raises: ConfigInvalid, for an endpoint that is no plain URL of a server, and for http to another machine
    unless allow_http: anybody on the way could read.
    """

    endpoint: str | None = None
    region: str | None = None
    allow_http: bool = False
    timeout_s: float = 30.0
    retry_s: float = 60.0

    def __post_init__(self) -> None:
        if self.endpoint and not _ENDPOINT.fullmatch(self.endpoint):
            # Not shown: what is wrong with it may be a password.
            raise ConfigInvalid(
                "the endpoint is not the URL of a server without user and password",
                where=_ENDPOINT_WHERE,
                fix="write it like https://minio:9000; credentials go into AWS_ACCESS_KEY_ID and the like",
            )
        if self.endpoint and is_in_the_clear(self.endpoint) and not self.allow_http:
            raise ConfigInvalid(
                f"the endpoint {self.endpoint} is plain http: anybody on the way "
                "could read and change the data",
                where=_ENDPOINT_WHERE,
                fix="use https://…, or say storage.allow_http: true in the job file",
            )

    @property
    def is_http(self) -> bool:
        return self.endpoint is not None and _is_http(self.endpoint)

    def completed(self, env: Mapping[str, str]) -> StoreOptions:
        """With what the usual AWS_* variables say where nothing was said. Raises: ConfigInvalid."""
        return replace(
            self,
            endpoint=self.endpoint or _first(env, _ENDPOINTS),
            region=self.region or _first(env, _REGIONS),
        )


NO_OPTIONS = StoreOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectUrl:
    """`s3://bucket/some/prefix`. bucket: with its scheme. key: no slash at its ends; "": the bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    def __truediv__(self, below: str) -> ObjectUrl:
        return replace(self, key=f"{self.key}/{below}".strip("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStamp:
    """One version of an object. etag: as the store says it, quotes included. modified_ns: whole seconds.

    A listing may know fractions of a second, an answer about one object does not: neither is kept.
    """

    size: int
    etag: str
    modified_ns: int
    version: str | None = None  # where the bucket has versions, and the store said which


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    key: str
    stamp: ObjectStamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What lies directly below a prefix. prefixes: keys of what looks like directories, without a slash."""

    objects: tuple[ObjectEntry, ...]
    prefixes: tuple[str, ...]


def is_object_url(path: str) -> bool:
    """Is it an address in an object store, rather than a path or the URL of something else?"""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme.lower() in SCHEMES


def is_in_the_clear(endpoint: str) -> bool:
    """Does it go to another machine by plain http?"""
    return _is_http(endpoint) and not _is_loopback(endpoint)


def parse_object_url(url: str) -> ObjectUrl:
    """Raises: ConfigInvalid."""
    scheme, separator, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    key = key.strip("/")
    if not separator or scheme.lower() not in SCHEMES:
        raise _wrong(url, f"its scheme is none of {', '.join(SCHEMES)}")
    if not bucket or ":" in bucket or ("@" in bucket and not scheme.lower().startswith("abfs")):
        raise _wrong(url, "it names no bucket")
    if any(part in ("", ".", "..") for part in key.split("/")) and key:
        raise _wrong(url, 'its path has a part that is empty, "." or ".."')
    return ObjectUrl(bucket=f"{scheme.lower()}://{bucket}", key=key)


def _wrong(url: str, why: str) -> ConfigInvalid:
    # The URL itself is not shown: what is wrong with it may be a password.
    scheme = url.partition("://")[0]
    return ConfigInvalid(
        f"an address {scheme}://… is not one of an object store: {why}",
        fix="write s3://bucket/prefix; credentials belong in the environment, not in the address",
    )


def _is_http(url: str) -> bool:
    return url.lower().startswith("http://")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)
