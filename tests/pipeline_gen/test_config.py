from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen import config
from pipeline_gen.config import from_resolved, resolved
from pipeline_gen.errors import Faults, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SMALLEST = "app: inbox\nsuites: [{name: unit, paths: [tests], target: 3m}]\n"


def load(folder: Path, text: str) -> config.Config:
    path = folder / "shipping.yml"
    path.write_text(text)
    return config.load(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(Faults) as caught:
        load(folder, text)
    assert caught.value.exit_code == 2
    return [str(fault) for fault in caught.value.faults]


def test_the_smallest_configuration_is_two_lines(tmp_path: Path) -> None:
    """Everything that a team has not asked for has a default."""
    read = load(tmp_path, SMALLEST)

    assert (read.app, read.main_branch, read.bucket, read.slug) == ("inbox", "main", None, None)
    assert (read.suites[0].target, read.suites[0].hang, read.suites[0].select) == (180.0, 300.0, "off")
    assert read.buildkite.queue("tests") == "default"


def test_a_full_configuration_is_read_whole(tmp_path: Path) -> None:
    """Each section this version knows ends in its typed place."""
    read = load(
        tmp_path,
        """
app: inbox
main_branch: trunk
bucket: ship-us
home: us
ignore: ["*.txt"]
plugins: {source: ci/plugins}
buildkite: {queues: {tests: big, slug: builders}}
suites:
  - {name: unit, python: .venv/bin/python, setup: [make, install], paths: [tests, more/], target: 90s, hang: 5m,
     shards: {min: 2, max: 60}, select: on, always: [tests/test_registry.py], everything_when: ["requirements*.txt"]}
slug:
  layers:
    dependencies: {inputs: [requirements.lock], run: "pip install --target 'my vendor'", keep: [vendor]}
    app: {keep: ["inbox/**"]}
regions: {us: {bucket: ship-us}, eu: {bucket: ship-eu}}
""",
    )

    suite = read.suites[0]
    assert suite.select == "on"
    assert (suite.setup, suite.paths, suite.shards.max) == (("make", "install"), ("tests", "more"), 60)
    assert read.buildkite.queue("tests") == "big"
    assert read.slug is not None
    assert read.slug.layers[0].run == ("pip", "install", "--target", "my vendor")
    assert read.slug.layers[1].inputs is None
    assert read.slug_buckets == ("ship-us", "ship-eu")


def test_every_fault_is_told_at_once_with_path_value_and_nearest_key(tmp_path: Path) -> None:
    """A typo, a wrong type, a missing key and a wrong word come in one message."""
    found = faults(
        tmp_path,
        """
app: Inbox!
suits: []
suites:
  - {paths: tests, target: 3, selct: on}
  - {name: unit, select: maybe, shards: {min: 9, max: 2}}
slug: {layers: {app: {run: "echo 'open"}}}
""",
    )

    text = "\n".join(found)
    assert "app: found 'Inbox!', allowed: a name" in text
    assert "suits: found the key 'suits'" in text
    assert "did you mean 'suites'?" in text
    assert "suites/0/name: found nothing, allowed: this key is required" in text
    assert "suites/0/paths: found 'tests', allowed: a list" in text
    assert "suites/0/target: found 3, allowed: a duration" in text
    assert "did you mean 'select'?" in text
    assert "suites/1/select: found 'maybe', allowed: off | shadow | on" in text
    assert "suites/1/shards/min: found 9, allowed: at most max (2)" in text
    assert "slug/layers/app/run" in text
    assert "slug/layers/app/keep: found nothing" in text
    assert "bucket: found None, allowed: a bucket: slug needs one" in text


def test_on_and_off_are_words_not_booleans(tmp_path: Path) -> None:
    """YAML 1.1 would read `select: on` as true."""
    text = "app: a\nbucket: abc\nsuites: [{name: u, select: on}, {name: v, select: off}]\n"

    assert [suite.select for suite in load(tmp_path, text).suites] == ["on", "off"]


def test_selection_asks_for_a_bucket(tmp_path: Path) -> None:
    """There is nowhere to keep the coverage map without one."""
    found = faults(tmp_path, "app: a\nsuites: [{name: u, select: shadow}]\n")

    assert found == [
        "suites/0/select: found 'shadow', allowed: off, as long as there is no bucket for the coverage map"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("app: a\napp: b\n", "line 2, column 1: the key 'app' is there twice"),
        ("app: [\n", "cannot read"),
        ("- app\n", "(the document): found ['app'], allowed: a mapping"),
        ("", "(the document): found None"),
        ("app: a\nsuites: [{name: u}, {name: u}]\n", "suites/1/name: found 'u', allowed: a name that no other has"),
        ("app: a\n", "at least one suite, or a slug"),
        ("app: a\nsuites: [{name: u, paths: [../x]}]\n", "without '..'"),
        ("app: a\npager: {}\nsuites: [{name: u}]\n", "this version of ship does not do it"),
    ],
)
def test_what_cannot_be_used_is_said_by_name(tmp_path: Path, text: str, said: str) -> None:
    """One clear message each, exit status 2."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)

    assert said in str(caught.value)


def test_a_resolved_configuration_survives_the_record(tmp_path: Path) -> None:
    """Jobs read back exactly what the generator used; keys of a newer version are ignored there."""
    read = load(
        tmp_path,
        SMALLEST + "bucket: ship-us\nregions: {eu: {bucket: ship-eu}}\nslug: {layers: {app: {keep: [a]}}}\n",
    )
    data = resolved(read) | {"brand_new": 1}

    assert from_resolved(data) == read


def test_one_repository_may_hold_several_apps(tmp_path: Path) -> None:
    """`--app` chooses; without it, the choice is asked for."""
    folder = tmp_path / ".buildkite"
    folder.mkdir()
    for app in ("inbox", "outbox"):
        (folder / f"shipping.{app}.yml").write_text(SMALLEST.replace("inbox", app))

    assert config.load(config.find(tmp_path, "outbox")).app == "outbox"
    with pytest.raises(UsageError, match="--app NAME"):
        config.find(tmp_path)
    with pytest.raises(UsageError, match="cannot find the app 'letters'"):
        config.find(tmp_path, "letters")


def test_a_repository_without_configuration_is_told_how_to_begin(tmp_path: Path) -> None:
    """The hint is the command that writes one."""
    with pytest.raises(UsageError, match="ship init"):
        config.find(tmp_path)


@pytest.mark.parametrize(
    ("plugins", "named"),
    [
        ("{}", "./.buildkite/plugins/slug"),
        ("{source: ci/plugins/}", "./ci/plugins/slug"),
        (
            "{source: 'https://git.example/acme/ship.git', version: v1.2}",
            "https://git.example/acme/ship.git/plugins/slug#v1.2",
        ),
        (
            "{source: 'ssh://git@git.example:22/acme/ship.git', version: 0b1c2d, directory: .}",
            "ssh://git@git.example:22/acme/ship.git/slug#0b1c2d",
        ),
    ],
)
def test_plugins_are_named_as_an_agent_finds_them(tmp_path: Path, plugins: str, named: str) -> None:
    """A path of the repository, or a version of a git repository and the folder in there."""
    read = load(tmp_path, f"{SMALLEST}plugins: {plugins}\n")

    assert read.plugins.of("slug") == named
    assert from_resolved(resolved(read)) == read


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ("{source: 'https://git.example/acme/ship.git'}", "plugins/version: found None, allowed: a tag or a commit"),
        (
            "{source: 'https://git.example/acme/ship', version: v1}",
            "plugins/source: found 'https://git.example/acme/ship'",
        ),
        (
            "{source: 'https://me:secret@git.example/a.git', version: v1}",
            "allowed: a git address that ends in .git, without",
        ),
        ("{source: 'git@git.example:acme/ship.git', version: v1}", "allowed: a git address that ends in .git"),
        (
            "{source: 'https://git.example/a.git', version: '--upload-pack=x'}",
            "plugins/version: found '--upload-pack=x'",
        ),
        ("{source: ci/plugins, version: v1}", "plugins/version: found 'v1', allowed: nothing"),
    ],
)
def test_plugins_that_no_agent_would_find(tmp_path: Path, plugins: str, said: str) -> None:
    assert any(said in fault for fault in faults(tmp_path, f"{SMALLEST}plugins: {plugins}\n"))


COMMAND = "app: inbox\nsuites: [{name: js, runner: command, command: %r, files: web/**}]\n"


def test_a_suite_of_a_command_is_read_and_kept_in_the_plan(tmp_path: Path) -> None:
    """The command is split once; one pattern needs no list."""
    read = load(tmp_path, COMMAND % "node --out={junit} 'a b' {file}")

    assert read.suites[0].command == ("node", "--out={junit}", "a b", "{file}")
    assert read.suites[0].files == ("web/**",)
    assert from_resolved(resolved(read)) == read


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("node {file}", "a command with {junit}: where it must write its report"),
        ("node {junit}", "a command with {file} (run once per file) or {files} (run once per part), one of them"),
        ("node {junit} {file} {files}", "one of them"),
        ("node {junit} --of={files}", "{files} as a word of its own"),
        ("node {junit} {file} {seed}", "found '{seed}', allowed: {file}, {files} and {junit}"),
        ("node {junit} '{file}", "a command line whose quotes are closed"),
    ],
)
def test_a_command_whose_placeholders_cannot_be_filled_is_a_fault(tmp_path: Path, command: str, said: str) -> None:
    found = faults(tmp_path, COMMAND % command)

    assert any(fault.startswith("suites/0/command: ") and said in fault for fault in found)


def test_each_runner_has_its_own_keys(tmp_path: Path) -> None:
    """What belongs to the other runner is a fault, never ignored."""
    of_command = faults(
        tmp_path,
        "app: inbox\nbucket: ship-us\nsuites: [{name: js, runner: command, python: python3, paths: [web], select: on,"
        " always: [a], everything_when: [b]}]\n",
    )
    of_pytest = faults(tmp_path, "app: inbox\nsuites: [{name: unit, command: make test, files: [tests]}]\n")

    assert [fault.partition(":")[0] for fault in of_command] == [
        f"suites/0/{key}" for key in ("python", "paths", "always", "everything_when", "command", "files", "select")
    ]
    assert [fault.rpartition(", ")[2] for fault in of_pytest] == [
        "allowed: nothing: this key belongs to runner: command"
    ] * 2


FLEET = """
app: inbox
bucket: ship-us
slug: {layers: {app: {keep: [a]}}}
processes:
  web: {command: "gunicorn 'a b'", count: 4, ready: /readyz, version: /version, drain: 45s, boot: python boot.py}
  worker: {command: python worker.py, order: stop-first}
regions:
  us: {bucket: ship-us, fleet: {tag: "ship:fleet=inbox=us"}, spread: 30s, failed_hosts: 2.5%}
  eu: {bucket: ship-eu, fleet: {hosts: [eu-1, eu-2]}, failed_hosts: 3}
  au: {bucket: ship-au}
"""


def test_processes_and_fleets_are_read_and_kept_in_the_plan(tmp_path: Path) -> None:
    """Commands are split once, limits are numbers, what is absent has its default."""
    read = load(tmp_path, FLEET)

    web, worker = read.processes
    assert (web.name, web.command, web.count, web.drain) == ("web", ("gunicorn", "a b"), 4, 45.0)
    assert (web.ready, web.version, web.boot, web.order) == (
        "/readyz",
        "/version",
        ("python", "boot.py"),
        "start-first",
    )
    assert (worker.ready, worker.boot, worker.count, worker.order) == (None, (), 1, "stop-first")
    us, eu, au = (region.fleet for region in read.regions)
    assert us is not None
    assert eu is not None
    assert (us.tag, us.hosts, us.spread) == (("ship:fleet", "inbox=us"), (), 30.0)
    assert (eu.tag, eu.hosts, eu.spread) == (None, ("eu-1", "eu-2"), 60.0)
    assert au is None
    assert from_resolved(resolved(read)) == read


@pytest.mark.parametrize(
    ("hosts", "share", "number", "default"), [(1, 0, 3, 0), (39, 0, 3, 0), (40, 1, 3, 0), (5000, 125, 3, 50)]
)
def test_how_many_hosts_may_fail(tmp_path: Path, hosts: int, share: int, number: int, default: int) -> None:
    """A share is rounded down: a fleet of three may lose none by it."""
    read = load(tmp_path, FLEET.replace("au: {bucket: ship-au}", "au: {bucket: ship-au, fleet: {hosts: [a]}}"))

    limits = [region.fleet.failed_hosts.among(hosts) for region in read.regions if region.fleet]

    assert limits == [share, number, default]


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("count: 4", "count: 0", "processes/web/count: found 0, allowed: a whole number"),
        ("count: 4", "conut: 4", "did you mean 'count'?"),
        ("command: python worker.py, ", "", "processes/worker/command: found nothing, allowed: this key is required"),
        ("command: python worker.py", "command: 'a \"b'", "processes/worker/command: found"),
        ("order: stop-first", "order: both", "processes/worker/order: found 'both', allowed: start-first | stop-first"),
        ("ready: /readyz", "ready: readyz", "processes/web/ready: found 'readyz', allowed: a path"),
        ("ready: /readyz, ", "", "processes/web/version: found '/version', allowed: nothing without 'ready'"),
        ("  worker:", "  Worker_1:", "processes/Worker_1: found 'Worker_1', allowed: a name"),
        ("hosts: [eu-1, eu-2]", "", "regions/eu/fleet: found {}, allowed: one of tag"),
        ("hosts: [eu-1, eu-2]", "hosts: [a], tag: b=c", "allowed: one of tag"),
        ("hosts: [eu-1, eu-2]", "hosts: []", "regions/eu/fleet/hosts: found [], allowed: at least one host"),
        ("hosts: [eu-1, eu-2]", "hosts: [a, a]", "each named once"),
        ("hosts: [eu-1, eu-2]", "hosts: [../a]", "regions/eu/fleet/hosts: found '../a', allowed: a host's name"),
        ("ship:fleet=inbox=us", "ship:fleet", "regions/us/fleet/tag: found 'ship:fleet', allowed: an EC2 tag"),
        ("2.5%", "100%", "regions/us/failed_hosts: found '100%', allowed: a number of hosts, or a share"),
        ("failed_hosts: 3", "failed_hosts: -1", "regions/eu/failed_hosts: found -1"),
        (
            "au: {bucket: ship-au}",
            "au: {bucket: ship-au, spread: 3s}",
            "regions/au/spread: found '3s', allowed: nothing",
        ),
        (
            "spread: 30s",
            "deploy: {}",
            "regions/us/fleet: found {'tag': 'ship:fleet=inbox=us'}, allowed: one of fleet and",
        ),
        (
            "slug: {layers: {app: {keep: [a]}}}",
            "suites: [{name: u}]",
            "found ['web', 'worker'], allowed: nothing without",
        ),
    ],
)
def test_what_no_host_could_run_is_a_fault(tmp_path: Path, written: str, instead: str, said: str) -> None:
    assert written in FLEET

    found = faults(tmp_path, FLEET.replace(written, instead))

    assert any(said in fault for fault in found), found


def test_a_fleet_asks_for_processes(tmp_path: Path) -> None:
    """Its hosts would have nothing to run."""
    head, _, rest = FLEET.partition("processes:")

    found = faults(tmp_path, head + rest[rest.index("regions:") :])

    assert [fault.partition(":")[0] for fault in found] == ["regions/us/fleet", "regions/eu/fleet"]


KEYS = """
app: inbox
bucket: ship-us
slug:
  layers: {app: {keep: [a]}}
  keys:
    main: "kms:alias/slug-main"
    pull_request: "file:/etc/ship/pr.pem"
    clearance: "kms:alias/clearance"
    public:
      main: ["ecdsa-p256:AoKyX0Tjnk5qXVDXRPAMbIBo3zWE/H6DwYSoSM5Ju9Vq", "ed25519:nMTjrz8WmvpuLw3kzMZsCjrUcOnSaSMAuQbAF0fhbZY="]
      pull_request: "ed25519:jO81cmkWqnRLGxhCwM6FNOVeQW0n0YvyFH7sHLBLVwk="
      clearance: "ed25519:qBFnnmWzP0qbrP7AJ4pwhBlAc9IPcnqkk/3y7XEwLmk="
"""


def test_keys_are_read_and_kept_in_the_plan(tmp_path: Path) -> None:
    """References of private keys, and several public keys of a purpose."""
    read = load(tmp_path, KEYS)

    assert read.slug is not None
    assert read.slug.keys is not None
    assert (read.slug.keys.main, read.slug.keys.pull_request) == ("kms:alias/slug-main", "file:/etc/ship/pr.pem")
    assert [len(read.slug.keys.public.main), len(read.slug.keys.public.clearance)] == [2, 1]
    assert from_resolved(resolved(read)) == read


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("file:/etc/ship/pr.pem", "file:pr.pem", "slug/keys/pull_request: found 'file:pr.pem', allowed: file:/PATH"),
        ("kms:alias/slug-main", "-----BEGIN PRIVATE KEY-----", "slug/keys/main: found"),
        ('clearance: "kms:alias/clearance"', "", "slug/keys/clearance: found nothing, allowed: this key is required"),
        ("ed25519:jO81", "jO81", "slug/keys/public/pull_request: found"),
        ("jO81cmkWqnRLGxhCwM6FNOVeQW0n0YvyFH7sHLBLVwk", "nMTjrz8WmvpuLw3kzMZsCjrUcOnSaSMAuQbAF0fhbZY", "is for 'main'"),
        ("public:", "pubic:", "slug/keys/public: found None, allowed: the public keys of main, pull_request"),
    ],
)
def test_keys_that_would_not_keep_anybody_out(tmp_path: Path, written: str, instead: str, said: str) -> None:
    """All or none of it, private keys outside of the checkout, a key for each purpose."""
    assert written in KEYS

    found = faults(tmp_path, KEYS.replace(written, instead))

    assert any(said in fault for fault in found), found
