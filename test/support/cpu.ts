/** Milliseconds of the processor that this process has used. A limit in them holds on a busy machine; one in time measures the neighbours. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
