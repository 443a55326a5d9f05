"""`model.output`: can a model give these columns? `output_values` computes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.expressions.parser import parse_output
from batch_scorer.core.expressions.result_layouts import layout_of
from batch_scorer.core.expressions.tokens import ExpressionInvalid
from batch_scorer.core.expressions.trees import OutputColumn
from batch_scorer.core.models import Method, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitOutput:
    """offset: 0-based, into the source of the output as it was written."""

    name: str
    what: str
    offset: int


def unfit_outputs(
    outputs: Sequence[OutputColumn], method: Method, signature: Signature
) -> Iterator[UnfitOutput]:
    """Those the model cannot give, each with its first mistake. Raises: SignatureInvalid: no such method."""
    if method not in signature.outputs:
        raise SignatureInvalid(
            f"the model has no {method}",
            fix=f"set model.method to one of: {', '.join(signature.outputs)}; or register another model",
        )
    layout = layout_of(method, signature)
    for output in outputs:
        try:
            parse_output(output.name, output.source, layout)
        except ExpressionInvalid as error:
            yield UnfitOutput(name=output.name, what=error.what, offset=error.offset)


def check_outputs(outputs: Sequence[OutputColumn], method: Method, signature: Signature) -> None:
    """Before a run: can this model give these columns?

    Raises: SignatureInvalid, with everything that is wrong.
    """
    sources = {output.name: output.source for output in outputs}
    problems = [
        f'{unfit.name}: "{sources[unfit.name]}", at character {unfit.offset + 1}: {unfit.what}'
        for unfit in unfit_outputs(outputs, method, signature)
    ]
    if problems:
        raise SignatureInvalid(
            f"model.output does not fit {method}: {'; '.join(problems)}",
            fix=f"{method.result_name} is {layout_of(method, signature).described}",
        )
