/** The secrets that both roles make at the same two points (RFC 9846 §7.1): owned by the connection, told to its key log. */
import type { ApplicationSchedule, HandshakeSchedule, TrafficSecret } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Output } from './state.ts';
import type { TrafficSecrets } from './traffic.ts';

export interface HandshakeSecrets {
  readonly clientSecret: TrafficSecret;
  readonly serverSecret: TrafficSecret;
}

/** Behind the ServerHello. */
export function handshakeSecrets(
  schedule: HandshakeSchedule,
  transcript: Transcript,
  clientRandom: Uint8Array,
  out: Output,
): HandshakeSecrets {
  const hash = transcript.current();
  const clientSecret = schedule.clientTraffic(hash);
  const serverSecret = schedule.serverTraffic(hash);
  out.own(schedule, clientSecret, serverSecret);
  out.keyLog('CLIENT_HANDSHAKE_TRAFFIC_SECRET', clientRandom, clientSecret.dangerousExpose());
  out.keyLog('SERVER_HANDSHAKE_TRAFFIC_SECRET', clientRandom, serverSecret.dangerousExpose());
  return { clientSecret, serverSecret };
}

export interface ApplicationSecrets {
  readonly application: ApplicationSchedule;
  readonly secrets: TrafficSecrets;
}

/** Behind the server's Finished. */
export function applicationSecrets(
  role: 'client' | 'server',
  schedule: HandshakeSchedule,
  transcript: Transcript,
  clientRandom: Uint8Array,
  out: Output,
): ApplicationSecrets {
  const application = schedule.application();
  const hash = transcript.current();
  const client = application.clientTraffic(hash);
  const server = application.serverTraffic(hash);
  const exporter = application.exporter(hash);
  out.own(application, client, server, exporter);
  out.keyLog('CLIENT_TRAFFIC_SECRET_0', clientRandom, client.dangerousExpose());
  out.keyLog('SERVER_TRAFFIC_SECRET_0', clientRandom, server.dangerousExpose());
  out.keyLog('EXPORTER_SECRET', clientRandom, exporter.dangerousExpose());
  const [read, write] = role === 'client' ? [server, client] : [client, server];
  return { application, secrets: { read, write, exporter } };
}
