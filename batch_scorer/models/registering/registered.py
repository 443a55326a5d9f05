"""What a notebook gets back when it has registered a model."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from batch_scorer.core.models import ModelManifest
from batch_scorer.core.stores import ObjectUrl

_MAX_NAMES = 8


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RegisteredModel:
    """path: of the version's directory. manifest: as it was stored. alias: that points to it now."""

    manifest: ModelManifest
    path: Path | ObjectUrl
    alias: str | None = None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> int:
        return self.manifest.version

    @property
    def reference(self) -> str:
        """`taxi_tips@3`: what a job file names."""
        return f"{self.name}@{self.version}"

    def __repr__(self) -> str:
        named = f", {self.alias} points to it" if self.alias else ""
        return (
            f"RegisteredModel({self.reference}: {self.manifest.estimator}, "
            f"{len(self.manifest.signature.columns)} columns, "
            f"{self.manifest.n_golden_rows} golden rows{named})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in self._facts()
            if text
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> tuple[tuple[str, str], ...]:
        manifest, signature = self.manifest, self.manifest.signature
        more = ", …" if len(signature.columns) > _MAX_NAMES else ""
        return (
            ("model", self.reference + (f" = {self.name}@{self.alias}" if self.alias else "")),
            ("estimator", manifest.estimator),
            ("columns", f"{len(signature.columns)}: {', '.join(signature.names[:_MAX_NAMES])}{more}"),
            ("methods", ", ".join(signature.outputs)),
            ("classes", ", ".join(signature.classes or ())),
            ("metrics", ", ".join(f"{name} {value:g}" for name, value in manifest.metrics.items())),
            ("golden rows", str(manifest.n_golden_rows)),
            ("path", str(self.path)),
        )
