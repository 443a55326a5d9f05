"""Hypothesis strategies for well-typed expressions, and the same expressions as DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from batch_scorer.core.expressions.trees import (
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Item,
    Literal,
    Logical,
    Membership,
    Name,
    Negate,
    Not,
    NullTest,
    Scalar,
)

COMPARE = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_SQL = {"==": "=", "!=": "<>"}


def call(function: str, *arguments: Expression) -> Call:
    return Call(function=function, arguments=arguments)


def numbers(
    leaves: st.SearchStrategy[Expression], *, functions: Sequence[str], max_digits: int = 3
) -> st.SearchStrategy[Expression]:
    """functions: of one number. max_digits: of round."""

    def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        few = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            # The parser makes one number of a sign and a number.
            inner.filter(lambda node: not isinstance(node, Literal)).map(lambda node: Negate(operand=node)),
            st.builds(Arithmetic, operator=st.sampled_from(["+", "-", "*"]), left=inner, right=inner),
            st.builds(call, st.sampled_from(functions), inner),
            st.builds(lambda name, parts: call(name, *parts), st.sampled_from(["min", "max"]), few),
            st.builds(lambda x, n: call("round", x, Literal(value=n)), inner, st.integers(0, max_digits)),
            st.builds(lambda *parts: call("if", *parts), comparisons(inner), inner, inner),
        )

    return st.recursive(leaves, larger, max_leaves=6)


def comparisons(sides: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.builds(Comparison, operator=COMPARE, left=sides, right=sides)


def truths(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, operand=inner),
            st.builds(Logical, operator=st.sampled_from(["and", "or"]), left=inner, right=inner),
            st.builds(lambda *parts: call("if", *parts), inner, inner, inner),
        ),
        max_leaves=5,
    )


def memberships(
    operands: st.SearchStrategy[Expression], values: st.SearchStrategy[Scalar]
) -> st.SearchStrategy[Expression]:
    several = st.lists(values, min_size=1, max_size=3).map(tuple)
    return st.builds(Membership, operand=operands, values=several, negated=st.booleans())


def sql(node: Expression) -> str:
    """For numbers as DOUBLE or BIGINT; every pair of parentheses written."""
    match node:
        case Name(name=name):
            return f'"{name}"'
        case Literal(value=str() as text):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=value):
            return f"({value!r}::{_type(value)})"
        case Negate(operand=operand):
            return f"(-{sql(operand)})"
        case Not(operand=operand):
            return f"(NOT {sql(operand)})"
        case NullTest(operand=operand, negated=negated):
            return f"({sql(operand)} IS {'NOT ' * negated}NULL)"
        case Membership(operand=operand, values=values, negated=negated):
            listed = ", ".join(sql(Literal(value=value)) for value in values)
            return f"({sql(operand)} {'NOT ' * negated}IN ({listed}))"
        case Arithmetic() | Comparison() | Logical():
            return f"({sql(node.left)} {_SQL.get(node.operator, node.operator)} {sql(node.right)})"
        case Call():
            return _sql_of_call(node)
        case Item():
            raise AssertionError("a table has no items")


def _sql_of_call(node: Call) -> str:
    arguments = [sql(argument) for argument in node.arguments]
    match node.function:
        case "if":
            return "(CASE WHEN {} THEN {} ELSE {} END)".format(*arguments)
        case "round":
            return f"round_even({arguments[0]}, {arguments[1]}::INTEGER)"
        case "min" | "max":  # least and greatest of SQL pass nulls over, as ours do not
            nulls = " OR ".join(f"{argument} IS NULL" for argument in arguments)
            name = "least" if node.function == "min" else "greatest"
            return f"(CASE WHEN {nulls} THEN NULL ELSE {name}({', '.join(arguments)}) END)"
        case name:
            return f"{name}({', '.join(arguments)})"


def _type(value: Scalar) -> str:
    return {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE"}[type(value)]
