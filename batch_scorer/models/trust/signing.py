"""Signatures of model versions: ed25519 over name, version and the manifest's sha256.

The manifest pins every file's hash, so a signature of it speaks of all of them. It is kept in the history
(event `signed`), where it can be added later, by several people, without touching the version.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import ConfigInvalid, ModelRefused, UsageError
from batch_scorer.core.models import ModelPin
from batch_scorer.models.registry.checking import check_version
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent, pinned_manifests
from batch_scorer.models.trust.keys import PublicKey

if TYPE_CHECKING:
    from batch_scorer.models.trust.private_keys import SigningKey

KEY_VARIABLE = "BATCH_SCORER_SIGNING_KEY"
# Nothing else that is ever signed begins like this: a signature says this and nothing more.
_DOMAIN = "batch-scorer model version, signature form 1"


def signed_bytes(name: str, version: int, manifest_sha256: str) -> bytes:
    """What a signature is over. No part can hold a zero byte, so no two versions have the same."""
    return "\0".join([_DOMAIN, name, str(version), manifest_sha256]).encode()


def configured_key() -> SigningKey | None:
    """The key that BATCH_SCORER_SIGNING_KEY names; None when it is unset or empty.

    Raises: UsageError (no such key, not readable), ConfigInvalid (not installed).
    """
    path = os.environ.get(KEY_VARIABLE)
    if not path:
        return None
    from batch_scorer.models.trust.private_keys import read_signing_key

    return read_signing_key(Path(path))


def key_from(path: Path | None) -> SigningKey:
    """The key of --key, else the configured one. Raises: UsageError, ConfigInvalid (not installed)."""
    if path is not None:
        from batch_scorer.models.trust.private_keys import read_signing_key

        return read_signing_key(path)
    key = configured_key()
    if key is None:
        raise UsageError(
            "there is no key to sign with",
            where=f"{KEY_VARIABLE} is not set",
            fix=f"name the private key with --key FILE, or in {KEY_VARIABLE}; if you have none, make one",
            next_command="batch-scorer models keygen",
        )
    return key


def sign_version(
    registry: FileRegistry, name: str, version: int, key: SigningKey, *, who: str
) -> HistoryEntry:
    """Check every file of a version, then record a signature; what this key has signed stays as it is.

    Raises: ModelNotFound, ModelRefused (a file is not what was registered), StoreUnavailable, LockHeld,
    DiskFull, OutputUnwritable.
    """
    for problem in check_version(registry, name, version):
        raise problem
    entries = registry.history(name)
    digest = pinned_manifests(entries)[version]
    mine = {key.public.fingerprint: key.public}
    for entry in signatures_of(entries, version):
        if entry.key in mine and is_good(entry, name, digest, mine):
            return entry
    signature = base64.b64encode(key.sign(signed_bytes(name, version, digest))).decode()
    return registry.add_signature(name, version, key=key.public.fingerprint, signature=signature, who=who)


def require_signer(
    pin: ModelPin, entries: Iterable[HistoryEntry], keys: Mapping[str, PublicKey], *, where: str
) -> PublicKey:
    """The trusted key with the first good signature of exactly what the pin names.

    entries: the model's history. where: the directory of the keys.
    Raises: ModelRefused (unsigned, by others only, a bad signature); ConfigInvalid (nobody is trusted).
    """
    if not keys:
        raise ConfigInvalid(
            "only signed models may be used, and no key is trusted",
            where=where,
            fix="put the public key (.pub) of whoever signs models there, or set model.trust: pinned",
            next_command="batch-scorer models keygen",
        )
    signatures = signatures_of(entries, pin.version)
    for entry in signatures:
        if is_good(entry, pin.name, pin.manifest_sha256, keys):
            return keys[str(entry.key)]
    raise _not_signed(pin.reference, signatures, keys, where)


def signatures_of(entries: Iterable[HistoryEntry], version: int) -> list[HistoryEntry]:
    """In the order in which they were made, good or not."""
    return [e for e in entries if e.event is HistoryEvent.SIGNED and e.version == version]


def is_good(entry: HistoryEntry, name: str, manifest_sha256: str, keys: Mapping[str, PublicKey]) -> bool:
    """Is it a signature of this version, by a key that is among these? Raises: ConfigInvalid."""
    key = keys.get(str(entry.key))
    if key is None:
        return False
    try:
        signature = base64.b64decode(str(entry.signature), validate=True)
    except ValueError:
        return False
    from batch_scorer.models.trust.private_keys import verifies

    return verifies(key, signature, signed_bytes(name, entry.version, manifest_sha256))


def _not_signed(
    label: str, signatures: list[HistoryEntry], keys: Mapping[str, PublicKey], where: str
) -> ModelRefused:
    if not signatures:
        what = f"{label} is not signed, and model.trust asks for a signature"
        fix = "let somebody whose key is trusted look at the version and sign it"
    elif bad := [entry for entry in signatures if entry.key in keys]:
        what = f"the signature of {label} by {bad[0].key} is not of this version: it was changed or copied"
        fix = (
            "find out who changed the registry's history; sign the version again when it is what it should be"
        )
    else:
        what = f"{label} is signed by {signatures[0].key}, and that key is not trusted"
        fix = "sign it with a trusted key; or, if its owner is to be trusted, put the .pub file there"
    return ModelRefused(
        what,
        where=f"{where}: {', '.join(key.label for key in keys.values())}",
        fix=fix,
        next_command=f"batch-scorer models sign {label}",
    )
