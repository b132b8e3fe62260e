import type * as pulumi from '@pulumi/pulumi';

/** Where the resources of a component are, and what those that can have tags are tagged with. */
export interface Placement {
  readonly resourceGroupName: pulumi.Input<string>;
  /** Azure region, as "West US". */
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** The placement alone, of arguments that have more. */
export function placementOf({ resourceGroupName, location, tags }: Placement): {
  resourceGroupName: pulumi.Input<string>;
  location: string;
  tags: Record<string, string>;
} {
  return { resourceGroupName, location, tags: { ...tags } };
}
