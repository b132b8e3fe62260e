import { RetrainError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** A number that a user may set. */
export interface Setting {
  /** Name of the command line's flag, without its dashes. */
  readonly flag: string;
  readonly unit: 'connections' | 'milliseconds';
  /** What Azure Service Bus does, where it says so. */
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** 0 stands for never. */
  readonly mayBeOff: boolean;
  readonly says: string;
}

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

const time = (setting: Pick<Setting, 'flag' | 'default' | 'mayBeOff' | 'says'>): Setting => ({
  unit: 'milliseconds',
  min: SECOND,
  max: DAY,
  ...setting,
});

/** Everything of the server that a user may set: one declaration each, from which options, flags and their checks follow. */
export const SETTINGS = {
  maxConnections: {
    flag: 'max-connections',
    unit: 'connections',
    default: 5_000,
    min: 1,
    max: 100_000,
    mayBeOff: false,
    says: 'connections at a time; the next one is told so and closed',
  },
  authenticationMs: time({
    flag: 'token-wait',
    default: 20 * SECOND,
    mayBeOff: false,
    says: 'time that a new connection has to say its first bytes, and then to open AMQP and put a valid token',
  }),
  idleTimeoutMs: time({
    flag: 'idle-timeout',
    default: 4 * MINUTE,
    mayBeOff: false,
    says: 'idle time-out that clients are asked for; one that is silent for twice as long is cut off',
  }),
  linkIdleMs: time({
    flag: 'link-idle',
    default: 10 * MINUTE,
    mayBeOff: true,
    says: 'a link that is not used for so long is detached; 0s: never',
  }),
  connectionIdleMs: time({
    flag: 'connection-idle',
    default: 5 * MINUTE,
    mayBeOff: true,
    says: 'a connection whose last link went so long ago is closed; 0s: never',
  }),
  firstLinkMs: time({
    flag: 'first-link',
    default: MINUTE,
    mayBeOff: true,
    says: 'a connection on which no link was made for so long is closed; 0s: never',
  }),
  stalledPeerMs: time({
    flag: 'stalled-peer',
    default: MINUTE,
    mayBeOff: false,
    says: 'a client that takes nothing of what waits for it for so long is cut off',
  }),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [S in SettingName]: number };

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/**
 * What is given, and the defaults of the others.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function settingsOf(given: Partial<Settings> = {}): Settings {
  const all = SETTING_NAMES.map((name) => [name, checked(name, given[name])] as const);
  return Object.fromEntries(all) as Settings;
}

/**
 * `given`, with no more connections than the process may open files: without a file for the log the broker would have to stop.
 * Who has asked for more than fit is told so.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function fittingSettings(given: Partial<Settings>, openFiles: number | undefined): Partial<Settings> {
  const fit = (openFiles ?? Infinity) - LIMITS.refusedConnections - LIMITS.filesBesideConnections;
  const wanted = settingsOf(given).maxConnections;
  if (wanted <= fit) return given;
  if (given.maxConnections === undefined && fit >= 1) return { ...given, maxConnections: fit };
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${wanted} connections do not fit the ${openFiles} files that this process may open: raise that with 'ulimit -n ${wanted + LIMITS.refusedConnections + LIMITS.filesBesideConnections}', or lower --max-connections`,
  );
}

function checked(name: SettingName, value: number | undefined): number {
  const { default: normal, min, max, unit, mayBeOff, flag }: Setting = SETTINGS[name];
  if (value === undefined) return normal;
  if (Number.isInteger(value) && ((value >= min && value <= max) || (value === 0 && mayBeOff))) return value;
  // A flag takes a span with its unit.
  const asFlag = (bound: number): string => (unit === 'milliseconds' ? `${bound / SECOND}s` : String(bound));
  const range = (text: (bound: number) => string): string => `${text(min)} to ${text(max)}`;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${name} (--${flag}) is ${value} ${unit}: give a whole number from ${range(String)}${mayBeOff ? ', or 0 for never' : ''}; for the flag ${range(asFlag)}${mayBeOff ? `, or ${asFlag(0)}` : ''}`,
  );
}
