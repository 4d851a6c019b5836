import { sharedTest } from '../../src/graphql/subscriptions/shared-test.js';
import type { Platform } from '../../src/platform/platform.js';

const platform = () => ({ machine: { units: [] } }) as unknown as Platform;

describe('tests of filters', () => {
  test('are one function for one filter of one platform', () => {
    const [a, b] = [platform(), platform()];
    const test = sharedTest(a, { kinds: ['FAULT'], pasid: 3 });
    expect(sharedTest(a, { kinds: ['FAULT'], pasid: 3 })).toBe(test);
    expect(sharedTest(a, { kinds: ['FAULT'], pasid: 4 })).not.toBe(test);
    expect(sharedTest(b, { kinds: ['FAULT'], pasid: 3 })).not.toBe(test);
  });

  test('are not kept without bound', () => {
    const a = platform();
    const test = sharedTest(a, { pasid: 0 });
    for (let pasid = 1; pasid <= 256; pasid++) sharedTest(a, { pasid });
    expect(sharedTest(a, { pasid: 0 })).not.toBe(test);
  });
});
