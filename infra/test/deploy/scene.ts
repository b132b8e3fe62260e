/** What the CLI of a test finds and does: read from and written to `scene.json` of the folder that FAKE_PULUMI names. */
export interface Scene {
  /** What `pulumi version` prints. */
  readonly version: string;
  /** Stacks that there are, with their outputs. */
  readonly stacks: Record<string, Record<string, unknown>>;
  /** Names of outputs that are secrets. */
  readonly secrets: readonly string[];
  /** Outputs that an update makes. */
  readonly made: Record<string, unknown>;
  /** Engine events by command: `preview`, `up`, `destroy --preview-only`, `destroy`. */
  readonly events: Record<string, readonly object[]>;
  /** Commands that fail, by their first words, and what they then say. */
  readonly failures: Record<string, string>;
  /** A command that goes on until it is interrupted; as with the real one, it may then take its time. */
  readonly hangs?: { readonly command: string; readonly stubborn: boolean };
}

/** Calls of the CLI, a line each, and its interrupts: `calls.jsonl`. */
export type Call = readonly string[];
