import { request } from 'node:https';

/** Where an API server is, and as whom it is asked. */
export interface ApiAccess {
  readonly server: string;
  /** PEM of whom to trust. */
  readonly ca: string;
  readonly token: string;
}

export interface ApiObject {
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
    readonly resourceVersion: string;
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- objects of an API server, as a test reads them
  readonly [field: string]: any;
}

/** Asks an API server; for the tests, which play the rest of a cluster. */
export class ApiClient {
  readonly #access: ApiAccess;

  constructor(access: ApiAccess) {
    this.#access = access;
  }

  /** Raises for every status but 2xx and those in `also`. */
  async call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    { body, also = [] }: { body?: unknown; also?: readonly number[] } = {},
  ): Promise<{ status: number; value: ApiObject }> {
    const { server, ca, token } = this.#access;
    const text = body === undefined ? '' : JSON.stringify(body);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': type,
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(`${server}${path}`, { method, ca, headers }, (response) => {
        response
          .toArray()
          .then((chunks: Buffer[]) => {
            const { statusCode: status = 0 } = response;
            const answer = Buffer.concat(chunks).toString();
            if ((status < 200 || status > 299) && !also.includes(status))
              throw new Error(`${method} ${path}: ${status} ${answer}`);
            resolve({ status, value: JSON.parse(answer) as ApiObject });
          })
          .catch(reject);
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  async list(path: string): Promise<ApiObject[]> {
    return ((await this.call('GET', path)).value as unknown as { items: ApiObject[] }).items;
  }
}

/** A kubeconfig for this access. */
export function kubeconfigOf({ server, ca, token }: ApiAccess, namespace: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace } }],
    'current-context': 'x',
  });
}
