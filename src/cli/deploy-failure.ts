import { RetrainError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { CommandResult, PulumiSdk } from './deploy-automation.ts';
import { plain } from './deploy-event.ts';
import type { EngineEvents } from './deploy-event.ts';

/** What was going on when Pulumi failed. */
export interface Attempt {
  /** `the update of stack dev` */
  readonly what: string;
  readonly stack: string;
  readonly folder: string;
  readonly sdk: PulumiSdk;
  /** What the engine said, when it came to that. */
  readonly events?: EngineEvents;
}

/**
 * Pulumi's CLI has no codes: what it says decides on remedy and exit code, and only on these. It is shown whatever it says. In the
 * order of this list.
 */
const MEANINGS: readonly {
  readonly says: RegExp;
  readonly code: ErrorCode;
  readonly remedy: (attempt: Attempt) => string;
}[] = [
  {
    says: /PULUMI_ACCESS_TOKEN|pulumi login|not logged in|invalid access token/i,
    code: 'UNAUTHORIZED',
    remedy: () =>
      'Pulumi keeps the state of stacks nowhere yet: pulumi login, or, to keep it on this machine, pulumi login --local',
  },
  {
    says: /resource plugin|language plugin|language host/i,
    code: 'TOOL_MISSING',
    remedy: () =>
      'Pulumi gets its plugins itself where it reaches get.pulumi.com; elsewhere install it as said, then try again',
  },
  {
    says: /settings? to mend|configuration (?:key|variable)|\bretrain:(?!infra\b)[a-z]\w+/i,
    code: 'CONFIGURATION_INVALID',
    remedy: ({ stack, folder }) =>
      `correct the setting: (cd ${folder} && pulumi config set KEY VALUE --stack ${stack})`,
  },
  {
    says: /passphrase/i,
    code: 'UNAUTHORIZED',
    remedy: () =>
      "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, by which the stack's secrets are kept",
  },
  {
    says: /AuthorizationFailed|does not have authorization|LinkedAuthorizationFailed|RoleAssignment.*Forbidden/i,
    code: 'UNAUTHORIZED',
    remedy: () =>
      'this account needs the right on the subscription, as by the role Contributor, and User Access Administrator for role assignments',
  },
  {
    says: /az login|AADSTS\d+|DefaultAzureCredential|AzureCLICredential|ARM_CLIENT_ID|subscription ID|no (?:valid )?credentials/i,
    code: 'UNAUTHORIZED',
    remedy: () =>
      'Azure has to know who you are: az login, or the variables ARM_SUBSCRIPTION_ID, ARM_TENANT_ID, ARM_CLIENT_ID and the like',
  },
  {
    says: /\bprotect(?:ed)?\b/i,
    code: 'CONFIGURATION_INVALID',
    remedy: ({ stack, folder }) =>
      `what has messages is protected. If it has to go: (cd ${folder} && pulumi config set retrain:protect false --stack ${stack}), then retrain deploy up, then this again`,
  },
  {
    says: /\bScopeLocked\b/i,
    code: 'CONFIGURATION_INVALID',
    remedy: ({ stack, folder }) =>
      `a lock keeps it. If it has to go: (cd ${folder} && pulumi config set retrain:lock false --stack ${stack}), then retrain deploy up, then this again`,
  },
  {
    says: /no such host|connection refused|i\/o timeout|TLS handshake timeout|network is unreachable/i,
    code: 'UNREACHABLE',
    remedy: () => 'check the network, then try again',
  },
];

const CHECK = 'see what Pulumi says above, correct it, then try again';

/** What Pulumi raised, as an error of ours: what it says, and what to do about it. */
export function deployFailure(error: unknown, attempt: Attempt): Error {
  if (error instanceof RetrainError || !(error instanceof Error)) return error as Error;
  const { events, sdk, stack, folder, what } = attempt;
  const { commandResult } = error as { commandResult?: CommandResult };
  // Not Pulumi's word: a mistake in a program, which has to be seen.
  if (!commandResult) return error;
  const cause = new Error(plain(commandResult.toString()));
  const { automation } = sdk;
  if (error instanceof automation.ConcurrentUpdateError)
    return new RetrainError(
      'DATA_LOCKED',
      `stack ${stack} is being updated already: try again when that has ended. When nothing runs any more: (cd ${folder} && pulumi cancel --stack ${stack})`,
      { cause },
    );
  if (events && events.violated.size > 0)
    return new RetrainError(
      'CONFIGURATION_INVALID',
      `${what} violates ${[...events.violated].join(', ')}: correct the settings of the stack, or leave --policies away`,
      { cause },
    );
  const said = [...(events?.errors ?? []), ...linesOf(commandResult.stderr)];
  const text = said.join('\n');
  const meaning = MEANINGS.find(({ says }) => says.test(text));
  const reason = reasonIn(said) ?? `pulumi ended with code ${commandResult.code}`;
  return new RetrainError(
    meaning?.code ?? 'DEPLOY_FAILED',
    `${what} failed (${reason}): ${meaning?.remedy(attempt) ?? CHECK}`,
    { cause },
  );
}

/** What Pulumi says without the marks and lines about its own commands. */
function linesOf(stderr: string): string[] {
  return plain(stderr)
    .split('\n')
    .map((line) => line.replace(/^error: /, '').trim())
    .filter((line) => line !== '');
}

/** That something failed, and not why. */
const UNTELLING = /^(?:update|preview|destroy) failed$|unhandled exception|^Running program/i;
/** Characters of a reason in the one line of an error; the whole has been shown as a diagnostic. */
const REASON_MAX = 300;

/** The first line that says more than that something failed, with the next one when it only leads to that. */
function reasonIn(said: readonly string[]): string | undefined {
  const lines = said
    .flatMap((text) => text.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.findIndex((line) => !UNTELLING.test(line));
  const at = Math.max(0, telling);
  const reason = lines[at]?.endsWith(':') ? `${lines[at]} ${lines[at + 1] ?? ''}` : lines[at];
  return reason?.trim().slice(0, REASON_MAX);
}
