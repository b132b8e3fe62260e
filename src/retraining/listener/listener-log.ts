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
  | { readonly fact: 'listener-stopped' };

export type ListenerLog = (fact: ListenerFact) => void;
