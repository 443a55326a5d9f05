"""Where a Delta table lies: how deltalake reaches it, and how files come below it, and go."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from batch_scorer.core.errors import (
    BatchScorerError,
    DamageFound,
    DiskFull,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.core.holdings import DELTA_LOG
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks.sink import Kept, Publication
from batch_scorer.lake.storage.state_files import StagedDirectory
from batch_scorer.stores.failures import is_refusal

_BACKTRACE = re.compile(r"\n\s*\d+: .*", re.DOTALL)
_DECORATION = re.compile(r"\x1b\[\d*m|↳")
_BRANCH = re.compile(r"\n\s*(\x1b\[\d*m)?↳(\x1b\[\d*m)? ")  # was ": " before deltalake drew a tree of it
_ANSWER_BODY = re.compile(r"\s*<(\?xml|Error)\b.*", re.DOTALL)
# A store that refuses may have been away before: what it said at last counts.
_AWAY = re.compile(r"after [1-9]\d* retries|status code: 5\d\d")
_MAX_REASON = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAddress:
    """url: as deltalake and people name the table. options: what deltalake needs to know to reach a store.

    configuration: properties of a table that is made here.
    """

    url: str
    options: Mapping[str, str] | None = None
    configuration: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_remote(self) -> bool:
        """What a process asked for may then still be carried out when the process is dead."""
        return self.options is not None

    def unreadable(self, error: Exception) -> BatchScorerError:
        """What it means that deltalake cannot open the table."""
        if self.is_remote and isinstance(error, OSError):
            return StoreUnavailable(
                f"the Delta table cannot be reached: {_reason(error)}",
                where=self.url,
                fix="check the store and our credentials, then run again; what was published stays",
            )
        return DamageFound(
            f"the Delta table cannot be read: {_reason(error)}",
            where=f"{self.url}/{DELTA_LOG}",
            fix="put its log back from a backup; or move table, manifests and ledger away to begin anew",
        )

    def unwritable(self, doing: str, error: Exception) -> BatchScorerError:
        """What deltalake's refusal means; a full disk and a store that is away it tells in its text only."""
        text = _BRANCH.sub(": ", str(error))
        if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
            return DiskFull(
                "no space left on the device",
                where=self.url,
                fix="free some space, then repeat the command: what was there before is untouched",
            )
        if self.is_remote and _AWAY.search(text) and not is_refusal(text):
            return StoreUnavailable(
                f"cannot {doing}: {_reason(error)}",
                where=self.url,
                fix="run again later; what was published stays",
            )
        what = (
            "the store and our credentials" if self.is_remote else "the owner, the permissions and the mount"
        )
        return OutputUnwritable(
            f"cannot {doing}: {_reason(error)}",
            where=self.url,
            fix=f"check {what}; what was there before is untouched",
        )


class DeltaPlace(Protocol):
    """A directory, or a prefix in an object store. Every method is repeatable.

    Raises: OutputError, StoreUnavailable, OSError.
    """

    @property
    def address(self) -> TableAddress:
        """Where deltalake finds the table."""

    def others(self) -> list[str]:
        """Names of what lies where the table would begin, sorted, without its log."""

    def move_in(self, publication: Publication) -> None:
        """Every file of a publication lies in the partition's directory. Raises: OutputUnwritable."""

    def take_back(self, publication: Publication, active: frozenset[str] | None) -> None:
        """Undo `move_in`: files are staged again, but for those that are active or of other generations.

        active: what readers see of the partition; None: there is none.
        """

    def sizes(self, partition: Partition) -> Mapping[str, int]:
        """Bytes of each file in the partition's directory, by name."""

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """An earlier generation's files can be published from `staged`. Raises: DamageFound."""

    def sync_log(self, since: int) -> None:
        """Versions of the log from `since` on outlast a power cut."""

    def clear(self, publication: Publication) -> None:
        """What a publish that is visible left at `staged`."""

    def remove(self, partition: Partition, names: list[str]) -> None:
        """Delete files from the partition's directory."""


def obstacle(where: str, what: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"cannot publish: {what}", where=where, fix="see what took it away, then run again"
    )


def _reason(error: Exception) -> str:
    """deltalake draws trees, and appends a native backtrace; a store's whole answer tells no more."""
    text = _ANSWER_BODY.sub("", _DECORATION.sub(" ", _BACKTRACE.sub("", str(error))))
    return " ".join(text.split())[:_MAX_REASON]
