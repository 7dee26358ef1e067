"""Secrets are never shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipping.local.server.page.redaction import LEAST, redacted, secret

VALUES = st.text(alphabet="abcdefgh", min_size=LEAST, max_size=12)


def test_secrets_by_name_by_value_and_in_addresses() -> None:
    shown = redacted(
        {
            "API_TOKEN": "abcdefghij",
            "db_password": "short",
            "EMPTY_TOKEN": "",
            "BUILDKITE_REPO": "https://user:hunter22@git.example/inbox.git",
            "COMMAND": "curl -H 'Bearer abcdefghij' and bkaj_1",
            "TOKENS_PER_PAGE": "30",
        },
        ["bkaj_1"],
    )

    assert shown == [
        ("API_TOKEN", "[REDACTED]"),
        ("BUILDKITE_REPO", "https://[REDACTED]@git.example/inbox.git"),
        ("COMMAND", "curl -H 'Bearer [REDACTED]' and [REDACTED]"),
        ("EMPTY_TOKEN", ""),
        ("TOKENS_PER_PAGE", "30"),
        ("db_password", "[REDACTED]"),
    ]


@given(
    st.dictionaries(st.sampled_from(["A_TOKEN", "B_SECRET", "PLAIN", "OTHER"]), VALUES), st.lists(VALUES, max_size=3)
)
def test_no_value_of_a_secret_is_left_anywhere(variables: dict[str, str], tokens: list[str]) -> None:
    """Also where one secret holds another."""
    hidden = {value for name, value in variables.items() if secret(name)} | set(tokens)

    for _, value in redacted(variables, tokens):
        assert not any(one in value for one in hidden)
