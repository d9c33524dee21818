"""A second implementation of the mux protocol, from docs/protocol.md §2 alone; Python 3.9 and its standard library.

    muxPeer.py connect PORT SCENARIO [options]     muxPeer.py listen SCENARIO [options]
    muxPeer.py violations PORT [options]           muxPeer.py vectors FILE

`listen` says {"port": n} first. Exit code 0 and a line {"ok": scenario} when the other end did what it should. `violations` makes a
connection for each rule that it breaks.
"""
import argparse
import json
import secrets
import socket
import sys

sys.dont_write_bytecode = True


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["connect", "listen", "violations", "vectors"])
    parser.add_argument("what", nargs="+", help="port and scenario, scenario, or file")
    parser.add_argument("--role", choices=["odd", "even"], help="a nonce that wins, or loses")
    parser.add_argument("--pieces", type=int, nargs=2, default=[1, 65_536], metavar=("LEAST", "MOST"))
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--bytes", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--secret", type=bytes.fromhex, help="48 bytes that both have: the session can be resumed")
    parser.add_argument("--window", type=int, default=1_000_000, help="bytes kept for that")
    parser.add_argument("--cuts", type=int, default=10, help="links that die")
    parser.add_argument("--settings", type=json.loads, default={}, help="by the names of wire.Settings")
    parser.add_argument("--wrong", action="append", default=[], metavar="NAME=VALUE", help="a constant of the wire that a hand port got wrong")
    return parser.parse_args()


def main(options):
    from muxpy import wire
    for name, value in (wrong.split("=") for wrong in options.wrong):
        assert hasattr(wire, name), name
        setattr(wire, name, int(value, 0))
    if options.how == "vectors":
        from muxpy.vectors import run
        return run(options.what[0])
    return violate(options) if options.how == "violations" else meet(options)


def meet(options):
    from muxpy.scenarios import SCENARIOS
    name = options.what[-1]
    server = socket.create_server(("127.0.0.1", 0)) if options.how == "listen" else None
    if server is not None:
        report(port=server.getsockname()[1])
    peer = peer_on(connected(options) if server is None else server.accept()[0], options, server)
    SCENARIOS[name](peer, options)
    peer.finish()
    report(ok=name, cuts=getattr(peer, "cuts", 0))
    return 0


def violate(options):
    from muxpy.scenarios import violation
    from muxpy.violations import VIOLATIONS
    wrong = {}
    for rule in VIOLATIONS:
        with connected(options) as sock:
            try:
                violation(peer_on(sock, options), rule)
            except AssertionError as error:
                wrong[rule] = str(error)
    report(rules=len(VIOLATIONS), wrong=wrong)
    return 0


def peer_on(sock, options, server=None):
    from muxpy.driver import Peer, Pieces
    from muxpy.relink import ResumingPeer
    from muxpy.session import Session
    nonce = secrets.token_bytes(8)
    if options.role:
        nonce = (b"\xff" * 4 if options.role == "odd" else b"\0" * 4) + nonce[4:]
    settings = {"max_datagram": 1_200, **options.settings}
    pieces = Pieces(*options.pieces, options.seed)
    if options.secret is None:
        return Peer(Session(nonce, settings=settings), sock, pieces)
    session = Session(nonce, settings={**settings, "resume": [options.window, 30_000]})
    connect = None if server else lambda: connected(options)
    return ResumingPeer(session, sock, pieces, options.secret, connect, server)


def connected(options):
    return socket.create_connection(("127.0.0.1", int(options.what[0])))


def report(**facts):
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    chosen = arguments()
    try:
        sys.exit(main(chosen))
    except AssertionError as error:
        print(f"seed {chosen.seed}: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
