"""MLflow's signature against the one that was found out by asking the estimator."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import Signature
from batch_scorer.models.mlflow.mlmodel import DeclaredColumn

_KINDS = {
    "boolean": "a boolean",
    "integer": "a number",
    "long": "a number",
    "float": "a number",
    "double": "a number",
    "string": "text",
    "datetime": "a time",
}


def remarks_on(
    declared: Sequence[DeclaredColumn], found: Signature, *, seen: bool, uri: str
) -> tuple[str, ...]:
    """What is odd, in words. seen: the types were seen in data; else they are guesses and only told of.

    Raises: SignatureInvalid, when MLflow's signature cannot be of this estimator.
    """
    if not declared:
        return ()
    by_name = {column.name: column for column in declared}
    absent = [spec.name for spec in found.columns if spec.name not in by_name]
    if absent:
        raise _contradiction(f"it lacks columns that the model reads: {', '.join(absent)}", uri)
    other = [
        f"{spec.name} is {_KINDS[by_name[spec.name].type]} there and {spec.type} here"
        for spec in found.columns
        if by_name[spec.name].type in _KINDS and _KINDS[by_name[spec.name].type] != _kind(spec.type)
    ]
    if other and seen:
        raise _contradiction("; ".join(other), uri)
    unused = [column.name for column in declared if column.name not in found.names]
    remarks = [f"MLflow's signature: {text}" for text in other]
    if unused:
        remarks.append(f"columns of MLflow's signature that the model does not read: {', '.join(unused)}")
    return tuple(remarks)


def _kind(arrow_type: str) -> str:
    if arrow_type == "bool":
        return "a boolean"
    if arrow_type == "string":
        return "text"
    return "a time" if arrow_type.startswith(("date", "timestamp")) else "a number"


def _contradiction(what: str, uri: str) -> SignatureInvalid:
    return SignatureInvalid(
        f"the signature that MLflow has for {uri} is not that of its model: {what}",
        fix="give the table the model was trained on with --reference, or log the model again with the "
        "signature of that table: mlflow.models.infer_signature(…)",
    )
