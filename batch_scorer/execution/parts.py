"""The concrete parts that one job runs with. wiring.py chooses them; nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from batch_scorer.config.job import Job
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.core.runs import RunObserver
from batch_scorer.core.stores import StoreOptions
from batch_scorer.core.urls import without_password
from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.execution.places import Places
from batch_scorer.execution.scoring_code import ScoringCode
from batch_scorer.lake.sinks.sink import Sink
from batch_scorer.lake.storage.state_files import StateFiles
from batch_scorer.lake.storage.storage import LakeStorage
from batch_scorer.lake.storage.stored_files import StoredFiles
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.manifests import ManifestStore
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.validation.store import ValidationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSuite:
    """A suite of the job: when it is checked (input, output) and what its failure does.

    max_quarantined_rate: a larger share of the rows read, set aside by this suite, blocks; None: no limit.
    watched: columns whose statistics in a Parquet footer may refute a rule of it that blocks.
    """

    suite: Suite
    on_fail: OnFail
    stage: str
    max_quarantined_rate: float | None = None
    watched: frozenset[str] = frozenset()


class ModelSource(Protocol):
    """What tells which model version a reference means: the file registry, or MLflow by way of its mirror."""

    def resolve(self, reference: str) -> ModelPin:
        """Exactly one version, its hashes checked. The same reference means the same one for a whole command.

        Raises: ModelNotFound, ModelRefused, StoreUnavailable.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """input_root: absolute. config: the job file as resolved.

    kept: small files of the state, manifests and suite results among them. long: its long ones, staged or set
    aside.
    published: what readers see, to look at; `sink` is what changes it.
    registry: where model versions lie. models: what `model.uri` and `--model` are asked of.
    keys: the directory of the public keys whose signatures of models count.

    stores: how object stores are reached, input and registry alike.

    database: what opens the ledger, a path, or a URL with its password. ledger_at: as a person may see it.
    """

    job: Job
    places: Places
    input_root: str
    suites: tuple[BoundSuite, ...]
    suite_fingerprint: str
    config_fingerprint: str
    stores: StoreOptions
    storage: LakeStorage
    registry: FileRegistry
    keys: Path
    models: ModelSource
    ledger: Ledger
    database: str | Path = field(repr=False)
    kept: KeptFiles
    long: StateFiles
    manifests: ManifestStore
    validations: ValidationStore
    sink: Sink
    published: StoredFiles
    code_version: str
    scoring_code: ScoringCode
    environment: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    observers: tuple[RunObserver, ...] = ()

    @property
    def code(self) -> tuple[str, ...]:
        """Absolute directories for sys.path."""
        return self.scoring_code.directories

    @property
    def ledger_at(self) -> str:
        return without_password(str(self.database))
