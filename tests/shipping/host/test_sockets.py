"""Listening sockets that are handed on."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from shipping.host import sockets

if TYPE_CHECKING:
    from pathlib import Path


def test_a_connection_made_before_a_socket_was_handed_on_is_accepted_after(tmp_path: Path) -> None:
    """The queue belongs to the socket, not to who holds it; however deep the folder is."""
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    bound = sockets.listen("127.0.0.1", 0)
    with socket.create_connection(bound.getsockname()) as customer, sockets.open_door(deep) as door:
        giving = threading.Thread(target=sockets.hand_over, args=(door, bound.fileno()))
        giving.start()
        taken = sockets.take(deep)
        giving.join()
        bound.close()
        assert taken is not None
        with taken:
            accepted, _ = taken.accept()
            with accepted:
                accepted.sendall(b"still here")
                assert customer.recv(100) == b"still here"


def test_where_nobody_is_behind_the_door_there_is_no_socket(tmp_path: Path) -> None:
    """No door, a door whose holder was killed, no folder."""
    assert sockets.take(tmp_path) is None
    sockets.open_door(tmp_path).close()

    assert sockets.take(tmp_path) is None
    assert sockets.take(tmp_path / "gone") is None
