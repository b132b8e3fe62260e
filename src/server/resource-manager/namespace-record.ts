import { z } from 'zod';
import { SKUS } from '../../topology/index.ts';

const time = z.number().nonnegative();

/** What is kept of the properties of a namespace, for who asks; but for the partitions nothing of it has an effect here. */
export const namespaceProperties = z.object({
  zoneRedundant: z.boolean().default(false),
  disableLocalAuth: z.boolean().default(false),
  minimumTlsVersion: z.enum(['1.0', '1.1', '1.2', '1.3']).default('1.2'),
  publicNetworkAccess: z.enum(['Enabled', 'Disabled', 'SecuredByPerimeter']).default('Enabled'),
  /** 0 but for Premium. */
  premiumMessagingPartitions: z.int().min(0).max(4).default(0),
});

export const namespaceSku = z.object({
  name: z.enum(SKUS),
  /** Messaging units, of Premium only. */
  capacity: z.int().min(1).optional(),
});

/** Tags of a resource: 50 at most (tag-resources). */
export const tags = z
  .record(z.string().min(1).max(512, 'must have names of at most 512 characters'), z.string().max(256))
  .refine((all) => Object.keys(all).length <= 50, 'must have at most 50 tags');

export const networkRules = z.object({
  defaultAction: z.enum(['Allow', 'Deny']).default('Allow'),
  publicNetworkAccess: z.enum(['Enabled', 'Disabled', 'SecuredByPerimeter']).default('Enabled'),
  trustedServiceAccessEnabled: z.boolean().default(false),
  virtualNetworkRules: z
    .array(
      z.object({
        subnet: z.object({ id: z.string().max(1024) }).optional(),
        ignoreMissingVnetServiceEndpoint: z.boolean().default(false),
      }),
    )
    .max(128, 'must have at most 128 rules')
    .default([]),
  ipRules: z
    .array(z.object({ ipMask: z.string().max(64), action: z.enum(['Allow']).default('Allow') }))
    .max(128, 'must have at most 128 rules')
    .default([]),
});

export type NamespaceSku = z.infer<typeof namespaceSku>;

/** A namespace as a resource of Azure Resource Manager, as it is kept. */
export const namespaceRecord = z.strictObject({
  subscription: z.string().min(1),
  resourceGroup: z.string().min(1),
  name: z.string().min(1),
  /** As its maker wrote it. */
  location: z.string().min(1),
  tags: z.record(z.string(), z.string()),
  sku: namespaceSku.strict(),
  properties: namespaceProperties.strict(),
  networkRules: networkRules.optional(),
  createdAtMs: time,
  updatedAtMs: time,
  /** Its deletion has begun, and goes on after a restart. */
  deleting: z.literal(true).optional(),
});

export type NamespaceRecord = z.infer<typeof namespaceRecord>;
