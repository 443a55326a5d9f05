"""SHA-256 of files, streamed."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO, cast

from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.lake.storage.failures import as_input_error
from batch_scorer.lake.storage.storage import LakeStorage, check_still

_BLOCK_BYTES = 1 << 20


def sha256_of_input(storage: LakeStorage, root: str, file: LakeFile) -> str:
    """Hex digest of an input file that is still what its stamp says, before and after.

    Raises: InputMoved, FileUnreadable, StoreUnavailable.
    """
    check_still(storage, root, file)
    try:
        opened, _ = storage.open(root, file.path)
        with opened:
            digest = sha256_of_open(opened)
    except OSError as error:
        raise as_input_error(error, where=file.path) from error
    check_still(storage, root, file)
    return digest


def sha256_of_open(file: BinaryIO) -> str:
    """From where it stands to its end. Raises: OSError."""
    digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK_BYTES))
    opened = cast("io.RawIOBase", file)  # as all that storages open are
    # Into the same memory: new blocks come zeroed from the system, for half of what hashing costs.
    while n_bytes := opened.readinto(block):
        digest.update(block[:n_bytes])
    return digest.hexdigest()
