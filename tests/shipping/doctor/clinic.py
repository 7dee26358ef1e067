"""A healthy set-up, whole and real: a repository, an organization with agents, queues and teams, a bucket."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.clock import Clock, SystemClock
from pipeline_gen.shell import LocalShell
from shipping.buildkite.organization import Organization
from shipping.buildkite.rest import Rest
from shipping.doctor import examine
from shipping.launcher import LAUNCHER, LOCK, launcher
from shipping.pipelines.definitions import desired
from shipping.pipelines.desired import Context
from shipping.pipelines.local import lacking, make_room
from shipping.pipelines.sync import sync
from shipping.s3 import connect
from shipping.s3.probe import BLOCKS
from tests.integration.local.clients import FakeAgent
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.doctor.finding import Finding
    from shipping.local.control import ControlInfo
    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket

PLUGINS = Path(__file__).parents[3] / "plugins"
CONFIGURATION = """\
app: inbox
bucket: {bucket}
buildkite:
  organization: local
  cluster: main
  teams: {{engineers: build_and_read}}
  queues: {{plan: uploaders, tests: tests}}
suites: [{{name: unit}}]
"""
PIPELINE = "steps: [{label: plan, key: plan, command: .buildkite/ship pipeline upload}]\n"
NO_AGENT = {"PATH": "/nonexistent"}


@dataclass(slots=True)
class Clinic:
    """What the tests break; ``examined`` looks at it as it is then."""

    repository: Repository
    control: ControlInfo
    bucket: Bucket
    server: ObjectServer
    token: str
    clock: Clock = field(default_factory=SystemClock)
    env: Mapping[str, str] = field(default_factory=lambda: dict(NO_AGENT))
    agents: list[FakeAgent] = field(default_factory=list)

    @property
    def configuration(self) -> Path:
        return self.repository.root / ".buildkite" / "shipping.yml"

    @property
    def pipeline(self) -> Path:
        return self.repository.root / ".buildkite" / "pipeline.yml"

    def organization(self) -> Organization:
        return Organization(Rest(self.token, base_url=f"{self.control.url}/v2/"), "local")

    def edit(self, before: str, after: str) -> None:
        """Change the configuration, and commit it."""
        text = self.configuration.read_text()
        assert before in text
        self.configuration.write_text(text.replace(before, after))
        self.repository.commit("edited")

    def agent(self, *tags: str) -> None:
        """Let an agent in that serves these queues."""
        self.agents.append(FakeAgent.register(self.control, *tags))

    def dismiss(self) -> None:
        """Send every agent away."""
        for agent in self.agents:
            assert agent.call("POST", "/disconnect").status == 200
        self.agents.clear()

    def examined(self) -> list[Finding]:
        """Return all that is to be said."""
        here = examine.Surroundings(
            root=self.repository.root,
            env=self.env,
            shell=LocalShell(),
            clock=self.clock,
            connect=partial(connect, environment=self.server.environment),
        )
        config, findings = examine.repository(here, None)
        if config is not None:
            organization = self.organization()
            pipelines = desired(Context(config=config, repository="git@git.example:acme/inbox.git"))
            findings += examine.organization(here, organization, config, pipelines)
            organization.rest.close()
            findings += examine.storage(here, config)
        return findings


def healthy(root: Path, control: ControlInfo, bucket: Bucket, server: ObjectServer) -> Clinic:
    """Set everything up as it should be."""
    repository = Repository.create(root)
    repository.write(
        {
            ".buildkite/shipping.yml": CONFIGURATION.format(bucket=bucket.name),
            ".buildkite/pipeline.yml": PIPELINE,
            LAUNCHER: launcher(),
            LOCK: "# no packages\n",
        }
    )
    (root / LAUNCHER).chmod(0o755)
    for name in ("test-shard", "tests-complete"):
        shutil.copytree(PLUGINS / name, root / ".buildkite" / "plugins" / name)
    repository.commit("one")
    clinic = Clinic(repository, control, bucket, server, control.api_token)
    _set_up(clinic)
    bucket.ask("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
    bucket.ask("put_public_access_block", PublicAccessBlockConfiguration=dict.fromkeys(BLOCKS, True))
    return clinic


def _set_up(clinic: Clinic) -> None:
    from pipeline_gen.config import load

    organization = clinic.organization()
    pipelines = desired(Context(config=load(clinic.configuration), repository="git@git.example:acme/inbox.git"))
    make_room(organization, lacking(organization, pipelines, ("uploaders", "tests")))
    sync(organization, pipelines, act=True)
    organization.rest.close()
    clinic.agent("queue=uploaders")
    clinic.agent("queue=tests")


def make_executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    subprocess.run(["chmod", "+x", str(path)], check=True)
