"""A session that outlives its links: docs/protocol.md §2.10 on TCP. Cuts come after random numbers of bytes."""
import secrets
import socket
import time

from .driver import PATIENCE, Peer
from .replay import Secret
from .session import Session
from .wire import Kind, frame, varint


class ResumingPeer(Peer):
    """`connect` makes a link to the other end, or `server` gives those that it makes."""

    def __init__(self, session, sock, pieces, exported, connect=None, server=None):
        super().__init__(session, sock, pieces)
        session.replay.secret = Secret(exported)
        self.connect, self.server = connect, server
        self.cuts_left = self.cuts = 0
        self.passed = 0  # bytes on this link

    def cut_often(self, times, least, most):
        self.cuts_left, self.range = times, (least, most)
        self._draw()

    def _draw(self):
        self.cut_at = self.pieces.random.randint(*self.range) if self.cuts_left else None

    def step(self):
        """A step, on another link where this one is to die now."""
        if self.cuts_left and self.session.replay.window and self.passed >= self.cut_at:
            self.cuts_left -= 1
            self.cuts += 1
            self._relink()
            self._draw()
        super().step()

    def _send(self):
        before = len(self.pending)
        super()._send()
        self.passed += before - len(self.pending)
        self._relink_if_lost()

    def _receive(self):
        before = self.session.replay.received
        super()._receive()
        self.passed += self.session.replay.received - before
        self._relink_if_lost()

    def _relink_if_lost(self):
        """The other end, or what is between, has cut it."""
        if self.has_ended and self.session.end_of_link():
            self._relink()

    def _relink(self):
        """What was handed to the old link is lost or not: nobody knows."""
        if self.pieces.random.random() < 0.5 and not self.has_ended:
            self.cut()
        else:
            self.sock.close()
        self.passed, self.has_ended = 0, False
        assert self.session.end_of_link(), "the session did not outlive its link"
        if self.connect is not None:
            self._take(self.connect())
            self.pending = self.session.resume()
        else:
            self._answer()

    def _take(self, sock):
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)

    def _answer(self):
        """The other end makes the link: a session begins on it, and turns out to be ours."""
        self.server.settimeout(PATIENCE)
        sock = self.server.accept()[0]
        fresh = Peer(Session(secrets.token_bytes(8), settings={"resume": self.session.own.resume}), sock, self.pieces)
        fresh.wait(lambda: fresh.session.resume_asked is not None or fresh.session.over is not None, "RESUME")
        expect_none(fresh.session.over)
        resumed = self.session.adopt(fresh.session.resume_asked, bytes(fresh.session.reader.buffer), time.monotonic())
        self.sock = sock
        self.pending = fresh.pending + b"".join(fresh.session.take_output(time.monotonic())) + resumed


def expect_none(fault):
    if fault is not None:
        raise AssertionError(f"the link began with {fault!r}")


# RESUMEs that must be refused, and harm nobody.


def _resume(secret, epoch, received, session_id=None, mac=None):
    at = secret.at(epoch)
    at.epoch = epoch
    body = (session_id or secret.id) + (mac or at.resume_mac(received)) + varint(epoch) + varint(received)
    return frame(Kind.RESUME, 0, body)


REFUSED = {
    "unknown id": lambda secret: _resume(secret, 1, 0, session_id=b"?" * 16),
    "wrong mac": lambda secret: _resume(secret, 1, 0, mac=b"?" * 32),
    "mac of another position": lambda secret: _resume(secret, 1, 5, mac=secret.resume_mac(4)),
    "epoch 0": lambda secret: _resume(secret, 0, 0),
    "epoch too far": lambda secret: _resume(secret, 200, 0),
}


def impossible(secret):
    """A proof that is right, and a position that was never sent."""
    return _resume(secret, 1, 2**40)


def ask_in_vain(connect, pieces, make, secret):
    """Codes of the GOAWAYs on a link of its own that begins with this RESUME."""
    with connect() as sock:
        session = Session(secrets.token_bytes(8))
        session.is_deaf = True
        peer = Peer(session, sock, pieces, greeting=session.greeting() + make(secret))
        session.out.clear()
        peer.wait(lambda: peer.has_ended, "the link's end", patience=5)
        return [entry[2] for entry in session.log if entry[0] == "goaway"]
