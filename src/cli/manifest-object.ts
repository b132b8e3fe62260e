/** One object of Kubernetes, with what is to be said about it. */
export interface Manifest {
  readonly object: KubernetesObject;
  /** Above the object. */
  readonly comment?: string;
  /** Above the field at a path. */
  readonly remarks?: readonly { readonly path: readonly (string | number)[]; readonly text: string }[];
}

export interface KubernetesObject extends Readonly<Record<string, unknown>> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}
