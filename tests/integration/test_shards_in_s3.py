"""Shards and their proof against a real bucket that misbehaves, and as the real program that is stopped in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import ShardLimits
from pipeline_gen.errors import InfraError
from shipping.local.objects import Fault, ObjectServer
from shipping.processes.keeper import process_start
from shipping.testrun.report import reports_prefix
from tests.builds import Build

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.s3 import Bucket

GREEN = {"tests/test_one.py": "def test_a(): pass\n", "tests/test_two.py": "def test_b(): pass\n"}
TWO = ShardLimits(min=2, max=2)


def test_faults_that_pass_change_nothing(tmp_path: Path, objects: ObjectServer, bucket: Bucket) -> None:
    """Answers are lost, the bucket is busy: the build is proven all the same, each record written once."""
    build = Build.of(tmp_path, GREEN, shards=TWO, store=bucket)
    for operation in ("get", "put", "list"):
        objects.faults.add(Fault(kind="503", operation=operation))
        objects.faults.add(Fault(kind="cut-after", operation=operation, skip=1))

    assert build.run() == [0, 0, 0]
    assert len(build.reports()) == 2


def test_a_bucket_that_cannot_be_read_is_infrastructure_and_no_proof_is_guessed(
    tmp_path: Path, objects: ObjectServer, bucket: Bucket
) -> None:
    build = Build.of(tmp_path, GREEN, store=bucket)
    assert build.shard() == 0
    objects.faults.add(Fault(kind="503", operation="list", times=None))

    with pytest.raises(InfraError):
        build.complete()

    objects.faults.clear()
    assert list(bucket.list(f"{build.plan.key.removesuffix('.json')}/proof/")) == []
    assert build.complete(attempt=1) == 0


def test_a_report_that_cannot_be_kept_is_infrastructure(tmp_path: Path, objects: ObjectServer, bucket: Bucket) -> None:
    """The job is tried again; the tests it ran count for nothing."""
    build = Build.of(tmp_path, GREEN, store=bucket)
    build.context("job", {}, {})  # keeps the plan
    objects.faults.add(Fault(kind="503", operation="put", times=None))

    with pytest.raises(InfraError):
        build.shard()

    objects.faults.clear()
    assert [build.shard(attempt=1), build.complete()] == [0, 0]


def test_a_shard_that_is_cancelled_reports_nothing_half_and_leaves_nothing_running(
    tmp_path: Path, objects: ObjectServer, bucket: Bucket
) -> None:
    """`ship job test-shard` as the agent runs it, stopped by SIGTERM in the middle of a test."""
    suite = (
        "import os, pathlib, time\n"
        "def test_a(): pass\n"
        "def test_b():\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    build = Build.of(tmp_path, {"tests/test_one.py": suite}, store=bucket, bucket=bucket.name)
    build.env["PATH"] = f"{build.told}{os.pathsep}{os.environ['PATH']}"
    build.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    context = build.context("job", {"suite": "unit"}, {})
    job = subprocess.Popen(
        [sys.executable, "-m", "shipping.cli", "job", "test-shard"],
        cwd=context.root,
        env={**context.env, **objects.environment},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        assert job.poll() is None
        time.sleep(0.02)

    job.send_signal(signal.SIGTERM)

    assert job.wait(timeout=30) == 128 + signal.SIGTERM
    assert process_start(int((tmp_path / "pid").read_text())) is None
    assert list(bucket.list(reports_prefix(build.plan.key, "unit"))) == []
    assert list((tmp_path / "tmp").iterdir()) == []
