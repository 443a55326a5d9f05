"""What a person is told who names a model, version or alias that is not there: what there is instead."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.errors import ModelNotFound
from batch_scorer.core.nearest import suggestion
from batch_scorer.models.registry.history import HistoryEntry, aliases_of, pinned_manifests
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.registry.shelf import Place


def unknown_model(root: Place, name: str, names: Sequence[str]) -> ModelNotFound:
    return ModelNotFound(
        f'there is no model "{name}"{suggestion(name, names)}',
        where=str(root),
        fix=f"known models: {', '.join(names)}" if names else "no model is registered yet",
        next_command="batch-scorer models list" if names else "batch-scorer models register --help",
    )


def unknown_version(root: Place, name: str, selector: str, entries: Sequence[HistoryEntry]) -> ModelNotFound:
    known = [*aliases_of(entries), *map(str, pinned_manifests(entries))]
    kind = "version" if as_version(selector) else "alias"
    return ModelNotFound(
        f'the model "{name}" has no {kind} "{selector}"{suggestion(selector, known)}',
        where=str(root / name),
        fix=f"write one of {listed(name, entries)}",
        next_command=f"batch-scorer models show {name}",
    )


def listed(name: str, entries: Sequence[HistoryEntry]) -> str:
    """The first six references to versions of a model: aliases, then numbers, the newest first."""
    selectors = [*sorted(aliases_of(entries)), *map(str, sorted(pinned_manifests(entries), reverse=True))]
    shown = ", ".join(f"{name}@{selector}" for selector in selectors[:6])
    return shown + (", …" if len(selectors) > 6 else "")
