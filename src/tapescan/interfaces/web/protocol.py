"""HTTP as the server reads it: quick, and no head without end."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Bounded"]

#: Bytes of a request beside its body: its head, and what stands between the parts of a body that comes in parts.
MOST = 64 * 1024


class Bounded(HttpToolsProtocol):
    """Uvicorn's quick reader, which by itself keeps a head as long as it grows."""

    #: Of the request that is being read, beside its body.
    beside = 0

    def data_received(self, data: bytes) -> None:
        """Read on; close the connection of a request that says too much beside its body."""
        self.beside += len(data)
        super().data_received(data)
        if self.beside <= MOST or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response("The head of the request is too long.")
        else:  # another answer is on its way, and this word would stand within it
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self.beside -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.beside = 0
        super().on_message_complete()
