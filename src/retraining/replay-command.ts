/** Words that a POSIX shell takes as they are. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** A word as a POSIX shell has to be given it. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The line that has dead letters tried again, as it can be pasted into a shell. */
export function replayCommand({
  queue,
  model,
  requestId,
  messageId,
  options = [],
}: {
  readonly queue: string;
  readonly model?: string | undefined;
  /** Of one request; without it and without `messageId` all of the model are meant. */
  readonly requestId?: string | undefined;
  /** Of one message that could not be read. */
  readonly messageId?: string | undefined;
  /** Further words, such as `--config FILE`. */
  readonly options?: readonly string[];
}): string {
  const which =
    requestId !== undefined
      ? [`--request=${requestId}`]
      : messageId !== undefined
        ? [`--message-id=${messageId}`]
        : model === undefined
          ? []
          : [`--model=${model}`];
  return ['retrain', 'dlq', 'replay', queue, ...which, ...options].map(shellWord).join(' ');
}
