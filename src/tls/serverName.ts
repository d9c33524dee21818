/** What may stand in server_name (RFC 6066 §3): a DNS host name, never an address. */

/** Letters, digits, hyphens and underscores in labels of 1 to 63; the last label is no number, so it is no IPv4. */
export function isDnsName(name: string | undefined): name is string {
  if (name === undefined || name.length === 0 || name.length > 253) return false;
  const labels = name.split('.');
  return (
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^\d+$/.test(labels[labels.length - 1]!)
  );
}
