"""The types of single keys: what a user may write, what the program gets, and how it is written back.

Every type round-trips: what it serializes to is accepted again and gives the same value.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from batch_scorer.config.addresses import (
    check_endpoint,
    check_file_name,
    check_host,
    check_http_url,
    check_mail_address,
    check_path,
    check_textfile,
)
from batch_scorer.config.cron import check_cron
from batch_scorer.config.databases import check_state_db
from batch_scorer.config.mlflow import check_registry, is_of_mlflow, parse_mlflow_ref
from batch_scorer.config.model_refs import parse_model_ref
from batch_scorer.config.project import NAME
from batch_scorer.config.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
    parse_truth,
    parse_whole_number,
)
from batch_scorer.core.expressions.parser import parse_condition, parse_output
from batch_scorer.core.expressions.result_layouts import words_of
from batch_scorer.core.expressions.tokens import ExpressionInvalid
from batch_scorer.core.expressions.trees import OutputColumn
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.partitions import KeyType, PartitionKey

SECRET_NAME = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")


def problem(
    message: str, *, offset: int | None = None, about: Literal["key", "value"] = "value"
) -> PydanticCustomError:
    """A mistake in words. offset: of the wrong character within the value's text."""
    return PydanticCustomError("mistake", "{message}", {"message": message, "offset": offset, "about": about})


def _named(what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not NAME.fullmatch(text):
            raise ValueError(f'"{text}" is no name for a {what}: letters, digits, "_" and "-" only')
        return text

    return check


def check_timezone(text: str) -> str:
    """An IANA name, as it is. Raises: ValueError, with the nearest one."""
    try:
        zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        near = suggestion(text, zoneinfo.available_timezones())
        raise ValueError(f'"{text}" is no time zone{near or ", such as America/Chicago"}') from None
    return text


def _model_uri(text: str) -> str:
    if is_of_mlflow(text):
        parse_mlflow_ref(text)
    else:
        parse_model_ref(text)
    return text


def _version(value: object) -> int:
    version = parse_whole_number(value)
    if version != 1:
        raise ValueError(f"{version} is not known; this batch-scorer reads version 1")
    return version


def _workers(value: object) -> int | None:
    if value is None or value == "auto":
        return None
    workers = parse_whole_number(value)
    if workers < 1:
        raise ValueError("must be at least 1, or auto")
    return workers


def _no_repeats(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = dict.fromkeys(column for at, column in enumerate(columns) if column in columns[:at])
    if twice:
        named = ", ".join(f'"{column}"' for column in twice)
        raise ValueError(f"column {named} is listed twice" if len(twice) == 1 else f"listed twice: {named}")
    return columns


def _where(source: str) -> str:
    try:
        parse_condition(source)
    except ExpressionInvalid as error:
        raise problem(error.what, offset=error.offset) from None
    return source


def _more_than_zero(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("must be more than 0")
    return duration


def _with_against(tolerance: float, info: ValidationInfo) -> float:
    # Absent when it is wrong itself, and says so.
    if info.data.get("against", ...) is None:
        raise ValueError("needs against too, the days to compare with, such as against: 28d")
    return tolerance


def _partition_keys(value: object) -> tuple[PartitionKey, ...]:
    types = {key_type.value: key_type for key_type in KeyType}

    def key(name: str, written: object) -> PartitionKey:
        _check_column(name, "a partition key")
        if written not in types:
            near = suggestion(str(written), types)
            raise problem(f'"{written}" is no type of a partition key ({", ".join(types)}){near}')
        return PartitionKey(name=name, type=types[str(written)])

    return _each(value, key, example="{ride_date: date}")


def _outputs(value: object, info: ValidationInfo) -> tuple[OutputColumn, ...]:
    method = info.data.get("method")
    result = None if method is None else method.result_name  # None: the method is wrong itself, and says so

    def output(name: str, source: object) -> OutputColumn:
        _check_column(name, "an output column")
        if not isinstance(source, str):
            raise problem(f'must be text: "type = expression", as in "float64 = {result or "proba[1]"}"')
        return parse_output(name, source, words_of(method))

    return _each(value, output, example='{score: "float64 = proba[1]"}')


def _check_column(name: str, what: str) -> None:
    if not _COLUMN.fullmatch(name):
        what = f'"{name}" is no name for {what}: a letter, then letters, digits and "_"'
        raise problem(what, about="key")


def _each(value: object, make: Callable[[str, object], Any], *, example: str) -> tuple[Any, ...]:
    """make(key, value) for every entry of a mapping; all mistakes at once, each at its key."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"must be a mapping, such as {example}")
    made, errors = [], []
    for name, item in value.items():
        try:
            made.append(make(name, item))
        except ExpressionInvalid as error:
            found = problem(error.what, offset=error.offset)
            errors.append(InitErrorDetails(type=found, loc=(name,), input=item))
        except PydanticCustomError as error:
            errors.append(InitErrorDetails(type=error, loc=(name,), input=item))
    if errors:
        raise ValidationError.from_exception_data("entries", errors)
    return tuple(made)


def _keys_as_written(keys: Sequence[PartitionKey]) -> dict[str, str]:
    return {key.name: key.type.value for key in keys}


def _outputs_as_written(outputs: Sequence[OutputColumn]) -> dict[str, str]:
    return {output.name: output.source for output in outputs}


Text = Annotated[str, Field(min_length=1)]
PathText = Annotated[Text, AfterValidator(check_path)]
TextfilePath = Annotated[PathText, AfterValidator(check_textfile)]
HttpUrl = Annotated[Text, AfterValidator(check_http_url)]
# Needs the field `allow_http` of its section before it.
Endpoint = Annotated[Text, AfterValidator(check_endpoint)]
FileName = Annotated[Text, AfterValidator(check_file_name)]
JobName = Annotated[str, AfterValidator(_named("job"))]
SuiteName = Annotated[str, AfterValidator(_named("suite"))]
TimeZone = Annotated[str, AfterValidator(check_timezone)]
Cron = Annotated[str, AfterValidator(check_cron)]
ModelUri = Annotated[str, AfterValidator(_model_uri)]
Registry = Annotated[PathText, AfterValidator(check_registry)]
StateDb = Annotated[Text, AfterValidator(check_state_db)]
EnvName = Annotated[str, Field(pattern=f"^{SECRET_NAME.pattern}$")]
Where = Annotated[str, AfterValidator(_where)]

HostName = Annotated[str, AfterValidator(check_host)]
MailAddress = Annotated[str, AfterValidator(check_mail_address)]
Port = Annotated[int, BeforeValidator(parse_whole_number), Field(ge=1, le=65535)]

Flag = Annotated[bool, BeforeValidator(parse_truth)]
Count = Annotated[int, BeforeValidator(parse_whole_number), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(parse_whole_number), Field(ge=1)]
FormatVersion = Annotated[int, PlainValidator(_version, json_schema_input_type=Literal[1])]
Workers = Annotated[
    int | None,
    PlainValidator(_workers, json_schema_input_type=Literal["auto"] | Annotated[int, Field(ge=1)]),
    PlainSerializer(lambda workers: "auto" if workers is None else workers),
]
Duration = Annotated[
    timedelta,
    PlainValidator(
        parse_duration, json_schema_input_type=Annotated[str, Field(examples=["30m", "2h", "3d"])]
    ),
    PlainSerializer(format_duration),
]
TimeLimit = Annotated[Duration, AfterValidator(_more_than_zero)]
Size = Annotated[
    int,
    PlainValidator(parse_size, json_schema_input_type=int | Annotated[str, Field(examples=["64MB", "2GB"])]),
    PlainSerializer(format_size),
]
Rate = Annotated[
    float,
    PlainValidator(parse_rate, json_schema_input_type=float | Annotated[str, Field(examples=["1%"])]),
]
# Needs the field `against` of its section before it: alone it limits nothing.
Tolerance = Annotated[Rate, AfterValidator(_with_against)]
Columns = Annotated[tuple[Text, ...], AfterValidator(_no_repeats)]
PartitionKeys = Annotated[
    tuple[PartitionKey, ...],
    PlainValidator(_partition_keys, json_schema_input_type=dict[str, KeyType]),
    PlainSerializer(_keys_as_written),
]
# Needs the field `method` of its section before it: it decides what an expression may name.
Outputs = Annotated[
    tuple[OutputColumn, ...],
    PlainValidator(_outputs, json_schema_input_type=dict[str, str]),
    PlainSerializer(_outputs_as_written),
]
