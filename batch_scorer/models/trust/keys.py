"""The public keys that a project trusts: `jobs/keys/*.pub`, one OpenSSH line each.

Standard library only: to know a key takes no cryptography, to check a signature does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.errors import ConfigInvalid

_KIND = "ssh-ed25519"
_N_BYTES = 32
_MAX_FILE_BYTES = 16_384
_FIX = "put the .pub file there that batch-scorer models keygen wrote, or remove this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An ed25519 key. raw: its 32 bytes. comment: whose it is, as its file says; nothing vouches for that."""

    raw: bytes
    comment: str = ""

    def __post_init__(self) -> None:
        if len(self.raw) != _N_BYTES:
            raise ValueError(f"an ed25519 key has {_N_BYTES} bytes, not {len(self.raw)}")

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(self._blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As OpenSSH writes it, with its newline."""
        return " ".join(filter(None, [_KIND, base64.b64encode(self._blob).decode(), self.comment])) + "\n"

    @property
    def label(self) -> str:
        """`SHA256:… (ada@example)`."""
        return f"{self.fingerprint} ({self.comment})" if self.comment else self.fingerprint

    @property
    def _blob(self) -> bytes:
        return _with_length(_KIND.encode()) + _with_length(self.raw)


def parse_public_key(text: str) -> PublicKey:
    """One OpenSSH line. Raises: ValueError, saying what is wrong with it."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        raise ValueError(f"it has {len(lines)} lines, a key is one")
    kind, _, rest = lines[0].strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if kind != _KIND:
        raise ValueError(f"it begins with {kind[:40]!r}; only {_KIND} keys sign models")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:  # also for what is not ASCII
        raise ValueError("its second word is no base64") from None
    head = _with_length(_KIND.encode()) + _N_BYTES.to_bytes(4, "big")
    if not blob.startswith(head) or len(blob) != len(head) + _N_BYTES:
        raise ValueError(f"its second word is no {_KIND} key")
    return PublicKey(raw=blob[len(head) :], comment=comment.strip())


def trusted_keys(directory: Path) -> Mapping[str, PublicKey]:
    """Fingerprint → key, of every `.pub` file; empty when there is no such directory.

    A file that is no key stops everything: somebody meant it to be one. Raises: ConfigInvalid.
    """
    if directory.is_symlink():
        raise _no_key(directory, "a link to keys is not followed")
    if not directory.is_dir():
        return {}
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".pub")
        keys = [_read(path) for path in paths]
    except OSError as error:
        raise _no_key(directory, f"trusted keys cannot be read: {error.strerror}") from None
    return {key.fingerprint: key for key in keys}


def _read(path: Path) -> PublicKey:
    if path.is_symlink():
        raise _no_key(path, "a link to a key is not followed")
    if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
        raise _no_key(path, f"{path.name} is no public key: no plain small file")
    try:
        return parse_public_key(path.read_bytes().decode())
    except ValueError as reason:  # what is not UTF-8 is one too
        raise _no_key(path, f"{path.name} is no public key: {reason}") from None


def _no_key(path: Path, what: str) -> ConfigInvalid:
    return ConfigInvalid(what, where=str(path), fix=_FIX)


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
