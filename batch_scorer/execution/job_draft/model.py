"""Which registered model fits a table, and which columns it can publish."""

from __future__ import annotations

from dataclasses import dataclass

from batch_scorer.config.model_refs import MODEL_NAME
from batch_scorer.core.errors import InputError, ModelNotFound, UsageError
from batch_scorer.core.models import Method
from batch_scorer.execution.job_draft.outputs import TO_BE_REGISTERED, draft_outputs
from batch_scorer.execution.job_draft.table import DraftTable
from batch_scorer.lake.reading.schema import check_features
from batch_scorer.models.registry.files import FileRegistry

CHAMPION = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """uri: for `model.uri`. why: for the person who reviews it. output: column to `type = expression`.

    is_there: it can be scored with; else missing says what keeps it: "model", or only its "alias".
    """

    uri: str
    why: str
    method: Method = Method.PREDICT
    output: dict[str, str]
    version: int | None = None
    missing: str | None = None

    @property
    def name(self) -> str:
        return self.uri.partition("@")[0]


def choose_model(
    registry: FileRegistry, table: DraftTable, asked: str | None, *, default_name: str
) -> ChosenModel:
    """asked: `name`, `name@alias` or `name@version`; None: the one model that fits the table.

    With none, or one that is not registered yet, the job names the champion that somebody will register.
    Raises: UsageError; ModelError, when the registry is damaged.
    """
    if asked is None:
        fitting = [name for name in registry.names() if _fits(registry, name, table)]
        if len(fitting) > 1:
            raise UsageError(
                f"{len(fitting)} registered models fit this table: {', '.join(fitting)}",
                where=str(registry.root),
                fix="choose one with --model",
            )
        if not fitting:
            n_others = len(registry.names())
            why = (
                f"none of the {n_others} registered models fits" if n_others else "no model is registered yet"
            )
            return _to_be_registered(default_name, why)
        return _registered(registry, fitting[0], "the one registered model that fits the table's columns")
    name = asked.partition("@")[0]
    if not MODEL_NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" is no name for a model',
            fix="use a-z, 0-9, _, - and ., beginning with a letter or digit",
        )
    if name not in registry.names():
        if asked not in (name, f"{name}@{CHAMPION}"):
            raise UsageError(
                f'there is no model "{name}" yet, so no "{asked}"',
                where=str(registry.root),
                fix=f"register it first, or write --model {name}",
            )
        return _to_be_registered(name, "as asked for; it is not registered yet")
    chosen = _registered(registry, asked, "as asked for")
    _check_fit(registry, chosen, table)
    return chosen


def _fits(registry: FileRegistry, name: str, table: DraftTable) -> bool:
    try:
        _check_fit(registry, _registered(registry, name, ""), table)
    except UsageError:
        return False
    return True


def _check_fit(registry: FileRegistry, chosen: ChosenModel, table: DraftTable) -> None:
    label = f"{chosen.name}@{chosen.version}"
    signature = registry.manifest(chosen.name, chosen.version or 0).signature
    try:
        check_features(table.newest.files, table.footers, signature.columns, model=label)
    except InputError as error:
        raise UsageError(
            f"{label} does not fit this table: {error.what}",
            where=f"{table.path}/{error.where}",
            fix="name another model with --model, or register one that was trained on this table's columns",
        ) from None


def _registered(registry: FileRegistry, asked: str, why: str) -> ChosenModel:
    """Of a bare name the champion, or the newest version, which is still to be promoted."""
    name, at, _ = asked.partition("@")
    aliases = registry.aliases(name)
    try:
        version = registry.resolve(asked).version if at else None
    except ModelNotFound as error:
        raise UsageError(error.what, where=error.where, fix=error.fix) from None
    version = version or aliases.get(CHAMPION) or registry.versions(name)[-1]
    method, output = draft_outputs(registry.manifest(name, version))
    return ChosenModel(
        uri=asked if at else f"{name}@{CHAMPION}",
        why=why,
        method=method,
        output=output,
        version=version,
        missing=None if at or CHAMPION in aliases else "alias",
    )


def _to_be_registered(name: str, why: str) -> ChosenModel:
    return ChosenModel(uri=f"{name}@{CHAMPION}", why=why, output=dict(TO_BE_REGISTERED), missing="model")
