from __future__ import annotations

from pathlib import Path

import pytest

from inbox import settings
from inbox.settings import Settings


def test_an_empty_environment_is_enough_to_begin() -> None:
    assert settings.from_environment({}) == Settings()


def test_every_setting_can_be_set() -> None:
    environment = {
        "INBOX_DATABASE": "/srv/inbox.db",
        "INBOX_DELIVER_TO": "https://desk.test/hook",
        "SHIP_COMMIT": "0badcafe",
        "SHIP_ENVIRONMENT": "eu",
        "INBOX_POLL": "0.25",
        "INBOX_COMMENTS_PER_MINUTE": "6",
    }

    assert settings.from_environment(environment) == Settings(
        database=Path("/srv/inbox.db"),
        deliver_to="https://desk.test/hook",
        release="0badcafe",
        environment="eu",
        poll=0.25,
        comments_per_minute=6,
    )


def test_an_empty_variable_counts_as_absent() -> None:
    assert settings.from_environment({"SHIP_COMMIT": "", "INBOX_POLL": ""}) == Settings()


@pytest.mark.parametrize("value", ["soon", "0", "nan", "1e9"])
def test_a_number_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(settings.BadSetting, match=f"cannot use INBOX_POLL='{value}'"):
        settings.from_environment({"INBOX_POLL": value})


@pytest.mark.parametrize(("environment", "queue"), [("us", "live"), ("local", "live"), ("preprod", "preprod")])
def test_only_preproduction_has_a_queue_of_its_own(environment: str, queue: str) -> None:
    """Its database is production's; what customers wrote there is not for it to send."""
    assert Settings(environment=environment).queue == queue
