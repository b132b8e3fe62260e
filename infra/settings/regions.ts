import { nearest } from './read';

/**
 * Regions of the public cloud by programmatic name, and whether they have availability zones: Azure's list of regions
 * (learn.microsoft.com/azure/reliability/regions-list) as of March 2025, with regions that later versions of that page have
 * besides. A region that is not here is left to Azure to judge.
 */
const REGIONS = {
  australiacentral: false,
  australiacentral2: false,
  australiaeast: true,
  australiasoutheast: false,
  austriaeast: true,
  belgiumcentral: true,
  brazilsouth: true,
  brazilsoutheast: false,
  canadacentral: true,
  canadaeast: false,
  centralindia: true,
  centralus: true,
  chilecentral: true,
  eastasia: true,
  eastus: true,
  eastus2: true,
  francecentral: true,
  francesouth: false,
  germanynorth: false,
  germanywestcentral: true,
  indonesiacentral: true,
  israelcentral: true,
  italynorth: true,
  japaneast: true,
  japanwest: true,
  koreacentral: true,
  koreasouth: false,
  malaysiawest: true,
  mexicocentral: true,
  newzealandnorth: true,
  northcentralus: false,
  northeurope: true,
  norwayeast: true,
  norwaywest: false,
  polandcentral: true,
  qatarcentral: true,
  southafricanorth: true,
  southafricawest: false,
  southcentralus: true,
  southeastasia: true,
  southindia: false,
  spaincentral: true,
  swedencentral: true,
  switzerlandnorth: true,
  switzerlandwest: false,
  uaecentral: false,
  uaenorth: true,
  uksouth: true,
  ukwest: false,
  westcentralus: false,
  westeurope: true,
  westindia: false,
  westus: false,
  westus2: true,
  westus3: true,
} as const satisfies Record<string, boolean>;

/** `West US 2` and `westus2` are the same region. */
function programmaticName(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}

/** Undefined when the region is not in the list. */
export function hasZones(location: string): boolean | undefined {
  return (REGIONS as Record<string, boolean>)[programmaticName(location)];
}

/** What to say of a region that is not in the list: it may be new, of another cloud, or mistyped. */
export function unknownRegion(location: string): string | undefined {
  const name = programmaticName(location);
  if (name in REGIONS) return undefined;
  const near = nearest(name, Object.keys(REGIONS));
  return `${location} is no region that this program knows${near === undefined ? '' : `; ${near} is near`}. Azure will say whether there is one.`;
}
