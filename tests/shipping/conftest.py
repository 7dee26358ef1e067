"""Fixtures of the rooms' tests."""

from tests.objects import bucket, object_server, objects

__all__ = ["bucket", "object_server", "objects"]
