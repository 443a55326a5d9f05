"""Keys as OpenSSH knows them: an oracle that is not ours says whether we read and write them right."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.models.trust.keys import PublicKey, parse_public_key, trusted_keys
from batch_scorer.models.trust.private_keys import (
    PASSWORD_VARIABLE,
    default_key_path,
    make_key,
    public_path,
    read_signing_key,
    verifies,
)

_COMMENTS = st.text(st.characters(categories=["L", "N", "P"]), max_size=20)


def _openssh(key: PublicKey) -> str:
    """The same key as the cryptography package writes it."""
    raw = ed25519.Ed25519PublicKey.from_public_bytes(key.raw)
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return raw.public_bytes(*form).decode()


@given(st.binary(min_size=32, max_size=32), _COMMENTS)
def test_a_key_is_written_as_openssh_writes_it_and_read_back(raw: bytes, comment: str) -> None:
    key = PublicKey(raw=raw, comment=comment)
    assert key.line.split()[:2] == _openssh(key).split()
    assert parse_public_key(key.line) == key


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_is_said_not_to_be_one(text: str) -> None:
    for candidate in (text, f"ssh-ed25519 {text}", f"ssh-ed25519 {base64.b64encode(text.encode()).decode()}"):
        with pytest.raises(ValueError, match=r"it |its "):
            parse_public_key(candidate)


def test_ssh_keygen_shows_the_same_fingerprint_and_its_private_keys_sign(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen here")
    ours = make_key(tmp_path / "ours.pem", comment="ada@example")
    shown = subprocess.check_output(["ssh-keygen", "-lf", tmp_path / "ours.pem.pub"], text=True)
    assert shown.split()[1:3] == [ours.fingerprint, "ada@example"]
    theirs = tmp_path / "theirs"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", theirs], check=True)
    key = read_signing_key(theirs)
    assert key.public.comment == "bob"
    assert verifies(parse_public_key(public_path(theirs).read_text()), key.sign(b"data"), b"data")


def test_a_new_key_is_the_owner_s_alone_whatever_the_umask_says(tmp_path: Path) -> None:
    path, before = tmp_path / "new" / "key.pem", os.umask(0)
    try:
        public = make_key(path, comment="ada")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert read_signing_key(path).public == public == parse_public_key(public_path(path).read_text())


@pytest.mark.parametrize("taken", ["key.pem", "key.pem.pub"])
@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_a_key_is_never_replaced(tmp_path: Path, taken: str, kind: str) -> None:
    path = tmp_path / taken
    path.symlink_to(tmp_path / "nowhere") if kind == "dangling link" else path.write_text("mine")
    with pytest.raises(UsageError, match="never replaced"):
        make_key(tmp_path / "key.pem", comment="")
    assert [each.name for each in tmp_path.iterdir()] == [taken]


def test_a_password_is_needed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    public = make_key(path, comment="")
    assert b"ENCRYPTED" in path.read_bytes()
    assert read_signing_key(path).public.raw == public.raw
    for wrong in ("battery staple", ""):
        monkeypatch.setenv(PASSWORD_VARIABLE, wrong)
        with pytest.raises(UsageError, match="cannot be used") as caught:
            read_signing_key(path)
        assert PASSWORD_VARIABLE in str(caught.value.fix)
        assert "horse" not in caught.value.render()


def test_the_default_place_is_below_xdg_config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert default_key_path() == tmp_path / ".config" / "batch-scorer" / "signing-key.pem"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # which the specification tells us to ignore
    assert default_key_path().is_relative_to(tmp_path / ".config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert default_key_path() == tmp_path / "elsewhere" / "batch-scorer" / "signing-key.pem"


def test_a_private_key_that_everybody_may_use_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem", comment="")
    (tmp_path / "key.pem").chmod(0o604)
    with pytest.raises(UsageError, match="every user of this machine") as caught:
        read_signing_key(tmp_path / "key.pem")
    assert "chmod 600" in str(caught.value.fix)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "public", "text", "nothing", "absent", "directory"])
def test_what_is_no_private_ed25519_key_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    match kind:
        case "rsa":
            private = rsa.generate_private_key(public_exponent=65537, key_size=1024)
            path.write_bytes(private.private_bytes(encoding, form, serialization.NoEncryption()))
        case "ecdsa":
            curve = ec.generate_private_key(ec.SECP256R1())
            path.write_bytes(curve.private_bytes(encoding, form, serialization.NoEncryption()))
        case "public":
            make_key(tmp_path / "other", comment="")
            path.write_bytes(public_path(tmp_path / "other").read_bytes())
        case "text" | "nothing":
            path.write_text("my dog's name" if kind == "text" else "")
        case "directory":
            path.mkdir(mode=0o700)
    if path.is_file():
        path.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        read_signing_key(path)
    assert caught.value.where == str(path)
    assert caught.value.fix


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "jobs" / "keys"
    directory.mkdir(parents=True)
    return directory


def test_every_pub_file_is_trusted_and_nothing_else(keys: Path, tmp_path: Path) -> None:
    assert trusted_keys(tmp_path / "nowhere") == {}
    assert trusted_keys(keys) == {}
    made = [make_key(tmp_path / name, comment=name) for name in ("ada", "bob")]
    for name in ("ada", "bob"):
        public_path(tmp_path / name).rename(keys / f"{name}.pub")
    (keys / "README.md").write_text("whose keys these are")
    assert set(trusted_keys(keys).values()) == set(made)
    (keys / "ada.pub").unlink()  # this is how a key is revoked
    assert set(trusted_keys(keys)) == {made[1].fingerprint}


def _rsa_line() -> str:
    public = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return public.public_bytes(*form).decode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_rsa_line(), "'ssh-rsa'; only ssh-ed25519"),
        ("", "it has 0 lines"),
        ("# a comment only", "it begins with '#'"),
        (PublicKey(raw=bytes(32)).line * 2, "it has 2 lines"),
        ("ssh-ed25519", "is no ssh-ed25519 key"),
        ("ssh-ed25519 not/base64!", "no base64"),
        (PublicKey(raw=bytes(32)).line[:-9], "is no ssh-ed25519 key"),
        (PublicKey(raw=bytes(32)).line.replace("AAAA", "AAAB", 1), "is no ssh-ed25519 key"),
        ("-----BEGIN PRIVATE KEY-----", "it begins with '-----BEGIN'"),
        (b"\xff\xfe".decode("latin-1") * 9_000, "no plain small file"),
    ],
)
def test_a_pub_file_that_is_no_ed25519_key_stops_everything(keys: Path, content: str, told: str) -> None:
    (keys / "a.pub").write_text(PublicKey(raw=bytes(32)).line)
    (keys / "b.pub").write_text(content)
    with pytest.raises(ConfigInvalid, match=told) as caught:
        trusted_keys(keys)
    assert caught.value.where == str(keys / "b.pub")
    assert "models keygen" in str(caught.value.fix)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_links_to_keys_are_not_followed(keys: Path, tmp_path: Path, what: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if what == "file":
        elsewhere.write_text(PublicKey(raw=bytes(32)).line)
        (keys / "a.pub").symlink_to(elsewhere)
    else:
        keys.rename(elsewhere)
        keys.symlink_to(elsewhere)
    with pytest.raises(ConfigInvalid, match="is not followed"):
        trusted_keys(keys)


def test_what_is_no_file_is_no_key(keys: Path) -> None:
    os.mkfifo(keys / "a.pub")  # reading it would wait for ever
    with pytest.raises(ConfigInvalid, match="no plain small file"):
        trusted_keys(keys)


def test_what_is_no_private_key_is_never_to_be_made_readable_for_the_owner_only(tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem", comment="")
    for wrong in (tmp_path, Path("/dev/null"), public_path(tmp_path / "key.pem")):
        with pytest.raises(UsageError) as told:
            read_signing_key(wrong)
        assert "chmod" not in str(told.value.fix)


def test_the_command_that_mends_a_key_s_mode_works_as_it_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "my key.pem"
    make_key(path, comment="")
    path.chmod(0o644)
    with pytest.raises(UsageError) as told:
        read_signing_key(path)
    subprocess.run(["sh", "-c", str(told.value.fix).partition(";")[0]], check=True)
    assert read_signing_key(path)


@pytest.mark.parametrize("password", ["", "x" * 1_024], ids=["empty", "too long"])
def test_a_password_that_protects_nothing_makes_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    with pytest.raises(UsageError, match="password"):
        make_key(tmp_path / "key.pem", comment="")
    assert not list(tmp_path.iterdir())


def test_a_password_may_be_of_any_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, os.fsdecode(b"\xff\xfe"))
    made = make_key(tmp_path / "key.pem", comment="")
    assert read_signing_key(tmp_path / "key.pem").public.raw == made.raw
