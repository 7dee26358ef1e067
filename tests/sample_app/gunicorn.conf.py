"""gunicorn's settings, read from this folder when it starts."""

from __future__ import annotations

import os

# Sockets come from whoever started us (systemd's LISTEN_FDS: the first is number 3), so that no request is lost between
# two releases. They are named here, which makes gunicorn's own search for them, by LISTEN_PID, find them twice.
os.environ.pop("LISTEN_PID", None)
bind = [f"fd://{3 + number}" for number in range(int(os.environ.get("LISTEN_FDS", "0")))] or [
    f"127.0.0.1:{os.environ.get('PORT', '8000')}"
]

wsgi_app = "inbox.wsgi"
worker_class = "gthread"
workers = int(os.environ.get("INBOX_WEB_WORKERS", "2"))
threads = 4

# Less than what the host allows for draining, or the last requests would be killed by it instead of finished by us.
graceful_timeout = max(1, round(float(os.environ.get("SHIP_DRAIN", "30")) - 5))
# Longer than a load balancer keeps a connection that nobody uses (60 s): who asks is the one who closes.
keepalive = 75
control_socket_disable = True
