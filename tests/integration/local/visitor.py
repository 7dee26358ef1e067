"""A browser of plain HTTP: keeps its cookie, sends what browsers send with a form, and whatever else it is told to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.integration.local.clients import Answer, call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.local.control import ControlInfo

TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


@dataclass(slots=True)
class Visitor:
    info: ControlInfo
    cookie: str = ""
    token: str = field(default="", init=False)

    def get(self, path: str) -> str:
        """Read a page; remember its cookie and its forms' token."""
        answer = call(self.info, "GET", path, headers={"Cookie": self.cookie} if self.cookie else {})
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        text = answer.raw.decode()
        if found := TOKEN.search(text):
            self.token = found[1]
        return unescape(text)

    def post(self, path: str, form: Mapping[str, Sequence[str]] | None = None, **headers: str | None) -> Answer:
        """Send a form as our own page would; a header of None is left out."""
        sent: dict[str, str | None] = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self.cookie,
            "Origin": self.info.url,
            "Sec-Fetch-Site": "same-origin",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        body = urlencode({"token": self.token, **(form or {})}, doseq=True).encode()
        return call(self.info, "POST", path, raw=body, headers={name: value for name, value in sent.items() if value})
