"""From settings to a connection, once for each process and bucket."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.stores import StoreOptions

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_CONNECT_TIMEOUT_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_MAX_RETRIES = 20  # it is retry_s that ends it


@lru_cache(maxsize=64)
def connect(bucket: str, options: StoreOptions) -> Any:
    """A client of a bucket: an obstore store, good for any number of threads; asks nobody yet.

    Credentials are those of this process: AWS_ACCESS_KEY_ID and the like, or of the machine's role.
    Raises: ConfigInvalid.
    """
    require_installed(bucket)
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        return from_url(
            bucket,
            config=_config(bucket, options),  # type: ignore[call-overload]
            client_options=_client(options),
            retry_config=_retries(options),
        )
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigInvalid(
            f"there is no way to the object store: {reason}",
            where=bucket,
            fix="look at storage in the job file, and at the variables AWS_*, GOOGLE_* or AZURE_*",
        ) from None


def plain_settings(bucket: str, options: StoreOptions) -> dict[str, str]:
    """The same for a library that connects by itself, in the words of the Rust crate object_store.

    No credentials: it finds those of this process as we do.
    """
    return {
        **_config(bucket, options),
        "allow_http": str(options.is_http).lower(),
        "connect_timeout": f"{min(_CONNECT_TIMEOUT_S, options.timeout_s)}s",
        "timeout": f"{options.timeout_s}s",
        "max_retries": str(_MAX_RETRIES if options.retry_s else 0),
        "retry_timeout": f"{options.retry_s}s",
    }


def require_installed(bucket: str) -> None:
    """Raises: ConfigInvalid, with what to install."""
    if find_spec("obstore") is None:
        raise ConfigInvalid(
            "object stores need the package obstore",
            where=bucket,
            fix='pip install "batch-scorer[objects]", on the workers too',
        )


def _config(bucket: str, options: StoreOptions) -> dict[str, str]:
    """What the provider's own variables do not say."""
    if not bucket.startswith("s3"):
        return {}
    found = {"endpoint": options.endpoint, "region": options.region}
    return {name: value for name, value in found.items() if value is not None}


def _client(options: StoreOptions) -> ClientConfig:
    return {
        "allow_http": options.is_http,
        "connect_timeout": timedelta(seconds=min(_CONNECT_TIMEOUT_S, options.timeout_s)),
        "timeout": timedelta(seconds=options.timeout_s),
        "user_agent": "batch-scorer",
    }


def _retries(options: StoreOptions) -> RetryConfig:
    return {
        "max_retries": _MAX_RETRIES if options.retry_s else 0,
        "retry_timeout": timedelta(seconds=options.retry_s),
        "backoff": {
            "init_backoff": timedelta(seconds=_FIRST_WAIT_S),
            "max_backoff": timedelta(seconds=_LONGEST_WAIT_S),
        },
    }
