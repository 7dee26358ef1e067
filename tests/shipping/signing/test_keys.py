"""Keys: made in files, kept by KMS, trusted by name."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pipeline_gen.config import Keys, PublicKeys
from pipeline_gen.errors import Faults, Refused, ShipError, UsageError
from shipping.signing import PublicKey, Trusted
from shipping.signing.opening import RemoteKey, open_key, open_signer, trusted
from shipping.signing.private import FileKey
from tests.shipping.signing.keys import new_key

if TYPE_CHECKING:
    from pathlib import Path

DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def no_kms(name: str) -> RemoteKey:
    raise AssertionError(name)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """Readable by its owner only, whatever the umask; one that is there stays as it is; nothing else is left behind."""
    path = tmp_path / "main.pem"
    before = os.umask(0)
    try:
        made = FileKey.generate(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="the file is there already"):
        FileKey.generate(path)
    opened = FileKey.open(path)
    assert opened.public == made.public
    assert opened.public.verifies(b"m", made.sign(b"m"))
    assert not opened.public.verifies(b"n", made.sign(b"m"))
    assert [one.name for one in tmp_path.iterdir()] == ["main.pem"]


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    """The key would lie where somebody else chose."""
    (tmp_path / "main.pem").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="there already"):
        FileKey.generate(tmp_path / "main.pem")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "main.pem"
    FileKey.generate(path)
    path.chmod(mode)

    with pytest.raises(Refused, match="lets others read it") as caught:
        FileKey.open(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_what_is_no_private_key(tmp_path: Path) -> None:
    """Each is said; the content of the file never is."""
    path = tmp_path / "main.pem"
    with pytest.raises(UsageError, match="No such file"):
        FileKey.open(path)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(0o600)
    for body, said in ((b"SECRET", "no PEM"), (b"", "no PEM"), (other, "not an Ed25519 key")):
        path.write_bytes(body)
        with pytest.raises(UsageError, match=said) as caught:
            FileKey.open(path)
        assert "SECRET" not in str(caught.value)
    with pytest.raises(UsageError, match="cannot make the private key"):
        FileKey.generate(tmp_path / "none" / "main.pem")


def test_public_keys_are_one_word() -> None:
    """Read back as they are shown, of both kinds."""
    curve = ec.generate_private_key(ec.SECP256R1())
    of_kms = PublicKey.from_der(curve.public_key().public_bytes(*DER))

    assert PublicKey.parse(str(of_kms)) == of_kms
    assert of_kms.verifies(b"m", curve.sign(b"m", ec.ECDSA(hashes.SHA256())))
    assert not of_kms.verifies(b"m", curve.sign(b"m", ec.ECDSA(hashes.SHA384())))
    assert not of_kms.verifies(b"m", b"\x30\x00")
    of_file = new_key().public
    assert PublicKey.parse(str(of_file)) == of_file
    assert len({of_kms.id, of_file.id}) == 2


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048).public_key(),
        ec.generate_private_key(ec.SECP384R1()).public_key(),
    ],
)
def test_public_keys_of_another_kind(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> None:
    with pytest.raises(ValueError, match="public key of kind"):
        PublicKey.from_der(key.public_bytes(*DER))


@pytest.mark.parametrize(
    "text",
    ["", "ed25519", "ed25519:", "ed25519:AAAA", "ed25519:*", "rsa:AAAA", "ecdsa-p256:AAAA", "ecdsa-p256:" + "A" * 44],
)
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some are the library's words
        PublicKey.parse(text)


def test_a_hosts_file_of_public_keys(tmp_path: Path) -> None:
    """One line per key, comments, several keys of one purpose."""
    old, new, pr = new_key().public, new_key().public, new_key().public
    path = tmp_path / "keys"
    path.write_text(f"# who may sign\nmain {old}   # until May\nmain {new}\n\npr {pr}\n")

    found = Trusted.read(path)

    assert (found.of("main"), found.of("pr"), found.of("clearance")) == ((old, new), (pr,), ())
    assert (found.purpose(pr.id), found.purpose("0" * 16)) == ("pr", None)


def test_a_file_of_public_keys_with_faults(tmp_path: Path) -> None:
    """All at once, by line; never half of the file."""
    key = new_key().public
    path = tmp_path / "keys"
    path.write_text(f"main {key}\npr {key}\npull_request {key}\nmain\nmain ed25519:AAAA\n")

    with pytest.raises(Faults) as caught:
        Trusted.read(path)

    assert [fault.path for fault in caught.value.faults] == ["line 2", "line 3", "line 4", "line 5"]
    assert "this one is for 'main'" in str(caught.value)
    path.write_text("# nothing\n")
    with pytest.raises(Faults, match="at least one line"):
        Trusted.read(path)
    with pytest.raises(UsageError, match="No such file"):
        Trusted.read(tmp_path / "none")


def keys(tmp_path: Path, main: FileKey) -> Keys:
    return Keys(
        main=f"file:{tmp_path}/main.pem",
        pull_request="kms:alias/pr",
        clearance="file:relative",
        public=PublicKeys(
            main=(str(new_key().public), str(main.public)),
            pull_request=(str(new_key().public),),
            clearance=(str(new_key().public),),
        ),
    )


def test_a_signer_is_opened_by_its_reference(tmp_path: Path) -> None:
    """The key of the purpose, and only if it is trusted for it: nobody builds for minutes what nobody would take."""
    configured = keys(tmp_path, FileKey.generate(tmp_path / "main.pem"))

    signer = open_signer(configured, "main", app="inbox", kms=no_kms)

    assert (signer.app, signer.purpose) == ("inbox", "main")
    assert signer.key.public in trusted(configured).of("main")
    (tmp_path / "main.pem").unlink()
    FileKey.generate(tmp_path / "main.pem")
    with pytest.raises(UsageError, match="is not among slug/keys/public/main") as caught:
        open_signer(configured, "main", app="inbox", kms=no_kms)
    assert "ed25519:" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="neither file:/PATH nor kms:KEY"):
        open_key("file:relative", kms=no_kms)


def test_a_public_key_in_the_configuration_that_is_none() -> None:
    """Its form was right, its point is on no curve."""
    broken = PublicKeys(main=("ecdsa-p256:" + "A" * 44,), pull_request=(), clearance=())

    with pytest.raises(ShipError, match="slug/keys/public"):
        trusted(Keys(main="", pull_request="", clearance="", public=broken))


def test_hosts_verify_without_aws_or_yaml() -> None:
    """A process that verifies loads the standard library and `cryptography`."""
    program = (
        "import sys; before = set(sys.modules); import shipping.signing, shipping.records.process;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = {name for name in done.stdout.split() if not name.startswith("_")}
    assert {"shipping", "cryptography"} <= loaded <= {"shipping", "pipeline_gen", "cryptography"}
