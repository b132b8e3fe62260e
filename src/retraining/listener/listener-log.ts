/** What the listener tells whoever operates it: one value per fact. */
export type ListenerFact =
  | { readonly fact: 'listening'; readonly url: string; readonly tokens: number }
  /** An answer with a status of 500 or more; `reason` is for the operator, the client was told less. */
  | {
      readonly fact: 'http-failed';
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly reason: string;
    }
  | { readonly fact: 'http-refused'; readonly method: string; readonly path: string; readonly status: number }
  /** A request came in by HTTP; `queued`: it is in the outbox. */
  | {
      readonly fact: 'request-taken';
      readonly model: string;
      readonly id: string;
      readonly state: 'accepted' | 'queued';
    }
  | { readonly fact: 'cancel-taken'; readonly model: string; readonly id: string }
  | { readonly fact: 'listener-stopped' };

export type ListenerLog = (fact: ListenerFact) => void;
