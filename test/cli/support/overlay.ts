/** A domain with its relay, alice and bob, each a process or a home folder: what the command line's tests stand on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Server, Workspace } from './q2q.ts';

export class Overlay {
  readonly workspace: Workspace = new Workspace();
  readonly domain = 'example.org';
  relay!: Server;
  relayUrl = '';

  path(...names: string[]): string {
    return join(this.workspace.path, ...names);
  }

  /** The environment of a person. */
  as(name: string): { env: { Q2Q_HOME: string } } {
    return { env: { Q2Q_HOME: this.path(name) } };
  }

  static async start(relayArgs: readonly string[] = []): Promise<Overlay> {
    const overlay = new Overlay();
    try {
      await overlay.startRelay(relayArgs);
      for (const name of ['alice', 'bob']) await overlay.enroll(name);
      return overlay;
    } catch (error) {
      await overlay.workspace.dispose();
      throw error;
    }
  }

  async startRelay(args: readonly string[] = []): Promise<void> {
    const base = [
      'relay',
      '--domain',
      this.domain,
      '--data',
      this.path('relay'),
      '--listen',
      '127.0.0.1:0',
      '--outlive',
      '1s', // what is killed is not waited for
      '--json',
    ];
    this.relay = this.workspace.serve([...base, ...args], { timeout: 120_000 });
    const [line] = await this.relay.until(/^.*"event":"ready".*$/m);
    this.relayUrl = (JSON.parse(line) as { urls: string[] }).urls[0]!;
  }

  async enroll(name: string): Promise<void> {
    const invite = await this.workspace.run([
      'domain',
      'invite',
      `${name}@${this.domain}`,
      '--data',
      this.path('relay'),
    ]);
    if (invite.code !== 0) throw new Error(`invite failed: ${invite.stderr}`);
    const enrolled = await this.workspace.run(['enroll'], { ...this.as(name), stdin: invite.stdout });
    if (enrolled.code !== 0) throw new Error(`enrolment failed: ${enrolled.stderr}`);
  }

  /** Bob listens; resolves when callers can reach him. */
  async listen(protocol: string, args: readonly string[], name = 'bob', stdin?: string): Promise<Server> {
    const server = this.workspace.serve(['listen', protocol, ...args], {
      ...this.as(name),
      timeout: 120_000,
      ...(stdin !== undefined && { stdin }),
    });
    await server.until(/listening as|"event":"ready"/);
    return server;
  }

  /** Alice forwards a free local port; resolves to it. */
  async forward(address: string, args: readonly string[] = []): Promise<{ port: number; server: Server }> {
    const server = this.workspace.serve(['forward', '127.0.0.1:0', address, '--json', ...args], {
      ...this.as('alice'),
      timeout: 120_000,
    });
    const [, port] = await server.until(/"port":(\d+)/);
    return { port: Number(port), server };
  }

  write(name: string, content: string | Uint8Array, mode = 0o600): string {
    const path = this.path(name);
    writeFileSync(path, content, { mode });
    return path;
  }

  dispose(): Promise<void> {
    return this.workspace.dispose();
  }
}
