/** A `Session` and `muxPeer.py`, as a process of its own, over loopback TCP. */
import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { deferred } from '../../../src/base/deferred.ts';
import { provider } from '../../../src/crypto/node.node.ts';
import type { MuxSession } from '../../../src/mux/index.ts';
import type { ChannelLink } from '../../../src/peer/channelLink.ts';
import { ResumeAcceptor } from '../../../src/peer/resumeAcceptor.ts';
import type { Route } from '../../../src/peer/route.ts';
import { Session } from '../../../src/peer/session.ts';
import type { ResumeOptions } from '../../../src/peer/sessionOptions.ts';
import type { Link } from '../../../src/transport/link.ts';
import { connectTcp, listenTcp } from '../../../src/transport/tcp.node.ts';
import { accountOf } from '../../support/account.ts';
import { echo } from '../../support/channels.ts';
import { Program } from '../../support/program.ts';

const program = fileURLToPath(new URL('../muxPeer.py', import.meta.url));

/** Codes and sizes of responder.py. */
export const REFUSED = 300;
export const STOPPED = 301;
export const RESET = 302;
export const RESET_AFTER = 1_000;
const LATE = 200; // milliseconds

export interface Meeting {
  readonly session: Session;
  readonly far: Program;
}

/** Python opens odd channels and dials, or even ones and listens. */
export type Side = 'odd' | 'even';

export function python(...args: string[]): Program {
  return new Program('python3', [program, ...args]);
}

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export function sessionOn(link: Link, resume?: Omit<ResumeOptions, 'hmac'>): Session {
  const hmac: ResumeOptions['hmac'] = (key, ...parts) => provider.hmac('sha256', key, ...parts);
  // More than a message may have: who sends a larger one has the credit to.
  const limits = { initialCredit: 131_072 };
  return new Session(link, {
    ...{ random, limits, takesMessages: true },
    ...(resume && { resume: { ...resume, hmac } }),
  });
}

/** 48 bytes that both ends would have of a TLS connection: the session can be resumed. */
export const SECRET: Uint8Array = Uint8Array.from({ length: 48 }, (_, i) => 5 * i);

export interface MeetOptions {
  /** Runs before anything is read. */
  readonly prepare?: (session: Session) => void;
  /** The session outlives its links. */
  readonly resumable?: boolean;
}

/** Starts the scenario, and a session with it. */
export function meet(side: Side, args: readonly string[], options: MeetOptions = {}): Promise<Meeting> {
  const { resumable = false } = options;
  const all = [
    ...args,
    '--role',
    side,
    ...(resumable ? ['--secret', Buffer.from(SECRET).toString('hex')] : []),
  ];
  return side === 'even' ? dialPython(all, options) : answerPython(all, options);
}

async function dialPython(args: string[], { prepare, resumable }: MeetOptions): Promise<Meeting> {
  const far = python('listen', ...args);
  const [, port] = await far.until(/"port": (\d+)/);
  const connect = async (): Promise<Route> => ({
    link: await connectTcp({ host: '127.0.0.1', port: Number(port) }),
  });
  const { link } = await connect();
  const session = sessionOn(link, resumable ? { connect } : undefined);
  if (resumable) session.arm(SECRET);
  prepare?.(session);
  return { session, far };
}

/** Further links are for the session of the first, or for nobody. */
async function answerPython(args: string[], { prepare, resumable }: MeetOptions): Promise<Meeting> {
  const acceptor = new ResumeAcceptor({ sessions: 1, bytes: 1e9 });
  const came = deferred<Session>();
  let isFirst = true;
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (link) => {
    const session = sessionOn(link, resumable ? { acceptor } : undefined);
    if (!isFirst) return;
    isFirst = false;
    if (resumable) session.arm(SECRET);
    prepare?.(session);
    came.resolve(session);
  });
  const far = python('connect', String(listener.port), ...args);
  const failed = far.exited.then(() => Promise.reject(new Error(far.output)));
  const session = await Promise.race([came.promise, failed]);
  void far.exited.then(() => listener.close());
  return { session, far };
}

/** What the Python end thought of it: '' when all was as it should be. */
export async function verdict(far: Program): Promise<string> {
  const code = await far.exited;
  return code === 0 ? '' : far.output;
}

/** Answers by the channel's name, as responder.py does, and sends datagrams back. */
export function answer(session: Session): void {
  onDatagram(session, (id, bytes) => session.mux.sendDatagram(id, bytes));
  session.onIncoming((incoming) => {
    if (incoming.name === 'refuse') return incoming.refuse(REFUSED);
    if (incoming.name === 'late') return void setTimeout(() => digest(incoming.accept()), LATE);
    const channel = incoming.accept(incoming.meta);
    if (incoming.name === 'blocked') return whenBlocked(session.mux, channel, incoming.meta);
    const work = { echo, messages: echo, digest, stop, reset, hold }[incoming.name];
    if (work === undefined) incoming.refuse();
    else work(channel);
  });
}

/** `Session` has no face for datagrams: its engine has. */
export function onDatagram(session: Session, heard: (id: number, bytes: Uint8Array) => void): void {
  const { mux } = session;
  const next = mux.next.bind(mux);
  mux.next = () => {
    const event = next();
    if (event?.type === 'datagram') heard(event.id, event.bytes);
    return event;
  };
}

/** Speaks after the other direction has ended. */
function digest(channel: Link): void {
  const seen = createHash('sha256');
  channel.start({
    data: (bytes) => void seen.update(bytes),
    drain() {},
    end() {
      channel.send(new TextEncoder().encode(seen.digest('hex')));
      channel.closeWrite();
    },
    closed() {},
  });
}

/** Reads no more after the first bytes; ends its own direction a little later. */
function stop(channel: Link): void {
  const data = (): void => {
    channel.stop!(STOPPED);
    setTimeout(() => channel.closeWrite(), 50);
  };
  channel.start({ data, drain() {}, end() {}, closed() {} });
}

/** Reads nothing: no credit beyond the first. */
function hold(): void {}

/** Reads only when the far end says that it can go no further, or when all of it has come. */
function whenBlocked(mux: MuxSession, channel: ChannelLink, meta: unknown): void {
  const { n } = meta as { readonly n: number };
  const { id } = channel;
  digest(channel);
  channel.pause();
  let heard = 0;
  const timer = setInterval(() => {
    const { blockedReceived } = mux.stats();
    const isAll = (accountOf(mux, id)?.received ?? n) === n;
    if (!isAll && blockedReceived === heard) return channel.pause();
    heard = blockedReceived;
    channel.resume();
    if (isAll) clearInterval(timer);
  }, 1);
}

function reset(channel: Link): void {
  channel.start({ data() {}, drain() {}, end() {}, closed() {} });
  channel.send(new Uint8Array(RESET_AFTER));
  setTimeout(() => channel.reset(RESET), 100); // the bytes are on their way by then
}
