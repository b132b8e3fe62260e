import * as network from '@pulumi/azure-native/network';
import * as privatedns from '@pulumi/azure-native/privatedns';
import * as servicebus from '@pulumi/azure-native/servicebus';
import * as pulumi from '@pulumi/pulumi';
import type { NetworkSettings } from '../settings/settings';
import { subnetsOf } from './address-space';
import { placementOf } from './placement';
import type { Placement } from './placement';

/** What the namespace's name becomes an alias of in the public DNS, once it has a private endpoint. */
const DNS_ZONE = 'privatelink.servicebus.windows.net';
/** DNS zones and their links are in no region. */
const DNS_LOCATION = 'Global';

export interface NetworkArgs extends Placement {
  readonly network: NetworkSettings;
  readonly namespaceId: pulumi.Input<string>;
  readonly namespaceName: pulumi.Input<string>;
  /** Whether a Container Apps environment shall be in the network. */
  readonly apps: boolean;
}

/** Whether anything restricts the network that the namespace is reached from. */
export function isRestricted({ addressSpace, allowedIpRanges }: NetworkSettings): boolean {
  return addressSpace !== undefined || allowedIpRanges.length > 0;
}

/**
 * Whether the namespace has a public address that answers at all. Without one, only the private endpoint and trusted services of
 * Azure reach it: a rule set that denies everything but has no rule would let everybody in who has a key.
 */
export function publicNetworkAccess({ addressSpace, allowedIpRanges }: NetworkSettings): 'Enabled' | 'Disabled' {
  return addressSpace !== undefined && allowedIpRanges.length === 0 ? 'Disabled' : 'Enabled';
}

/**
 * What reaches a Premium namespace: by default nobody; then the given addresses, trusted services of Azure (Event Grid is one,
 * Container Apps is none), and, with an address space, the virtual network by a private endpoint whose DNS zone
 * makes the namespace's own name lead there.
 */
export class Network extends pulumi.ComponentResource {
  /** Delegated to Container Apps; undefined without private endpoint or apps. */
  readonly appsSubnetId: pulumi.Output<string> | undefined;

  readonly #args: NetworkArgs;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Network', name, {}, opts);
    this.#args = args;
    const { addressSpace, allowedIpRanges } = args.network;
    const rules = new servicebus.NamespaceNetworkRuleSet(
      'network-rules',
      {
        resourceGroupName: args.resourceGroupName,
        namespaceName: args.namespaceName,
        defaultAction: 'Deny',
        publicNetworkAccess: publicNetworkAccess(args.network),
        trustedServiceAccessEnabled: true,
        ipRules: allowedIpRanges.map((ipMask) => ({ ipMask, action: 'Allow' })),
      },
      { parent: this },
    );
    if (addressSpace !== undefined) this.appsSubnetId = this.#connect(addressSpace, rules);
    this.registerOutputs({});
  }

  #connect(addressSpace: string, rules: servicebus.NamespaceNetworkRuleSet): pulumi.Output<string> | undefined {
    const { resourceGroupName, apps } = this.#args;
    const virtualNetwork = new network.VirtualNetwork(
      'network',
      { ...placementOf(this.#args), addressSpace: { addressPrefixes: [addressSpace] } },
      { parent: this },
    );
    const place = { resourceGroupName, virtualNetworkName: virtualNetwork.name };
    const subnets = subnetsOf(addressSpace);
    const endpoints = new network.Subnet(
      'endpoints-subnet',
      { ...place, subnetName: 'endpoints', addressPrefix: subnets.endpoints },
      { parent: this },
    );
    const appsSubnet = apps
      ? new network.Subnet(
          'apps-subnet',
          {
            ...place,
            subnetName: 'apps',
            addressPrefix: subnets.apps,
            delegations: [{ name: 'container-apps', serviceName: 'Microsoft.App/environments' }],
          },
          // Azure changes one subnet of a network at a time.
          { parent: this, dependsOn: [endpoints] },
        )
      : undefined;
    this.#endpoint({ subnetId: endpoints.id, zone: this.#zone(virtualNetwork.id), rules });
    return appsSubnet?.id;
  }

  #zone(virtualNetworkId: pulumi.Output<string>): privatedns.PrivateZone {
    const { resourceGroupName, tags } = this.#args;
    const zone = new privatedns.PrivateZone(
      'dns-zone',
      { resourceGroupName, privateZoneName: DNS_ZONE, location: DNS_LOCATION, tags: { ...tags } },
      { parent: this },
    );
    new privatedns.VirtualNetworkLink(
      'dns-zone-link',
      {
        resourceGroupName,
        privateZoneName: zone.name,
        location: DNS_LOCATION,
        tags: { ...tags },
        virtualNetwork: { id: virtualNetworkId },
        registrationEnabled: false,
      },
      { parent: this },
    );
    return zone;
  }

  #endpoint({
    subnetId,
    zone,
    rules,
  }: {
    readonly subnetId: pulumi.Output<string>;
    readonly zone: privatedns.PrivateZone;
    readonly rules: servicebus.NamespaceNetworkRuleSet;
  }): void {
    const { resourceGroupName, namespaceId } = this.#args;
    const endpoint = new network.PrivateEndpoint(
      'namespace-endpoint',
      {
        ...placementOf(this.#args),
        subnet: { id: subnetId },
        privateLinkServiceConnections: [
          { name: 'namespace', privateLinkServiceId: namespaceId, groupIds: ['namespace'] },
        ],
      },
      // The namespace takes one change of its network at a time.
      { parent: this, dependsOn: [rules] },
    );
    new network.PrivateDnsZoneGroup(
      'namespace-endpoint-dns',
      {
        resourceGroupName,
        privateEndpointName: endpoint.name,
        privateDnsZoneGroupName: 'default',
        privateDnsZoneConfigs: [{ name: 'servicebus', privateDnsZoneId: zone.id }],
      },
      { parent: this },
    );
  }
}
