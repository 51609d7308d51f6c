"""What connections may take: bytes, seconds, and how many there may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of one listener. Each holds for one connection unless it says otherwise."""

    head_seconds: float = 30.0
    """From the connection, or a head's first byte, to the head's end; also for the rest of a body that was
    answered before it was there."""
    idle_seconds: float = 75.0
    """From an answer to the next request's first byte."""
    write_seconds: float = 30.0
    """How long a client may take no byte of what waits for it."""
    linger_seconds: float = 5.0
    """How long what a client still sends is read and dropped after an answer that did not wait for it."""
    head_bytes: int = 64 * 1024
    """Bytes of a head, of a chunk's head or of trailers."""
    early_bytes: int = 32 * 1024
    """Bytes that a client may send before its complete request is answered: of all connections 126 MiB."""
    connections: int = 4096
    """Open connections of the listener; a newcomer beyond these closes the one that has been idle longest."""
    reserved: int = 64
    """How many of ``connections`` only probes may use, so that users never starve them."""
    patrol_seconds: float = 1.0
    """How often all connections are looked at; every time limit above is late by up to this."""

    @property
    def requests(self) -> int:
        """Requests of the listener that may be under way at once, probes apart."""
        return self.connections - self.reserved
