"""An S3 server on loopback for the local world and the tests: an emulator behind our own front.

`front` takes the requests: it refuses wrong credentials (`signature`; the emulator accepts any), serialises the writes of each
key, and misbehaves as it is told (`faults`). `emulator` is what answers behind it, `server` starts and stops the whole.
`python -m shipping.local.objects --state DIR` runs it alone.
"""

from shipping.local.objects.faults import Fault, Faults, Request
from shipping.local.objects.server import ObjectServer, running

__all__ = ["Fault", "Faults", "ObjectServer", "Request", "running"]
