"""`model.output`: can a model give these columns? `output_values` computes them."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.expressions import Item, Name, NullTest, OutputColumn, walk
from batch_scorer.core.models import Method, Signature


def check_outputs(outputs: Sequence[OutputColumn], method: Method, signature: Signature) -> None:
    """Before a run: can this model give these columns?

    Raises: SignatureInvalid, with everything that is wrong.
    """
    shape = signature.outputs.get(method)
    if shape is None:
        known = ", ".join(signature.outputs)
        raise SignatureInvalid(
            f"the model has no {method}",
            fix=f"set model.method to one of: {known}; or register another model",
        )
    problems = [
        f"{output.name}: {problem}"
        for output in outputs
        for problem in problems_of(output, method, shape, signature.classes)
    ]
    if problems:
        raise SignatureInvalid(
            f"model.output does not fit {method}: {'; '.join(problems)}",
            fix=f"{method.result_name} is {_described(shape, signature.classes)}",
        )


def problems_of(
    output: OutputColumn, method: Method, shape: tuple[int, ...], classes: Sequence[str] | None
) -> list[str]:
    found = []
    for node in walk(output.expression):
        match node:
            case NullTest():
                found.append("a prediction is never null")
            case Name(name=name) | Item(name=name) if name != method.result_name:
                found.append(f'"{name}" is not what {method} gives; write {method.result_name}')
            case Name(name=name) if shape:
                found.append(f"{name} has {shape[0]} columns; write {name}[0] to {name}[{shape[0] - 1}]")
            case Item(name=name) if not shape:
                found.append(f"{name} is one value per row; write {name} without [ ]")
            case Item(name=name, index=index) if index >= shape[0]:
                found.append(f"there is no {name}[{index}]: {name} is {_described(shape, classes)}")
            case _:
                pass
    return found


def _described(shape: tuple[int, ...], classes: Sequence[str] | None) -> str:
    if not shape:
        return "one value per row"
    named = f" for the classes {', '.join(classes)}" if classes and len(classes) == shape[0] else ""
    return f"{shape[0]} columns, counted from 0{named}"
