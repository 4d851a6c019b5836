import type { KernelProfileName } from '../../../src/kernel/config.js';
import { KernelError } from '../../../src/kernel/errno.js';
import { Host, codesOf, errnoOf, mapping, range } from '../../support/kernel/host.js';

const FRAME = 4096;
const MIB = 2 ** 20;
/** 4 KiB pages below one leaf table. */
const A_TABLE = 512 * FRAME;
const FAR = '100000001000';

/** A host without room for many tables, and a domain in it. */
function small(profile: KernelProfileName = 'V5_10') {
  const host = Host.boot({ config: { profile, tableMemory: 2 * MIB } });
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  const { kernel } = host;
  return { host, domain, kernel, free: () => (kernel.tableMemory - kernel.tableMemoryUsed) / FRAME };
}

/** So many leaf tables full of pages that cannot be large: the two sides are not aligned alike. */
const tablesFrom = (iova: string, tables: number) =>
  mapping(iova, '40001000', (tables * A_TABLE).toString(16));

function refusalOf(act: () => unknown): KernelError {
  try {
    act();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe.each<KernelProfileName>(['V5_10', 'V5_15', 'V6_1'])(
  'with the memory for tables used up, %s',
  (profile) => {
    test('a mapping is refused with ENOMEM by __domain_mapping, what it had mapped is unmapped, and its tables come back', () => {
      const { host, domain, kernel, free } = small(profile);
      const before = { free: free(), tables: domain.tableBytes };
      const events = host.events.length;
      const refusal = refusalOf(() => kernel.map(domain, tablesFrom('0', before.free)));
      expect([refusal.errno, refusal.mirrors, refusal.blockers.map(({ code }) => code)]).toEqual([
        'ENOMEM',
        '__domain_mapping',
        ['NO_MEMORY'],
      ]);
      expect([...domain.mappings()]).toEqual([]);
      expect(host.events.slice(events).filter((event) => event.type === 'MAPPING' && event.mapped)).toEqual(
        [],
      );
      // Four levels: the tables of the third and second level that the range covers only in part stay, as in the driver.
      expect(before.free - free()).toBeLessThanOrEqual(2);
      expect(domain.tableBytes - before.tables).toBe((before.free - free()) * FRAME);
      // All but those, which are there already, now hold leaves.
      expect(errnoOf(() => kernel.map(domain, tablesFrom('0', free())))).toBeNull();
      expect(free()).toBe(0);
    });

    test('a domain is refused with EIO, after the line of the driver, and is there again once tables are free', () => {
      const { host, domain, kernel, free } = small(profile);
      kernel.map(domain, tablesFrom('0', free() - 2));
      expect(free()).toBe(0);
      let codes: string[] = [];
      const lines = host.linesOf(() => (codes = codesOf(() => kernel.allocDomain('pci', 'UNMANAGED'))));
      expect(codes).toEqual(['NO_MEMORY']);
      expect(lines).toEqual(['DMAR: Domain initialization failed']);
      expect(errnoOf(() => kernel.allocDomain('pci', 'UNMANAGED'))).toBe('EIO');
      expect(errnoOf(() => kernel.map(domain, mapping(FAR, '40001000', '1000')))).toBe('ENOMEM');
      // What needs no new table goes on.
      expect(errnoOf(() => kernel.unmap(domain, range('0', A_TABLE.toString(16))))).toBeNull();
      expect(free()).toBe(1);
      expect(errnoOf(() => kernel.allocDomain('pci', 'UNMANAGED'))).toBeNull();
    });
  },
);

test('there is as much as a platform says it has, a quarter of its memory at most, and that when it says nothing', () => {
  const bytes = (tableMemory?: number) =>
    Host.boot({ config: tableMemory === undefined ? {} : { tableMemory } }).kernel.tableMemory;
  expect(bytes(32 * MIB)).toBe(32 * MIB);
  // Tables lie below 256 GiB.
  expect(bytes()).toBe(2 ** 36);
  expect(bytes(2 ** 40)).toBe(2 ** 36);
});

test('where tables lie does not depend on how many there may be', () => {
  const rootOf = (tableMemory?: number) =>
    Host.boot({ config: tableMemory === undefined ? {} : { tableMemory } }).kernel.allocDomain(
      'pci',
      'UNMANAGED',
    ).rootFrame;
  expect(rootOf(2 * MIB)).toBe(rootOf());
});

test('a mapping that fails leaves the same behind whether its units hear of each chunk or of none', () => {
  const leftBy = (CM: number) => {
    const host = Host.boot({ config: { tableMemory: 2 * MIB }, cap: { CM } });
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, host.device());
    const { kernel } = host;
    const free = (kernel.tableMemory - kernel.tableMemoryUsed) / FRAME;
    // It begins in the middle of a table.
    const refused = mapping('37000', '40001000', (free * A_TABLE).toString(16));
    const lines = host.linesOf(() => expect(errnoOf(() => kernel.map(domain, refused))).toBe('ENOMEM'));
    expect(host.invalidations(() => kernel.map(domain, mapping('37000', '2000', '3000')))).toHaveLength(
      CM * 3,
    );
    return [lines, domain.highestMappedEnd, kernel.tableMemoryUsed, domain.tableBytes, domain.mappedBytes];
  };
  expect(leftBy(0)).toEqual(leftBy(1));
});
