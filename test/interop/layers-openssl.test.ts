/**
 * TLS as a layer, with programs nobody here wrote at the other end: STARTTLS in both roles, TLS inside TLS with OpenSSL
 * at each layer, and a carrier that goes on in the clear (Python's `unwrap`, which is SSL_shutdown both ways).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { secure } from '../../src/peer/secure.ts';
import { secureClient, secureServer } from '../../src/peer/secureEndpoints.node.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Plaintext, startTls } from '../../src/peer/startTls.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import type { Link } from '../../src/transport/index.ts';
import { connectTcp, listenTcp } from '../../src/transport/node.node.ts';
import { have } from '../support/counterpart.ts';
import { Folder, haveOpenssl, Openssl, startServer } from '../support/openssl.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { pause, Recorder } from '../transport/recorder.ts';

const found = haveOpenssl();
const folder = new Folder();
const pki = new Pki('p256', provider, Date.now());
const ca = folder.certificate('ca', pki.authority.root);
const [server, user] = [pki.server('p256'), pki.user('alice', 'p256')];
const serverFiles = folder.credential('server', server);
const userFiles = folder.credential('user', user);
const clientContext = new ClientContext({ verifier: pki.serverVerifier(), credentials: [user] }, provider);
const serverContext = new ServerContext({ verifier: pki.clientVerifier(), credentials: [server] }, provider);
const required = ['-CAfile', ca, '-Verify', '2', '-verify_return_error'];

let cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanup.reverse()) await each();
  cleanup = [];
});
afterAll(() => folder.remove());

const stopLater = (openssl: Openssl): Openssl => {
  cleanup.push(() => openssl.stop());
  return openssl;
};

function spawnLater(file: string, args: readonly string[]): ChildProcess {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  cleanup.push(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  return child;
}

/** Listens for one connection after another; the port. */
async function listening(onSocket: (socket: Socket) => void): Promise<number> {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    cleanup.push(() => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => listener.close());
  return (listener.address() as { port: number }).port;
}

/** The first link that dials, as our own listener sees it. */
async function firstLink(): Promise<{ port: number; link: Promise<Link> }> {
  let accepted!: (link: Link) => void;
  const link = new Promise<Link>((resolve) => (accepted = resolve));
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, accepted);
  cleanup.push(() => listener.close());
  return { port: listener.port, link };
}

const line = (text: string): Uint8Array => utf8(`${text}\r\n`);

describe.skipIf(!found)('STARTTLS', () => {
  it('s_client -starttls smtp goes over to TLS with our server', async () => {
    const { port, link } = await firstLink();
    const where = ['-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', '-name', 'client.test'];
    const checks = ['-CAfile', ca, '-verify_return_error', '-verify_hostname', DOMAIN];
    const openssl = stopLater(new Openssl(['s_client', ...where, ...checks, ...userFiles, '-nocommands']));
    const text = new Plaintext(await link);
    text.send(line(`220 mail.${DOMAIN} ESMTP`));
    expect(await text.readLine()).toBe('EHLO client.test');
    text.send(line(`250-mail.${DOMAIN}`));
    text.send(line('250 STARTTLS'));
    expect(await text.readLine()).toBe('STARTTLS');
    const us = await startTls(text, {
      role: 'server',
      context: serverContext,
      announce: line('220 go ahead'),
    });
    expect(us.negotiated.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
    const recorder = Recorder.start(us);
    openssl.say('NOOP\r\n');
    await recorder.until('command', () => recorder.text.includes('NOOP'));
    text.send(line('250 from the writer of the plaintext part')); // it goes on, inside TLS
    us.send(line('250 from the owner of the link'));
    await openssl.until(/250 from the writer of the plaintext part\r?\n250 from the owner of the link/);
    expect(openssl.output).toContain('Verification: OK');
    us.close();
    await openssl.exited;
  });

  /** A mail server whose TLS is s_server's: plaintext here, then every byte passes through. */
  async function mailServer(ready: string): Promise<{ port: number; openssl: Openssl; seen: () => number }> {
    const { openssl, port: tlsPort } = await startServer(['-rev', ...serverFiles, ...required]);
    stopLater(openssl);
    let seen = 0;
    const port = await listening((socket) => {
      socket.write('220 mail ESMTP\r\n');
      let heard = '';
      socket.on('data', function plaintext(chunk: Buffer) {
        heard += chunk.toString('latin1');
        if (/EHLO .*\r\n$/.test(heard)) socket.write('250-mail\r\n250 STARTTLS\r\n');
        if (!heard.endsWith('STARTTLS\r\n')) return;
        socket.off('data', plaintext);
        socket.on('data', (bytes: Buffer) => (seen += bytes.length));
        const tls = connect({ port: tlsPort, host: '127.0.0.1', allowHalfOpen: true });
        tls.on('error', () => {});
        socket.pipe(tls).pipe(socket);
        socket.write(ready);
      });
    });
    return { port, openssl, seen: () => seen };
  }

  async function askForTls(port: number): Promise<Plaintext> {
    const link = await connectTcp({ host: '127.0.0.1', port });
    cleanup.push(() => link.reset());
    const text = new Plaintext(link);
    expect(await text.readLine()).toBe('220 mail ESMTP');
    text.send(line('EHLO client.test'));
    while (!(await text.readLine()).startsWith('250 '));
    text.send(line('STARTTLS'));
    expect(await text.readLine()).toBe('220 ready');
    return text;
  }

  const asClient = { role: 'client', context: clientContext, serverName: DOMAIN } as const;

  it('our client goes over to TLS with s_server', async () => {
    const { port, openssl } = await mailServer('220 ready\r\n');
    const text = await askForTls(port);
    const going = startTls(text, asClient);
    text.send(utf8('queued before the handshake was done\n'));
    const us = Recorder.start(await going);
    await us.until('echo', () => us.text.includes('enod saw ekahsdnah eht erofeb deueuq'));
    await openssl.until(/verify return:1/);
  });

  it('what somebody put behind the signal is refused before TLS begins', async () => {
    const { port, seen } = await mailServer('220 ready\r\n250 8BITMIME injected\r\n');
    const text = await askForTls(port);
    await pause(30);
    await expect(startTls(text, asClient)).rejects.toMatchObject({ code: 'ERR_SECURE_INJECTION' });
    await pause(30);
    expect(seen()).toBe(0); // no ClientHello left
  });
});

describe.skipIf(!found)('TLS inside TLS', () => {
  const inner = new Pki('p256', provider, Date.now(), 'inner.test');
  const innerCa = folder.certificate('inner-ca', inner.authority.root);
  const [innerServer, innerUser] = [inner.server('p256'), inner.user('ivy', 'p256')];
  const innerRequired = ['-CAfile', innerCa, '-Verify', '2', '-verify_return_error'];

  it('our two layers meet an s_server each, with an identity of its own in each', async () => {
    const files = folder.credential('inner-server', innerServer);
    const { openssl, port: innerPort } = await startServer(['-rev', ...files, ...innerRequired]);
    stopLater(openssl);
    const outerPort = await freePort();
    const args = ['s_server', '-accept', `127.0.0.1:${outerPort}`, '-tls1_3', '-quiet', '-naccept', '1'];
    const outer = spawnLater('openssl', [...args, ...serverFiles, ...required]);
    outer.stdout!.once('readable', () => {
      const glue = connect({ port: innerPort, host: '127.0.0.1' });
      glue.on('error', () => {});
      outer.stdout!.pipe(glue).pipe(outer.stdin!);
    });
    await reachable(outerPort, outer);
    const dial = secureClient(
      secureClient(`tcp://127.0.0.1:${outerPort}`, { context: clientContext, serverName: DOMAIN }),
      {
        context: new ClientContext({ verifier: inner.serverVerifier(), credentials: [innerUser] }, provider),
        serverName: 'inner.test',
      },
    );
    const link = await dial();
    const us = Recorder.start(link);
    us.link.send(utf8('through both layers\n'));
    await us.until('echo', () => us.text.includes('sreyal htob hguorht'));
    expect(link.negotiated.peer?.leaf?.names.dns).toEqual(['inner.test']);
    expect(link.info.via?.kind).toBe('tls');
    await openssl.until(/verify return:1/);
    us.link.close();
  });

  it('an s_client each meets our two layers', async () => {
    const files = folder.credential('inner-user', innerUser);
    const innerContext = new ServerContext(
      { verifier: inner.clientVerifier(), credentials: [innerServer] },
      provider,
    );
    let accepted!: (link: SecureLink) => void;
    const served = new Promise<SecureLink>((resolve) => (accepted = resolve));
    const listen = secureServer(secureServer('tcp://127.0.0.1:0', { context: serverContext }), {
      context: innerContext,
    });
    const listener = await listen(accepted);
    cleanup.push(() => listener.close());
    const ours = `127.0.0.1:${listener.port}`;
    const glue = await listening((socket) => {
      const checks = ['-CAfile', ca, '-verify_return_error', '-verify_hostname', DOMAIN];
      const outer = spawnLater('openssl', ['s_client', '-connect', ours, '-quiet', ...checks, ...userFiles]);
      socket.pipe(outer.stdin!);
      outer.stdout!.pipe(socket);
    });
    const checks = ['-CAfile', innerCa, '-verify_return_error', '-verify_hostname', 'inner.test'];
    const args = ['s_client', '-connect', `127.0.0.1:${glue}`, ...checks, ...files, '-nocommands'];
    const openssl = stopLater(new Openssl(args));
    const link = await served;
    const us = Recorder.start(link);
    openssl.say('a line from the inside\n');
    await us.until('line', () => us.text.includes('a line from the inside'));
    us.link.send(utf8('and one back\n'));
    await openssl.until(/and one back/);
    expect(openssl.output).toContain('Verification: OK');
    expect(link.negotiated.peer?.leaf?.names.email).toEqual(['ivy@inner.test']);
    us.link.reset();
  });

  async function freePort(): Promise<number> {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as { port: number };
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }

  /** A quiet s_server does not say when it listens: /proc does, without using up its one connection. */
  async function reachable(port: number, child: ChildProcess): Promise<void> {
    const { readFile } = await import('node:fs/promises');
    const listens = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`);
    while (!listens.test(await readFile('/proc/net/tcp', 'utf8'))) {
      if (child.exitCode !== null) throw new Error(`s_server ended with ${child.exitCode}`);
      await pause(10);
    }
  }
});

const python = have('python3');

describe.skipIf(!python)('a carrier that goes on in the clear, with Python’s ssl', () => {
  /** Dials us, then does what `script` says with `tls`, the protected socket. */
  function pythonClient(port: number, script: string): { said: Promise<string> } {
    const program = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=${JSON.stringify(ca)})
context.load_cert_chain(${JSON.stringify(userFiles[1])}, ${JSON.stringify(userFiles[3])})
tls = context.wrap_socket(socket.create_connection(("127.0.0.1", ${port})), server_hostname="${DOMAIN}")
${script}
`;
    const child = spawnLater('python3', ['-c', program]);
    let out = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (out += text));
    return { said: new Promise((resolve) => child.once('close', () => resolve(out.trim()))) };
  }

  async function secured(link: Promise<Link>): Promise<SecureLink> {
    return secure(await link, serverContext, { detachable: true });
  }

  it('they end TLS first, and speak in the clear right behind our close_notify', async () => {
    const { port, link } = await firstLink();
    const { said } = pythonClient(
      port,
      `
tls.sendall(b"CCC")
assert tls.recv(3) == b"200"
clear = tls.unwrap()
clear.sendall(b"USER alice\\r\\n")
print(clear.recv(100).decode())
`,
    );
    const us = await secured(link);
    const recorder = Recorder.start(us);
    recorder.onData = () => void us.send(utf8('200'));
    recorder.onEnd = () => us.closeWrite();
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes).toEqual([undefined]);
    const text = new Plaintext(us.detach());
    expect(await text.readLine()).toBe('USER alice');
    text.send(utf8('331 in the clear'));
    expect(await said).toBe('331 in the clear');
  });

  it('we end TLS first, and what they say right behind their close_notify is not lost', async () => {
    const { port, link } = await firstLink();
    const { said } = pythonClient(
      port,
      `
assert tls.recv(100) == b"230 bye"
assert tls.recv(100) == b""
clear = tls.unwrap()
clear.sendall(b"straight away\\r\\n" * 1000)
print(clear.recv(100).decode())
`,
    );
    const us = await secured(link);
    const recorder = Recorder.start(us);
    us.send(utf8('230 bye'));
    us.closeWrite();
    await recorder.until('closed', () => recorder.isClosed);
    await pause(30);
    const text = new Plaintext(us.detach());
    for (let i = 0; i < 1000; i++) expect(await text.readLine()).toBe('straight away');
    text.send(utf8('226 got them all'));
    expect(await said).toBe('226 got them all');
  });
});
