# An echo over ssl.MemoryBIO on standard input and output, as its one argument (JSON, echoProgram.ts) asks for it, and where sessions
# are asked for then another on descriptor 3. What it reads it hands to the BIO in odd pieces. Reports go to standard error.
import json
import os
import ssl
import sys

CURVES = {"x25519": "X25519", "secp256r1": "prime256v1", "secp384r1": "secp384r1"}
POLICIES = {"none": ssl.CERT_NONE, "request": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}
PIECE = 4_097

wish = json.loads(sys.argv[1])
server = wish["role"] == "server"


def report(event, **facts):
    print(json.dumps({"event": event, **facts}), file=sys.stderr, flush=True)


def context_of():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(wish["ca"])
    if "cert" in wish:
        context.load_cert_chain(wish["cert"], wish["key"])
    if "alpn" in wish:
        context.set_alpn_protocols(wish["alpn"])
    if "groups" in wish and (server or len(wish["groups"]) == 1):
        context.set_ecdh_curve(CURVES[wish["groups"][0]])  # one at most; clients keep their own list, X25519 first
    if server:
        context.verify_mode = POLICIES[wish.get("clientCertificate", "none")]
    return context


class Pipe:
    """TLS between the two BIOs, records on two descriptors."""

    def __init__(self, source, sink, session=None):
        self.source, self.sink = source, sink
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        options = {"server_side": True} if server else {"server_hostname": wish["name"], "session": session}
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)

    def flush(self):
        sent = self.outgoing.read()
        while sent:
            sent = sent[os.write(self.sink, sent):]

    def fill(self):
        chunk = os.read(self.source, PIECE)
        if chunk:
            self.incoming.write(chunk)
        else:
            self.incoming.write_eof()

    def call(self, method, *arguments):
        while True:
            try:
                result = method(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()

    def half_close(self):
        """Our close_notify; theirs may be far away."""
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            pass
        self.flush()


def read(pipe):
    try:
        return pipe.call(pipe.tls.read, 16_384)
    except (ssl.SSLZeroReturnError, ssl.SSLSyscallError):
        return b""


def talk(pipe):
    pipe.call(pipe.tls.do_handshake)
    tls = pipe.tls
    report("handshake", suite=tls.cipher()[0], alpn=tls.selected_alpn_protocol(), resumed=tls.session_reused)
    closed = False
    while data := read(pipe):
        if closed:
            report("heard", text=data.decode("latin1"))
        elif data == b"close your half\n":
            closed = True
            pipe.half_close()
        else:
            pipe.call(tls.write, data)
    if not closed:
        pipe.call(tls.write, b"farewell\n")
        pipe.half_close()


context = context_of()
first = Pipe(0, 1)
pipe = first
try:
    talk(first)
    if "sessions" in wish:
        pipe = Pipe(3, 3, first.tls.session)
        talk(pipe)
except ssl.SSLError as error:
    pipe.flush()  # the alert
    report("error", message=str(error))
