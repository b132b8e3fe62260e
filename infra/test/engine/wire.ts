/** Values as they are on the wire between program and engine: JSON, in which objects with a signature are something else. */
export type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };
export type WireObject = { [key: string]: Wire };

const SIGNATURE_KEY = '4dabf18193072939515e22adb298388d';
const SECRET_SIGNATURE = '1b47061264138c4ac30d75fd1eb44270';
const RESOURCE_SIGNATURE = '5cf8f73096256a8f31e491e813e4eb8e';
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

export function isSecret(value: Wire | undefined): boolean {
  return signatureOf(value) === SECRET_SIGNATURE;
}

export function secret(value: Wire): WireObject {
  return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value };
}

export function isUnknown(value: Wire | undefined): boolean {
  return value === UNKNOWN;
}

/** Whether something in a value is a secret, on any level. */
export function holdsSecret(value: Wire): boolean {
  return isSecret(value) || children(value).some(holdsSecret);
}

/** Whether something in a value is not known yet, on any level. */
export function holdsUnknown(value: Wire): boolean {
  return isUnknown(value) || children(value).some(holdsUnknown);
}

/** The value without its signatures: what a provider sends to Azure. */
export function revealed(value: Wire): Wire {
  if (Array.isArray(value)) return value.map(revealed);
  if (value === null || typeof value !== 'object') return value;
  if (isSecret(value)) return revealed(value['value'] ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealed(item)]));
}

export function revealedObject(value: WireObject): WireObject {
  return revealed(value) as WireObject;
}

/** The value as a plan shows it: keys in order, `[secret]` and `[unknown]` for what is not shown, the URN for a resource. */
export function shown(value: Wire): Wire {
  if (isUnknown(value)) return '[unknown]';
  if (Array.isArray(value)) return value.map(shown);
  if (value === null || typeof value !== 'object') return value;
  if (isSecret(value)) return '[secret]';
  if (signatureOf(value) === RESOURCE_SIGNATURE) return value['urn'] ?? null;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, shown(value[key] ?? null)]));
}

/** Every text in a value, secrets included. */
export function textsOf(value: Wire): string[] {
  if (typeof value === 'string') return [value];
  return children(value).flatMap(textsOf);
}

function signatureOf(value: Wire | undefined): Wire | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value[SIGNATURE_KEY] : undefined;
}

function children(value: Wire): Wire[] {
  return value !== null && typeof value === 'object' ? Object.values(value) : [];
}
