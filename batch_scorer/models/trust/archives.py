"""How large may a skops file become? It is a zip archive, and a small one can hold very much."""

from __future__ import annotations

import io
from zipfile import BadZipFile, ZipFile

from batch_scorer.core.errors import ModelRefused

# Fitted estimators hold numbers, which shrink to a half or a tenth; zeros shrink to a thousandth.
_MAX_RATIO = 100
_ALWAYS_ALLOWED_BYTES = 64 << 20
_MAX_MEMBERS = 100_000


def require_bounded(data: bytes, *, label: str) -> None:
    """Looks at the archive's table of contents only; reading a member never gives more than that says.

    Raises: ModelRefused.
    """
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            sizes = [member.file_size for member in archive.infolist()]
    except BadZipFile:
        raise ModelRefused(
            f"{label} is no skops file: it is no zip archive",
            fix="save the estimator with skops.io.dump; a pickle needs its own ending and --allow-pickle",
        ) from None
    limit = _ALWAYS_ALLOWED_BYTES + _MAX_RATIO * len(data)
    if sum(sizes) > limit or len(sizes) > _MAX_MEMBERS:
        raise ModelRefused(
            f"{label} would become {sum(sizes):,} bytes in {len(sizes):,} parts, from {len(data):,} bytes: "
            "no estimator shrinks like that",
            fix="save the estimator again, without compression: skops.io.dump(estimator, path)",
        )
