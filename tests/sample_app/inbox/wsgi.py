"""What the server imports: ``gunicorn inbox.wsgi``. The only module that reads the environment when it is imported."""

from __future__ import annotations

from inbox import services, settings
from inbox.application import Application

application = Application(services.build(settings.from_environment()))
