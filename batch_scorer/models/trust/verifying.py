"""Every promise about a version that can be held against the disk without loading it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from batch_scorer.core.errors import ModelError, ModelRefused
from batch_scorer.models.registry.checking import check_version
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import pinned_manifests
from batch_scorer.models.trust.keys import PublicKey
from batch_scorer.models.trust.signing import is_good, signatures_of


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReport:
    """version: None, where the history is damaged and nothing can be said of any version.

    signed_by: trusted keys with a good signature. strangers: fingerprints of keys that nobody here trusts;
    whether theirs are good is not known. problems: why it is refused; empty when it is not.
    """

    name: str
    version: int | None
    n_files: int = 0
    signed_by: tuple[PublicKey, ...] = ()
    strangers: tuple[str, ...] = ()
    problems: tuple[ModelError, ...] = ()

    @property
    def label(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


def verify_models(
    registry: FileRegistry, names: Iterable[str], keys: Mapping[str, PublicKey]
) -> Iterator[VersionReport]:
    """Every version of these models. Raises: ModelNotFound, StoreUnavailable, ConfigInvalid."""
    for name in names:
        try:
            versions = registry.versions(name)
        except ModelRefused as problem:
            yield VersionReport(name=name, version=None, problems=(problem,))
            continue
        for version in versions:
            yield verify_version(registry, name, version, keys)


def verify_version(
    registry: FileRegistry, name: str, version: int, keys: Mapping[str, PublicKey]
) -> VersionReport:
    """History, manifest, every file, what lies beside them, every signature. keys: by fingerprint.

    Raises: ModelNotFound, ModelRefused (the history), StoreUnavailable, ConfigInvalid (not installed).
    """
    entries = registry.history(name)
    problems: list[ModelError] = list(check_version(registry, name, version))
    digest = pinned_manifests(entries)[version]
    good, strangers = dict[str, PublicKey](), dict[str, None]()
    for entry in signatures_of(entries, version):
        key = keys.get(str(entry.key))
        if key is None:
            strangers[str(entry.key)] = None
        elif is_good(entry, name, digest, keys):
            good[key.fingerprint] = key
        else:
            problems.append(_bad_signature(registry, f"{name}@{version}", key))
    return VersionReport(
        name=name,
        version=version,
        n_files=0 if problems else len(registry.manifest(name, version).files) + 1,
        signed_by=tuple(good.values()),
        strangers=tuple(strangers),
        problems=tuple(problems),
    )


def _bad_signature(registry: FileRegistry, label: str, key: PublicKey) -> ModelRefused:
    return ModelRefused(
        f"the signature of {label} by {key.label} is not of this version",
        where=str(registry.history_path(label.partition("@")[0])),
        fix="find out who changed the registry's history, and restore it from a backup",
    )
