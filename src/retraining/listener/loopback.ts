import { BlockList, isIPv4, isIPv6 } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine reaches `host`: an address of the loopback interface, or `localhost`. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return LOOPBACK.check(host, 'ipv4');
  if (isIPv6(host)) return LOOPBACK.check(host, 'ipv6');
  return /^localhost\.?$/i.test(host);
}

/** Whether the header `Host` names this machine, or the host that was configured, and not a name that somebody made lead here. */
export function isOwnHost(header: string | undefined, configured: string): boolean {
  // Clients of HTTP/1.0 send none; no browser does so.
  if (header === undefined) return true;
  const host = header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isLoopback(host) || host.toLowerCase() === configured.toLowerCase();
}
