"""`ship slug keygen`, and slugs that are built, verified and fetched with the keys it made."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from shipping.aws import kms
from shipping.cli import run
from tests.kms import serving
from tests.objects import own_bucket
from tests.shipping.slug.shop import checkout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket

PURPOSES = ("main", "pull_request", "clearance")


@pytest.fixture
def home(objects: ObjectServer) -> Iterator[Bucket]:
    with own_bucket(objects) as bucket:
        yield bucket


@pytest.fixture
def root(
    objects: ObjectServer,
    home: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """Return a checkout whose configuration says what `keygen` told to write, and a host's file of public keys beside it."""
    keys: dict[str, object] = {}
    public: dict[str, list[str]] = {}
    host = []
    for purpose in PURPOSES:
        assert run(["slug", "keygen", f"file:{tmp_path}/{purpose}.pem", "--for", purpose, "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        keys[purpose], public[purpose] = made["key"], [made["public"]]
        host.append(made["host"])
    (tmp_path / "keys").write_text("\n".join(host) + "\n")
    root = checkout(tmp_path / "checkout")
    (root / ".buildkite").mkdir()
    configuration = {
        "app": "inbox",
        "bucket": home.name,
        "slug": {"layers": {"app": {"keep": ["inbox/**"]}}, "keys": {**keys, "public": public}},
    }
    (root / ".buildkite/shipping.yml").write_text(yaml.safe_dump(configuration))
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        git(root, *arguments)
    monkeypatch.chdir(root)
    for name, value in objects.environment.items():
        monkeypatch.setenv(name, value)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_it_prints_can_be_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The section for the configuration, the line for hosts; of the private key, only where it is."""
    path = tmp_path / "main.pem"

    assert run(["slug", "keygen", f"file:{path}", "--for", "pull_request"]) == 0

    out = capsys.readouterr().out
    configured = yaml.safe_load(out[out.index("slug:") : out.index("On hosts")])
    [public] = configured["slug"]["keys"]["public"]["pull_request"]
    assert configured["slug"]["keys"]["pull_request"] == f"file:{path}"
    assert out.splitlines()[-1] == f"pr {public}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = "".join(path.read_text().splitlines()[1:-1])
    assert secret not in out.replace("\n", "")


def test_a_key_that_kms_keeps(
    root: Path, home: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is made; its public key is printed, and what is signed with it is trusted beside keys in files."""
    with serving({"slug-main": kms.SPEC}) as environment:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", environment["AWS_ENDPOINT_URL_KMS"])
        assert run(["slug", "keygen", "kms:alias/slug-main", "--for", "main", "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        file = root / ".buildkite/shipping.yml"
        configured = yaml.safe_load(file.read_text())
        configured["slug"]["keys"]["main"] = made["key"]
        configured["slug"]["keys"]["public"]["main"].append(made["public"])
        file.write_text(yaml.safe_dump(configured))
        git(root, "commit", "-q", "-a", "-m", "keys")
        assert run(["slug", "build", "--domain", "main", "--json"]) == 0
    slug = json.loads(capsys.readouterr().out)["slug"]

    assert run(["slug", "verify", slug, "--for", "main"]) == 0
    (tmp_path / "keys").write_text(made["host"])
    host = ["--app", "inbox", "--bucket", home.name, "--for", "main", "--keys", str(tmp_path / "keys")]
    assert run(["slug", "verify", slug, *host]) == 0
    assert not (tmp_path / "slug-main").exists()


def test_it_never_writes_over_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint prints the public key of the one that is there."""
    path = tmp_path / "main.pem"
    assert run(["slug", "keygen", f"file:{path}", "--for", "main", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    before = path.read_bytes()

    assert run(["slug", "keygen", f"file:{path}", "--for", "main"]) == 1
    assert f"hint: ship slug keygen file:{path} --existing --for main" in capsys.readouterr().err
    assert run(["slug", "keygen", f"file:{path}", "--existing", "--for", "main", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == made
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", ["main.pem", "file:main.pem", "kms:", "env:SECRET"])
def test_a_key_that_is_nowhere(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slug", "keygen", key, "--for", "main"]) == 2
    assert "neither file:/PATH nor kms:KEY" in capsys.readouterr().err


@pytest.mark.usefixtures("root")
def test_build_verify_fetch(home: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signed, verified with the configuration's public keys, and by a host that has a file of them and nothing else."""
    assert run(["slug", "build", "--domain", "main", "--json"]) == 0
    slug = json.loads(capsys.readouterr().out)["slug"]

    assert run(["slug", "verify", slug, "--for", "main"]) == 0
    assert capsys.readouterr().out == f"{home.name}: whole and signed\n"
    host = ["--app", "inbox", "--bucket", home.name, "--for", "main", "--keys", str(tmp_path / "keys")]
    assert run(["slug", "verify", slug, *host, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signed"] is True
    assert run(["slug", "fetch", slug, str(tmp_path / "out"), *host]) == 0
    assert (tmp_path / "out/inbox/web.py").exists()


@pytest.mark.usefixtures("root")
def test_a_signature_that_is_gone(home: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, nothing unpacked; without keys nobody asks."""
    assert run(["slug", "build", "--domain", "main", "--json"]) == 0
    slug = json.loads(capsys.readouterr().out)["slug"]
    home.ask("delete_object", Key=f"inbox/manifests/{slug}.json.sig")

    assert run(["slug", "verify", slug]) == 1
    assert "not trusted\n  cannot trust the manifest of slug" in capsys.readouterr().out
    assert run(["slug", "fetch", slug, str(tmp_path / "out")]) == 1
    assert "it has no signature" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(["slug", "verify", slug, "--app", "inbox", "--bucket", home.name]) == 0


@pytest.mark.usefixtures("root")
def test_a_key_that_cannot_be_used_stops_the_build_before_it_begins(
    home: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is built or sent; a dry run needs no key."""
    (tmp_path / "main.pem").chmod(0o644)

    assert run(["slug", "build", "--domain", "main"]) == 1

    assert f"hint: chmod 600 {tmp_path}/main.pem" in capsys.readouterr().err
    assert list(home.list("")) == []
    (tmp_path / "main.pem").unlink()
    assert run(["slug", "build", "--domain", "main"]) == 2
    assert run(["slug", "build", "--domain", "main", "--dry-run"]) == 0
