"""Private keys: made, kept in a file that only their owner reads, and used. Needs the extra `signing`."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, make_directories, write_new, writing
from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.models.trust.keys import PublicKey, parse_public_key

PASSWORD_VARIABLE = "BATCH_SCORER_SIGNING_KEY_PASSWORD"  # noqa: S105 (its name, not its value)
_MAX_PASSWORD_BYTES = 1_023  # OpenSSL takes no more

try:  # here, so that nobody gets half of this module: who comes without the package is told what to do
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ModuleNotFoundError:
    raise ConfigInvalid(
        "models are signed and checked with a package that is not installed: cryptography",
        fix='pip install "batch-scorer[signing]"',
    ) from None


class SigningKey:
    """A private key. Never pickled, never printed."""

    def __init__(self, private: Ed25519PrivateKey, *, comment: str = "") -> None:
        self._private = private
        self.public = PublicKey(raw=private.public_key().public_bytes_raw(), comment=comment)

    def sign(self, data: bytes) -> bytes:
        """64 bytes; the same for the same data."""
        return self._private.sign(data)

    def pem(self, password: bytes | None) -> bytes:
        """PKCS #8, encrypted where there is a password, of at most 1,023 bytes."""
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            lock = serialization.BestAvailableEncryption(password)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self._private.private_bytes(encoding, form, lock)


def verifies(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def default_key_path() -> Path:
    """`~/.config/batch-scorer/signing-key.pem`, or below XDG_CONFIG_HOME where that is set."""
    home = os.environ.get("XDG_CONFIG_HOME")
    base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".config"
    return base / "batch-scorer" / "signing-key.pem"


def public_path(path: Path) -> Path:
    """Where the public half of a private key's file lies: beside it."""
    return path.with_name(f"{path.name}.pub")


def make_key(path: Path, *, comment: str) -> PublicKey:
    """A new key: the private half at path (PEM, mode 0600), the public half beside it.

    BATCH_SCORER_SIGNING_KEY_PASSWORD, where set, encrypts the private half. Nothing is ever replaced.
    Raises: UsageError (one of the files is there; a password that cannot be one), DiskFull, OutputUnwritable.
    """
    password = _password_for_a_new_key()
    if not comment.isprintable():
        raise UsageError("a key's comment is one line of text", fix="leave control characters out")
    key = SigningKey(Ed25519PrivateKey.generate(), comment=comment.strip())
    for taken in (path, public_path(path)):
        if os.path.lexists(taken):
            raise UsageError(
                "a key is never replaced: what it signed could not be told from other signatures any more",
                where=str(taken),
                fix="choose another file with --out FILE, or go on with the key that is there",
            )
    with writing(path.parent):
        make_directories(path.parent)
    with writing(path):
        _write_private(path, key.pem(password))
    try:
        with writing(public_path(path)):
            write_new(public_path(path), key.public.line.encode())
            fsync_directory(path.parent)
    except BaseException:
        path.unlink()
        raise
    return key.public


def read_signing_key(path: Path) -> SigningKey:
    """From PEM or an OpenSSH private key; the comment is that of the public half beside it.

    Raises: UsageError: no such file, readable by everybody, no ed25519 key, a wrong password.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(
                "that is no private key: it is no plain file",
                where=str(path),
                fix="name the file that models keygen wrote",
            )
        if path.suffix == ".pub":
            raise UsageError(
                "that is the public half of a key, and the private one signs",
                where=str(path),
                fix=f"name the private key, which lies beside it as {path.stem}",
            )
        if mode & stat.S_IRWXO:
            raise UsageError(
                "the private key may be used by every user of this machine",
                where=str(path),
                fix=f"chmod 600 {shlex.quote(str(path))}; if others could read it before, make a new key",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the private key cannot be read: {error.strerror}",
            where=str(path),
            fix="name the file that models keygen wrote",
            next_command="batch-scorer models keygen",
        ) from None
    return SigningKey(_private(data, path), comment=_comment(path))


def _private(data: bytes, path: Path) -> Ed25519PrivateKey:
    password = _password()
    is_openssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        key = load(data, password or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as reason:
        raise UsageError(
            f"the private key cannot be used: {reason}",
            where=str(path),
            fix=f"name a key that models keygen made; its password, if it has one, in {PASSWORD_VARIABLE}",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"only ed25519 keys sign models, this one is {type(key).__name__.strip('_')}",
            where=str(path),
            fix="make one that does",
            next_command="batch-scorer models keygen",
        )
    return key


def _password() -> bytes | None:
    """As its bytes are, whatever the locale. None: nobody set one."""
    text = os.environ.get(PASSWORD_VARIABLE)
    return None if text is None else os.fsencode(text)


def _password_for_a_new_key() -> bytes | None:
    """Raises: UsageError, rather than writing a key in the clear that somebody meant to protect."""
    password = _password()
    if password is None or 0 < len(password) <= _MAX_PASSWORD_BYTES:
        return password
    raise UsageError(
        "the password of the new key is empty" if not password else "the password of the new key is too long",
        where=PASSWORD_VARIABLE,
        fix=f"set it to 1 to {_MAX_PASSWORD_BYTES:,} bytes, or unset it for a key without a password",
    )


def _comment(path: Path) -> str:
    try:
        return parse_public_key(public_path(path).read_text(encoding="utf-8")).comment
    except (OSError, ValueError):
        return ""  # of no weight: it only makes a fingerprint easier to recognise


def _write_private(path: Path, data: bytes) -> None:
    """Nobody else can read it at any moment; a link that is in the way is not followed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
