/** Addresses of the subnets within the first 256 addresses of a network. */
export interface Subnets {
  /** For the Container Apps environment, which wants 32 or more and takes several for every ten replicas. */
  readonly apps: string;
  /** For private endpoints. */
  readonly endpoints: string;
}

const NEEDED_PREFIX = 24;

/**
 * @param space IPv4 in CIDR notation, /24 or larger, as 10.40.0.0/24
 * @throws Error that names the value when it is none, or too small
 */
export function subnetsOf(space: string): Subnets {
  const [, base = '', prefix = ''] = /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\/(\d{1,2})$/.exec(space) ?? [];
  const bytes = base.split('.').map(Number);
  if (base === '' || bytes.some((byte) => byte > 255) || Number(prefix) > NEEDED_PREFIX || bytes[3] !== 0)
    throw new Error(`the address space ${space} has no room for two subnets: give a /24 or larger, as 10.40.0.0/24`);
  const network = bytes.slice(0, 3).join('.');
  return { apps: `${network}.0/25`, endpoints: `${network}.128/27` };
}
