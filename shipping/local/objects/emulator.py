"""The S3 emulator, called in this process as the WSGI application it is. The only importer of moto."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Emulator:
    """Answers S3 requests. Emulators of one process share their objects; the last to close forgets them."""

    _open: ClassVar[int] = 0

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import create_backend_app

        self._application = create_backend_app("s3")
        Emulator._open += 1

    def close(self) -> None:
        """Forget every object, and close the files that hold parts of them."""
        Emulator._open -= 1
        if Emulator._open:
            return
        from moto.s3.models import s3_backends

        s3_backends.reset()

    def create_bucket(self, name: str, region: str) -> None:
        """Create a bucket; one that exists stays as it is."""
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        if name not in backend.buckets:
            backend.create_bucket(name, region)

    def answer(
        self, *, method: str, target: str, headers: Mapping[str, str], body: bytes, address: tuple[str, int]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Do one request; ``target`` is path and query as they were sent. Return status, headers, body."""
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # how WSGI carries bytes
            "RAW_URI": target,
            "QUERY_STRING": query,
            "SERVER_NAME": address[0],
            "SERVER_PORT": str(address[1]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            environ["CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"] = value
        environ["HTTP_CONTENT_LENGTH"] = str(len(body))
        started: list[tuple[int, list[tuple[str, str]]]] = []

        def start(status: str, sent: list[tuple[str, str]], _error: object = None, /) -> Callable[[bytes], object]:
            started.append((int(status[:3]), sent))
            return lambda _content: None

        answer: Iterable[bytes] = self._application(environ, start)
        try:
            content = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        status, sent = started[-1]
        return status, sent, content
