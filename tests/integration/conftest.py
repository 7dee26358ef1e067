"""Fixtures of the tests that run real servers."""

from tests.objects import bucket, object_server, objects

__all__ = ["bucket", "object_server", "objects"]
