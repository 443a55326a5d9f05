"""`validate`: a GX suite on any stream of Arrow record batches, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.measures import Sampling

MAX_LISTED = 10_000  # rows in COMPLETE's index list
_SETTLE_EVERY_ROWS = 1 << 18


def sampling_for(result_format: Mapping[str, Any], schema: pa.Schema) -> Sampling:
    """How much of the failing rows GX's result will show."""
    if result_format["result_format"] == "COMPLETE":
        keep = MAX_LISTED
    else:
        keep = max(20, result_format.get("partial_unexpected_count", 20))
    keys = result_format.get("unexpected_index_column_names") or ()
    keys = [keys] if isinstance(keys, str) else list(keys)
    names = schema.names if result_format.get("include_unexpected_rows") else keys
    return Sampling(keep=keep, columns=tuple(name for name in names if schema.get_field_index(name) >= 0))
