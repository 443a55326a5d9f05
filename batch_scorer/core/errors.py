"""Every error a user can meet: what, where, fix, the next command.

::

    BatchScorerError                      exit
    ├── UsageError                           2  the command line
    ├── ConfigInvalid                       78  job files and suites
    ├── InputError                           1  one partition's data; the others go on
    │   ├── PartitionPathRefused
    │   ├── FileUnreadable
    │   ├── InputMoved
    │   ├── ColumnMissing
    │   ├── ColumnTypeMismatch
    │   ├── KeyNull
    │   ├── LossyCast
    │   ├── RowsTooWide
    │   └── PagesTooLarge
    ├── ScoringError                         1  the model raised, or gave null, NaN or infinity
    ├── WorkerDied                           1  a chunk that took its worker down every time
    ├── InternalError                        1  a bug of ours
    ├── OutputError                          1  nothing new published
    │   ├── OutputUnwritable
    │   ├── DiskFull
    │   ├── OutputOccupied
    │   └── OutputSchemaChanged
    ├── ValidationNotEvaluated               1  a suite could not be evaluated: never "passed"
    ├── ModelError                           5  the model itself
    │   ├── ModelNotFound
    │   ├── ModelRefused                        hash, trust, format
    │   ├── ModelUnloadable
    │   ├── GoldenRowsDiffer
    │   ├── NotCompilable
    │   ├── BinsDiffer
    │   ├── SignatureInvalid
    │   └── AliasNotMoved
    ├── DamageFound                          6  verify, audit, ledger
    ├── StoreUnavailable                    69
    ├── ClusterUnavailable                  69
    ├── ClusterUnfit                        78  its workers have other versions, other disks, other code
    ├── NotTold                              –  somebody could not be told: a warning, never how a run ends
    ├── LockHeld                            75  another run works on it
    │   └── LeaseLost                           it was taken over from this run
    ├── RunTimedOut                        124
    ├── Interrupted                        130
    ├── ReaderGone                         141
    └── Terminated                         143

Each class says in its docstring what it means, and after `Fix:` what to do: docs/errors.md is made of that.
An error travels from worker to driver by pickle, so the base class rebuilds itself from its fields.
"""

from __future__ import annotations

from typing import Any, ClassVar

from batch_scorer.core.visible import visible, visible_lines


class BatchScorerError(Exception):
    """An expected failure, told to a person.

    what: one sentence. where: file, row or column. fix: what to do about it.
    next_command: the exact command to type next.
    Names of files and values of data come in here as they are; what cannot be seen of them is escaped.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        next_command: str | None = None,
    ) -> None:
        what = visible_lines(what)
        super().__init__(what)
        self.what = what
        self.where = None if where is None else visible(where)
        self.fix = None if fix is None else visible_lines(fix)
        self.next_command = next_command

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.what, dict(self.__dict__))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = Exception.__hash__

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and the ledger: {error, what, where, fix, next}, without absent parts."""
        parts = {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "fix": self.fix,
            "next": self.next_command,
        }
        return {name: value for name, value in parts.items() if value is not None}

    def render(self) -> str:
        """The lines a terminal shows."""
        lines = [self.what]
        for label, value in (("where", self.where), ("fix", self.fix), ("next", self.next_command)):
            if value is not None:
                lines.append(f"  {label + ':':<7}{value}")
        return "\n".join(lines)


def _rebuild(cls: type[BatchScorerError], what: str, fields: dict[str, Any]) -> BatchScorerError:
    error = cls.__new__(cls)
    Exception.__init__(error, what)
    error.__dict__.update(fields)
    return error


class UsageError(BatchScorerError):
    """The command line asks for something that does not exist or makes no sense.

    Fix: type what `next:` says, or look at `batch-scorer VERB --help`.
    """

    exit_code = 2


class ConfigInvalid(BatchScorerError):
    """A job file or a suite is wrong.

    Fix: correct the place that is named; `batch-scorer validate-config` shows every mistake at once.
    """

    exit_code = 78


class InputError(BatchScorerError):
    """One partition's data cannot be used; the other partitions go on.

    Fix: mend the partition's files, then run again: the partition is due until it is published.
    """


class PartitionPathRefused(InputError):
    """A directory name that is no partition of this table.

    Fix: rename or remove the directory, or correct `input.partition_by`.
    """


class FileUnreadable(InputError):
    """Not Parquet, truncated, or with a page whose checksum is wrong.

    Fix: write the file anew where it came from; nothing of it was scored.
    """


class InputMoved(InputError):
    """The partition's files changed between the plan and the publish.

    Fix: run again when whoever writes the partition is done; `input.ready` makes a run wait for that.
    """


class ColumnMissing(InputError):
    """A column that the model, the key or a suite needs is not in a file.

    Fix: bring the column back upstream, or register a model and choose suites that do without it.
    """


class ColumnTypeMismatch(InputError):
    """A column's type cannot be brought to what the signature declares.

    Fix: cast upstream, or register a model that was trained on the new type.
    """


class KeyNull(InputError):
    """A key column is null: such a row could not be joined back.

    Fix: fill the key upstream, or leave such rows out with `input.where`.
    """


class LossyCast(InputError):
    """The type fits, but some values do not: fractions, nulls, magnitudes.

    Fix: correct the values upstream; the message names column, count and an example.
    """


class RowsTooWide(InputError):
    """Rows with values so long that not even a small batch of them fits a worker's memory.

    Fix: raise `compute.memory_per_worker` to what the message says, or keep the column that it names out of
    `output.keep_columns` and the suites.
    """


class PagesTooLarge(InputError):
    """A row group whose pages, each decoded whole, do not fit a worker's memory.

    Fix: write the file again with pages of about 1 MB, as most writers do, or with row groups of about a
    million rows; or raise `compute.memory_per_worker` to what the message says.
    """


class ScoringError(BatchScorerError):
    """The model raised on some rows, or gave null, NaN or infinity.

    Fix: look at the rows that are named; set them aside by a suite, or allow some with
    `model.max_error_rows`.

    error_rows: positions of the first such rows in the batch. n_error_rows: how many there are at least.
    """

    error_rows: tuple[int, ...] = ()
    n_error_rows: int = 0


class WorkerDied(BatchScorerError):
    """A chunk whose worker was killed (memory, a crash in native code) on every try.

    Fix: lower `compute.chunk` or raise `compute.memory_per_worker`; `--cluster inline` shows a crash in
    native code.
    """


class InternalError(BatchScorerError):
    """An exception nobody expected: a bug of ours. The log has its traceback.

    Fix: run again with `-v` and report the traceback.
    """


class OutputError(BatchScorerError):
    """Predictions could not be written; what was published before is untouched.

    Fix: mend the place that is named, then run again.
    """


class OutputUnwritable(OutputError):
    """No permission, a read-only file system, or a file where a directory belongs.

    Fix: correct owner, permissions or mount of the place that is named.
    """


class DiskFull(OutputError):
    """No space left where predictions or state are written.

    Fix: make room, for example with `batch-scorer gc --older-than 30d`, then run again.
    """


class OutputOccupied(OutputError):
    """Where predictions belong lie files that this job did not publish.

    Fix: move the files away, or give the job an `output.path` of its own.
    """


class OutputSchemaChanged(OutputError):
    """The job's output columns or their types differ from what it published before.

    Fix: if readers are ready for it, run with `--allow-schema-change`; else restore `model.output` and
    `keep_columns`.
    """


class ValidationNotEvaluated(BatchScorerError):
    """A suite could not be evaluated (memory bound, crash); it never counts as passed.

    Fix: look at the reason that is named; `batch-scorer suites coverage JOB` shows what is streamed and
    needs no memory.
    """


class ModelError(BatchScorerError):
    """The model itself: hash, signature, load, golden rows.

    Fix: promote a version that is whole; what was published stays.
    """

    exit_code = 5


class ModelNotFound(ModelError):
    """No such model, version or alias in the registry.

    Fix: `batch-scorer models list` shows what there is; register a model or let an alias point to one.
    """


class ModelRefused(ModelError):
    """A hash differs, a type is not trusted, or a format is not allowed.

    Fix: restore the version's files from a backup, or register the model again; never edit a version.
    """


class ModelUnloadable(ModelError):
    """The pinned bytes do not load into an estimator here.

    Fix: install the versions that the manifest names (`batch-scorer models show NAME@V`), or register the
    model anew.
    """


class GoldenRowsDiffer(ModelError):
    """The loaded model does not repeat the predictions stored at registration.

    Fix: install the versions that the manifest names; with those of today the model answers otherwise.
    """


class NotCompilable(ModelError):
    """`compute.compiled: require`, but the pipeline is not known, or its compiled form gave other bits.

    Fix: set `compute.compiled: auto` to score with the original pipeline, or replace the step that is named.
    """


class BinsDiffer(ModelError):
    """Two counts of columns or scores are over different bins: they cannot be put together or compared.

    Fix: count both over the baseline of the same model version.
    """


class SignatureInvalid(ModelError):
    """The signature cannot serve this job, or cannot be taken from this estimator.

    Fix: register the model with `--reference`, or correct `model.method` and `model.output`.
    """


class AliasNotMoved(ModelError):
    """A version did not pass the gates before an alias could mean it; the alias means what it meant.

    Fix: mend what each gate names, or promote another version; `--dry-run` asks the gates and moves nothing.
    """


class DamageFound(BatchScorerError):
    """What is on disk contradicts what was recorded.

    Fix: `batch-scorer verify JOB --deep` names what differs; restore it, `rollback`, or score the partition
    anew.
    """

    exit_code = 6


class StoreUnavailable(BatchScorerError):
    """The lake, the registry or the ledger does not answer.

    Fix: run again later; what was published stays.
    """

    exit_code = 69
    retryable = True


class ClusterUnavailable(BatchScorerError):
    """The Dask cluster does not answer, or lost its workers for good.

    Fix: look at the scheduler, or run with `--cluster local`; what was published stays.
    """

    exit_code = 69
    retryable = True


class ClusterUnfit(BatchScorerError):
    """The Dask cluster is there, but cannot do this job as it is: waiting would not help.

    Its scheduler or a worker has other versions, sees another disk, or has imported other code.

    Fix: make every worker like the machine that runs `batch-scorer`: same versions, same paths; see
    docs/clusters.md.
    """

    exit_code = 78


class NotTold(BatchScorerError):
    """Somebody could not be told how a run went: a warning of the run, never its exit code.

    Fix: look at address and secret under `notify` or `emit`; `batch-scorer show last` says how it went.
    """


class LockHeld(BatchScorerError):
    """Another run works on this job.

    Fix: wait, or use `--wait-lock`; `batch-scorer unlock JOB` if the holder is gone.
    """

    exit_code = 75


class LeaseLost(LockHeld):
    """This run was silent for so long that another one took its partition over.

    Fix: look at why this host stood still; the other run publishes the partition.
    """


class RunTimedOut(BatchScorerError):
    """`compute.timeout` or `--timeout` passed; what was published stays.

    Fix: run again to go on, or raise the timeout.
    """

    exit_code = 124


class Interrupted(BatchScorerError):
    """Ctrl-C; what was published stays.

    Fix: run again to go on.
    """

    exit_code = 130


class ReaderGone(BatchScorerError):
    """Whoever read our stdout went away (`| head`); what was published stays.

    Fix: run again to go on, and let the reader take everything: `> lines.jsonl`.
    """

    exit_code = 141


class Terminated(BatchScorerError):
    """SIGTERM; what was published stays.

    Fix: run again to go on.
    """

    exit_code = 143
