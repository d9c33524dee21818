"""A session on a TCP socket, in one thread: what comes is fed, and what leaves is sent, in pieces of random sizes."""
import math
import random
import select
import socket
import time

PATIENCE = 30.0  # seconds that a condition may take


class Pieces:
    """Sizes between two bounds, as many small ones as large ones."""

    def __init__(self, least, most, seed):
        self.least, self.most = math.log(least), math.log(most + 1)
        self.random = random.Random(seed)

    def size(self):
        return int(math.exp(self.random.uniform(self.least, self.most)))

    def split(self, data):
        at = 0
        while at < len(data):
            piece = data[at:at + self.size()]
            at += len(piece)
            yield piece


class Peer:
    """`on_progress` is called after every step: a responder does its work there."""

    def __init__(self, session, sock, pieces, on_progress=lambda: None, greeting=None):
        self.session, self.sock, self.pieces, self.on_progress = session, sock, pieces, on_progress
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.pending = session.greeting() if greeting is None else greeting
        self.has_ended = False  # the other end's direction

    def send_raw(self, data):
        """Bytes that no session would send, behind all that it owes."""
        self.pending += b"".join(self.session.take_output(time.monotonic())) + data

    def wait(self, condition, what, patience=PATIENCE):
        """Works until the condition holds."""
        until = time.monotonic() + patience
        while not condition():
            if self.has_ended and not self.pending:
                raise AssertionError(f"the link ended before: {what}; session {self.session.over!r}; {self.session.log[-3:]}")
            if time.monotonic() > until:
                raise AssertionError(f"not within {patience} s: {what}; {self.session.log[-3:]}")
            self.step()

    def step(self):
        now = time.monotonic()
        if not self.pending:
            self.pending = b"".join(self.session.take_output(now))
        due = self.session.ack_due
        patience = 0.5 if due is None else min(0.5, max(0.0, due - now))
        reads = [] if self.has_ended else [self.sock]
        readable, writable, _ = select.select(reads, [self.sock] if self.pending else [], [], patience)
        if writable:
            self._send()
        if readable:
            self._receive()
        self.on_progress()

    def _send(self):
        try:
            sent = self.sock.send(self.pending[:self.pieces.size()])
            self.pending = self.pending[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.pending, self.has_ended = b"", True

    def _receive(self):
        try:
            data = self.sock.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.has_ended = not data
        for piece in self.pieces.split(data):
            self.session.feed(piece, time.monotonic())

    def finish(self):
        """Leaves in good order: goodbye, the last channels, the end of both directions."""
        session = self.session
        if session.over is None:
            session.leave()
            self.wait(lambda: self.has_ended or session.over is not None or
                      (session.leaving_ping is None and not session.channels and not session.out), "goodbye")
        self.flush()
        if not self.has_ended:
            self.sock.shutdown(socket.SHUT_WR)
        self.wait(lambda: self.has_ended, "end of the link")

    def flush(self):
        self.wait(lambda: not self.pending and not self.session.out or self.has_ended, "all is sent")

    def cut(self):
        """The link dies without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()
        self.pending, self.has_ended = b"", True
