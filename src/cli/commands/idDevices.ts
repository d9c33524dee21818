/** `q2q id devices`: the devices of a person: list them, let one in by code, put one out. */
import type { Command } from 'commander';
import {
  formatDeviceGrant,
  groupPeerId,
  parseDeviceRequest,
  parsePeerId,
  peerId,
} from '../../identity/index.ts';
import type { DeviceInfo } from '../../peer/types.ts';
import type { Context, Run } from '../context.ts';
import { type Endpoint, openEndpoint } from '../endpoint.ts';
import { deviceLabel } from '../enrolment.ts';
import { CliError, usage } from '../errors.ts';
import { readText } from '../files.ts';
import { addExamples } from '../help.ts';
import { isSignedBy, nameOf, signOurselves, userAuthority } from '../ownDevices.ts';

interface DeviceOptions {
  readonly as?: string;
  readonly relay?: string;
  readonly json?: boolean;
}

interface AddOptions extends DeviceOptions {
  readonly label?: string;
}

export function addIdDevices(id: Command, run: Run): void {
  const devices = id
    .command('devices')
    .description('the devices of a person: list them, let one in, put one out');
  for (const add of [addList, addAdd, addRevoke]) add(devices, run);
  addExamples(devices, [
    'q2q id devices',
    'q2q id devices add phone.code > phone.grant',
    'q2q id devices revoke laptop',
  ]);
}

function addCommonOptions(command: Command): Command {
  return command
    .option('--as <identity>', 'whose devices; default: who speaks')
    .option('--relay <url>', 'the relay to use; default: the domain’s');
}

/** What `q2q id devices` alone does. */
function addList(devices: Command, run: Run): void {
  const list = devices
    .command('list', { isDefault: true })
    .description('show our devices as the domain has them');
  addCommonOptions(list)
    .option('--json', 'one JSON object a device')
    .action((options: DeviceOptions, command: Command) =>
      run(command, (context) =>
        atHome(options, context, (endpoint) => listDevices(endpoint, options, context)),
      ),
    );
}

function addAdd(devices: Command, run: Run): void {
  const add = devices
    .command('add')
    .description('sign a new device: its code from q2q enroll --code goes in, a grant for it comes out')
    .argument('[file]', 'where the code is; default: stdin');
  addCommonOptions(add)
    .option('--label <label>', 'how the device is called; default: as it calls itself')
    .action((file: string | undefined, options: AddOptions, command: Command) =>
      run(command, (context) => addDevice(file ?? '-', options, context)),
    );
}

function addRevoke(devices: Command, run: Run): void {
  const revoke = devices
    .command('revoke')
    .description('put a device out, for everybody and at once: its channels are cut')
    .argument('<device>', 'its label or key id');
  addCommonOptions(revoke).action((which: string, options: DeviceOptions, command: Command) =>
    run(command, (context) => atHome(options, context, (endpoint) => revokeDevice(which, endpoint, context))),
  );
}

/** Runs `work` with our peer, which goes home for it. */
async function atHome(
  options: DeviceOptions,
  context: Context,
  work: (endpoint: Endpoint) => Promise<void>,
): Promise<undefined> {
  const endpoint = await openEndpoint(options, context);
  try {
    nameOf(endpoint.identity);
    await work(endpoint);
  } finally {
    await endpoint.peer.close();
  }
  return undefined;
}

async function listDevices(
  { peer, identity }: Endpoint,
  { json }: DeviceOptions,
  { out, signal }: Context,
): Promise<void> {
  for (const device of await peer.devices({ signal })) {
    const isThis = device.keyId === identity.keyId;
    if (json === true) out.json(record(device, isThis));
    else for (const line of lines(device, isThis)) out.print(line);
  }
}

const ORIGINS: Readonly<Record<DeviceInfo['by'], string>> = {
  invite: 'by an invite',
  password: 'by password',
  user_ca: 'signed by a device of ours',
  renewal: 'known by a renewal',
  authority: 'signs devices',
};

function lines(device: DeviceInfo, isThis: boolean): readonly string[] {
  const { keyId, by, since, lastSeen, revoked } = device;
  const seen = lastSeen === 0 ? '' : `, last seen ${day(lastSeen)}`;
  return [
    `${nameFor(device)}${isThis ? '  (this device)' : ''}${revoked ? '  REVOKED' : ''}`,
    `  key id     ${groupPeerId(keyId)}`,
    `  came       ${day(since)}, ${ORIGINS[by]}${seen}`,
  ];
}

function nameFor({ label, by }: DeviceInfo): string {
  if (by === 'authority') return 'a user CA';
  return label === '' ? 'a device without a name' : label;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function record(device: DeviceInfo, isThis: boolean): object {
  const { keyId, label, by, since, lastSeen, revoked } = device;
  return {
    ...{ keyId, label, by, since: new Date(since).toISOString() },
    lastSeen: lastSeen === 0 ? null : new Date(lastSeen).toISOString(),
    ...{ revoked, current: isThis },
  };
}

async function addDevice(file: string, options: AddOptions, context: Context): Promise<undefined> {
  const { out, provider, signal, stdin } = context;
  const request = parseDeviceRequest(provider, await readText(file, stdin, 'device code')); // before anybody is asked
  const device = options.label === undefined ? request.device : deviceLabel(options.label);
  return atHome(options, context, async (endpoint) => {
    const { peer, identity, relay, store } = endpoint;
    const keyId = peerId(request.spki); // one that is known already is signed again
    const others = (await peer.devices({ signal })).filter((each) => !each.revoked && each.keyId !== keyId);
    if (others.some(({ label }) => label === device))
      throw usage(`there is a device called ${device} already`, 'give this one another name: --label');
    const authority = await userAuthority(endpoint, context);
    if (!isSignedBy(identity, authority)) await signOurselves(authority, endpoint, context);
    const chain = authority.issueDevice({ spki: request.spki, device, now: Date.now() });
    await peer.adopt(chain, { signal });
    const { roots } = peer.trust.anchorsFor(authority.domain) ?? (await store.anchors(authority.domain))!;
    out.print(formatDeviceGrant({ chain, roots, relay }));
    out.say(`${device} is a device of ${authority.name}; bring it that grant: --grant-file FILE`);
  });
}

async function revokeDevice(which: string, endpoint: Endpoint, { out, signal }: Context): Promise<void> {
  const { peer, identity } = endpoint;
  const device = found(which, await peer.devices({ signal }));
  if (device.keyId === identity.keyId)
    throw usage('that is this device', 'revoke it from another one, or have the domain do it');
  await peer.revokeDevice(device.keyId, { signal });
  out.say(`${nameFor(device)} is revoked: its key ${groupPeerId(device.keyId)} proves nothing any more`);
}

/** By label, of those that are not revoked; or by key id. */
function found(which: string, devices: readonly DeviceInfo[]): DeviceInfo {
  const labelled = devices.filter(({ label, revoked }) => label === which && !revoked);
  if (labelled.length === 1) return labelled[0]!;
  if (labelled.length > 1)
    throw usage(
      `${labelled.length} devices are called ${which}`,
      `name one by its key: ${labelled.map(({ keyId }) => groupPeerId(keyId)).join(' or ')}`,
    );
  const text = which.replace(/^key:/i, '');
  const keyId = /^[a-z2-7\s-]{56,}$/i.test(text) ? parsePeerId(text) : undefined;
  const device = devices.find((each) => each.keyId === keyId);
  if (device !== undefined) return device;
  throw new CliError('ERR_CLI_CONFIG', `no device of ours is called ${which}`, {
    hint: 'q2q id devices lists them',
  });
}
