# An echo over Twisted's TLS, as its first argument (JSON, echoProgram.ts) asks for it. The second says what carries the records:
# "stdio", or "websocket" for the messages of a WebSocket server that it then is. Reports go to standard error.
import json
import sys

from OpenSSL import crypto
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import interfaces, protocol, reactor, ssl, stdio
from twisted.internet.error import ConnectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

wish = json.loads(sys.argv[1])
server = wish["role"] == "server"
SUBPROTOCOL = "q2q.v1"


def report(event, **facts):
    print(json.dumps({"event": event, **facts}), file=sys.stderr, flush=True)


def read(path):
    with open(path) as file:
        return file.read()


def own_certificate():
    return ssl.PrivateCertificate.loadPEM(read(wish["cert"]) + read(wish["key"])) if "cert" in wish else None


def server_options():
    own, root = own_certificate(), ssl.Certificate.loadPEM(read(wish["ca"]))
    asked = wish.get("clientCertificate", "none")
    options = ssl.CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        verify=asked != "none",
        requireCertificate=asked == "require",
        caCerts=[root.original] if asked != "none" else None,
        acceptableProtocols=protocols(),
        raiseMinimumTo=ssl.TLSVersion.TLSv1_3,
        enableSessions="sessions" in wish,
        enableSessionTickets="sessions" in wish,
    )
    for name in wish.get("groups", [])[:1]:
        curve = {"secp256r1": "prime256v1"}.get(name, name)
        options.getContext().set_tmp_ecdh(crypto.get_elliptic_curve(curve))
    return options


def client_options():
    return ssl.optionsForClientTLS(
        wish["name"],
        trustRoot=ssl.Certificate.loadPEM(read(wish["ca"])),
        clientCertificate=own_certificate(),
        acceptableProtocols=protocols(),
        extraCertificateOptions={"raiseMinimumTo": ssl.TLSVersion.TLSv1_3},
    )


def protocols():
    return [name.encode() for name in wish["alpn"]] if "alpn" in wish else None


@implementer(interfaces.IHandshakeListener)
class Echo(protocol.Protocol):
    def handshakeCompleted(self):
        tls = self.transport.getHandle()
        facts = {"suite": tls.get_cipher_name(), "alpn": (self.transport.negotiatedProtocol or b"").decode()}
        if "exporter" in wish:
            facts["exported"] = tls.export_keying_material(wish["exporter"].encode(), 32, b"").hex()
        report("handshake", **facts)

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        report("error" if not reason.check(ConnectionDone) else "ended", message=str(reason.value))
        if sys.argv[2] == "stdio" and reactor.running:
            reactor.callLater(0, reactor.stop)


class Bridge(WebSocketServerProtocol):
    """Every binary message is a piece of the byte stream below TLS."""

    def onConnect(self, request):
        return SUBPROTOCOL

    def onOpen(self):
        self.tls = secured.buildProtocol(None)
        self.tls.makeConnection(Messages(self))

    def onMessage(self, payload, isBinary):
        self.tls.dataReceived(payload)

    def onClose(self, wasClean, code, reason):
        if hasattr(self, "tls"):
            self.tls.connectionLost(Failure(ConnectionDone()))


@implementer(interfaces.ITransport, interfaces.IConsumer)
class Messages:
    """What TLSMemoryBIOProtocol needs of a transport, over WebSocket messages."""

    disconnecting = False

    def __init__(self, socket):
        self.socket = socket

    def write(self, data):
        self.socket.sendMessage(data, isBinary=True)

    def writeSequence(self, parts):
        self.write(b"".join(parts))

    def loseConnection(self):
        self.disconnecting = True
        self.socket.sendClose(1000)

    def abortConnection(self):
        self.socket.dropConnection(abort=True)

    def getPeer(self):
        return self.socket.transport.getPeer()

    def getHost(self):
        return self.socket.transport.getHost()

    def registerProducer(self, producer, streaming):
        self.socket.transport.registerProducer(producer, streaming)

    def unregisterProducer(self):
        self.socket.transport.unregisterProducer()


options = server_options() if server else client_options()
secured = TLSMemoryBIOFactory(options, not server, protocol.Factory.forProtocol(Echo))
if sys.argv[2] == "stdio":
    stdio.StandardIO(secured.buildProtocol(None))
else:
    sockets = WebSocketServerFactory(protocols=[SUBPROTOCOL])
    sockets.protocol = Bridge
    report("listening", port=reactor.listenTCP(0, sockets, interface="127.0.0.1").getHost().port)
reactor.run()
