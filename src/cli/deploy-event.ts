import type { Clock } from '../runtime/clock.ts';
import type { EngineEvent, StepMetadata } from './deploy-automation.ts';
import { lossOf } from './deploy-loss.ts';
import type { Loss } from './deploy-loss.ts';

/** A change of one resource. */
interface Change {
  /** create, update, replace, delete, create-replacement, delete-replaced, … */
  readonly op: string;
  /** `azure-native:servicebus:Queue` */
  readonly type: string;
  /** As the program calls it: `requests`. */
  readonly name: string;
  readonly urn: string;
}

/** What `retrain deploy` tells; with `--json` as it is. No fact has a secret. */
export type DeployFact =
  | { readonly fact: 'stack-created'; readonly stack: string }
  | (Change & { readonly fact: 'change-planned'; readonly because?: readonly string[] })
  | (Change & { readonly fact: 'change-started' })
  | (Change & { readonly fact: 'change-done' | 'change-failed'; readonly ms: number })
  | (Loss & { readonly fact: 'loss-planned' })
  | {
      readonly fact: 'diagnostic';
      readonly severity: 'info' | 'warning' | 'error';
      readonly name?: string;
      readonly message: string;
    }
  | {
      readonly fact: 'policy-violated';
      readonly policy: string;
      readonly pack: string;
      readonly mandatory: boolean;
      readonly name?: string;
      readonly message: string;
    }
  | {
      readonly fact: 'summary';
      readonly planned: boolean;
      readonly changes: Readonly<Record<string, number>>;
      readonly seconds: number;
    }
  | { readonly fact: 'outputs'; readonly outputs: Readonly<Record<string, unknown>> }
  | { readonly fact: 'profile-written' | 'profile-removed'; readonly profile: string; readonly path: string };

/** Steps that change nothing, or are halves of one that is told as a whole. */
const UNTOLD: ReadonlySet<string> = new Set([
  'same',
  'read',
  'read-replacement',
  'refresh',
  'discard',
  'remove-pending-replace',
]);
const HALVES: ReadonlySet<string> = new Set([
  'create-replacement',
  'delete-replaced',
  'read-discard',
  'discard-replaced',
]);

/** Errors of one operation that are kept for its end. */
const ERRORS_MAX = 100;

/** Turns what the engine says about one operation into facts, and remembers what its end is judged by. */
export class EngineEvents {
  readonly losses: Loss[] = [];
  readonly errors: string[] = [];
  /** Names of mandatory policies that were violated. */
  readonly violated = new Set<string>();
  /** Resources by what is, or would be, done with them: `create`, …, and `same`. Of those that are told, so that people can count them. */
  readonly #counts: Record<string, number> = {};
  readonly #planning: boolean;
  readonly #tell: (fact: DeployFact) => void;
  readonly #clock: Clock;
  readonly #startedMs = new Map<string, number>();

  constructor({ planning, tell, clock }: { planning: boolean; tell: (fact: DeployFact) => void; clock: Clock }) {
    this.#planning = planning;
    this.#tell = tell;
    this.#clock = clock;
  }

  see(event: EngineEvent): void {
    const { diagnosticEvent, policyEvent, summaryEvent, resourcePreEvent, resOutputsEvent, resOpFailedEvent } = event;
    if (resourcePreEvent) this.#begin(resourcePreEvent.metadata);
    if (resOutputsEvent && !this.#planning) this.#end(resOutputsEvent.metadata, 'change-done');
    if (resOpFailedEvent) this.#end(resOpFailedEvent.metadata, 'change-failed');
    if (diagnosticEvent) this.#diagnose(diagnosticEvent);
    if (policyEvent) this.#judge(policyEvent);
    // What was found out before a preview failed is no plan.
    if (summaryEvent && !(this.#planning && this.errors.length > 0)) {
      const { durationSeconds: seconds } = summaryEvent;
      this.#tell({ fact: 'summary', planned: this.#planning, changes: { ...this.#counts }, seconds });
    }
  }

  /** Resources that were changed, or would be. */
  get changed(): number {
    const { same: _, ...changes } = this.#counts;
    return Object.values(changes).reduce((sum, count) => sum + count, 0);
  }

  #begin(step: StepMetadata): void {
    if (step.op === 'same' && !isGroup(step)) this.#count(step);
    if (!isTold(step)) return;
    const change = changeOf(step);
    if (!this.#planning) {
      this.#startedMs.set(keyOf(step), this.#clock.monotonicMs());
      this.#tell({ fact: 'change-started', ...change });
      return;
    }
    if (HALVES.has(step.op)) return;
    this.#count(step);
    const because = step.keys ?? [];
    this.#tell({ fact: 'change-planned', ...change, ...(because.length > 0 && { because }) });
    const loss = lossOf(step);
    if (!loss) return;
    this.losses.push(loss);
    this.#tell({ fact: 'loss-planned', ...loss });
  }

  #end(step: StepMetadata, fact: 'change-done' | 'change-failed'): void {
    const startedMs = this.#startedMs.get(keyOf(step));
    if (!isTold(step)) return;
    this.#startedMs.delete(keyOf(step));
    if (fact === 'change-done' && !HALVES.has(step.op)) this.#count(step);
    const nowMs = this.#clock.monotonicMs();
    this.#tell({ fact, ...changeOf(step), ms: Math.round(nowMs - (startedMs ?? nowMs)) });
  }

  #count({ op }: StepMetadata): void {
    this.#counts[op] = (this.#counts[op] ?? 0) + 1;
  }

  #diagnose({ urn, severity, message, ephemeral }: NonNullable<EngineEvent['diagnosticEvent']>): void {
    if (ephemeral || severity === 'debug') return;
    const text = plain(message);
    if (text === '') return;
    if (severity === 'error' && this.errors.length < ERRORS_MAX) this.errors.push(text);
    const told = severity === 'info#err' ? 'info' : severity;
    this.#tell({ fact: 'diagnostic', severity: told, ...(urn && { name: nameIn(urn) }), message: text });
  }

  #judge({
    policyName,
    policyPackName,
    enforcementLevel,
    message,
    resourceUrn,
  }: NonNullable<EngineEvent['policyEvent']>): void {
    const mandatory = enforcementLevel === 'mandatory';
    if (mandatory) this.violated.add(policyName);
    this.#tell({
      fact: 'policy-violated',
      policy: policyName,
      pack: policyPackName,
      mandatory,
      ...(resourceUrn && { name: nameIn(resourceUrn) }),
      message: plain(message),
    });
  }
}

/** The engine marks colours as `<{%fg 1%}>`. */
const COLOUR_MARK = /<\{%[^%]*%\}>/g;
/** Keys, however they came into a text. */
const KEY = /\b(SharedAccessKey|SharedAccessSignature|AccountKey|sig)=[^;&\s"']+/gi;

/** A text of Pulumi without marks of colours, and without keys. */
export function plain(text: string): string {
  return text.replace(COLOUR_MARK, '').replace(KEY, '$1=…').trim();
}

function isTold(step: StepMetadata): boolean {
  return !UNTOLD.has(step.op) && !isGroup(step);
}

/** The stack itself, providers and groups of resources are changed only with what is in them. */
function isGroup({ type }: StepMetadata): boolean {
  return /^(?:pulumi|retrain):/.test(type);
}

function changeOf({ op, type, urn }: StepMetadata): Change {
  return { op, type, name: nameIn(urn), urn };
}

function keyOf({ op, urn }: StepMetadata): string {
  return `${op} ${urn}`;
}

/** `urn:pulumi:dev::retrain::azure-native:servicebus:Queue::requests` is called `requests`. */
function nameIn(urn: string): string {
  return urn.slice(urn.lastIndexOf('::') + 2);
}
