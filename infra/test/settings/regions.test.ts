import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasZones, unknownRegion } from '../../settings/regions';

test('a region is the same by its display name and its programmatic name', () => {
  for (const location of ['West US 2', 'westus2', 'WestUS2', 'west us 2']) {
    assert.equal(hasZones(location), true, location);
    assert.equal(unknownRegion(location), undefined, location);
  }
});

test('the region of the beginning has no zones', () => {
  assert.equal(hasZones('West US'), false);
});

test('of a region that is not in the list nothing is known; a near one is named, in case it was mistyped', () => {
  assert.equal(hasZones('West US 9'), undefined);
  assert.match(unknownRegion('West Uss') ?? '', /^West Uss is no region that this program knows; westus is near\./);
  assert.equal(
    unknownRegion('Atlantis'),
    'Atlantis is no region that this program knows. Azure will say whether there is one.',
  );
});
