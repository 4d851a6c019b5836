import fc from 'fast-check';
import { orU64, shiftLeft, u64, u64FromNumber } from '../../../src/bits/u64.js';
import { packInterruptEntry } from '../../../src/layout/irte.js';
import { packRemappableMessage } from '../../../src/layout/remappable-message.js';
import type { KernelChoice } from '../../../src/platform/kernel-choice.js';
import { contextEntry, walkDomain } from '../../../src/platform/tables.js';
import { FaultBench } from '../../support/platform/faults.js';

/*
 * Each cause is brought about with devices, addresses and sizes drawn at random, amid commands that have
 * nothing to do with it. Who brought it about knows the truth; the explanation must name it first.
 */

const RUNS = Number(process.env['EXPLAIN_RUNS'] ?? 3);

// Every run boots a machine and replays it; a busy computer takes its time.
jest.setTimeout(RUNS * 20_000);

/** Functions of the desktop that are alone in their groups and have drivers. */
const DEVICES = ['0000:00:16.0', '0000:00:17.0', '0000:00:1f.6', '0000:03:00.0'] as const;
const BYSTANDER = '0000:00:14.0';

/** A page number of a 39-bit address, far from the edges, from 0 and from memory firmware reserves. */
const page = fc.integer({ min: 0x100000, max: 0x7000000 });
const physicalPage = fc.integer({ min: 0x40000, max: 0x3ffffff });
const pages = fc.integer({ min: 1, max: 40 });
const drawn = {
  device: fc.constantFrom(...DEVICES),
  page,
  physical: physicalPage,
  pages,
  offset: fc.integer({ min: 0, max: 39 }),
  isRead: fc.boolean(),
  noise: fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }),
};
type Drawn = {
  readonly [K in keyof typeof drawn]: (typeof drawn)[K] extends fc.Arbitrary<infer T> ? T : never;
};

/** Mappings of another device come and go, and it does DMA, refused or not. */
async function bystander(bench: FaultBench, noise: readonly number[]): Promise<void> {
  const domain = bench.domainOf(BYSTANDER);
  for (const at of noise) {
    const iova = (0x8000000 - 2 * at) * 4096;
    await bench.map(domain, iova, at * 0x100000, 1);
    if (at % 2 === 0) await bench.unmap(domain, iova, 1);
    if (at % 3 === 0) await bench.fault(BYSTANDER, iova + 4096, 'WRITE');
  }
}

function cause(
  code: string,
  how: string,
  act: (bench: FaultBench, drawn: Drawn) => ReturnType<FaultBench['fault']>,
  options: { readonly template?: string; readonly kernel?: KernelChoice; readonly runs?: number } = {},
) {
  const { template = 'legacy-desktop', kernel = {}, runs = RUNS } = options;
  test(`${code} is named first: ${how}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(drawn), async (values) => {
        const bench = await FaultBench.open(template, kernel);
        if (template === 'legacy-desktop' && code !== 'BLOCKED_DOMAIN') await bystander(bench, values.noise);
        const fault = await act(bench, values);
        if (template === 'legacy-desktop' && code !== 'BLOCKED_DOMAIN') await bystander(bench, [7, 8]);
        const { hypotheses } = await bench.explain(fault);
        await bench.close();
        expect(hypotheses.map((hypothesis) => hypothesis.code)[0]).toBe(code);
      }),
      { numRuns: runs, seed: 20201030 },
    );
  });
}

cause('WRONG_DIRECTION', 'a buffer mapped for one direction and used in the other', async (bench, d) => {
  const domain = bench.domainOf(d.device);
  await bench.map(domain, d.page * 4096, d.physical * 4096, d.pages, d.isRead ? 'WRITE' : 'READ');
  return bench.fault(d.device, (d.page + (d.offset % d.pages)) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('USE_AFTER_UNMAP', 'a buffer mapped, used, unmapped and used again', async (bench, d) => {
  const domain = bench.domainOf(d.device);
  await bench.map(domain, d.page * 4096, d.physical * 4096, d.pages);
  await bench.unmap(domain, d.page * 4096, d.pages);
  return bench.fault(d.device, (d.page + (d.offset % d.pages)) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('NEVER_MAPPED', 'an address far from everything mapped', async (bench, d) => {
  const domain = bench.domainOf(d.device);
  await bench.map(domain, d.page * 4096, d.physical * 4096, d.pages);
  return bench.fault(d.device, (d.page + d.pages + 2 + d.offset) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('BUFFER_OVERRUN', 'the page behind a buffer', async (bench, d) => {
  await bench.map(bench.domainOf(d.device), d.page * 4096, d.physical * 4096, d.pages);
  return bench.fault(d.device, (d.page + d.pages) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('PHYSICAL_ADDRESS_USED', 'the physical address of a mapped buffer', async (bench, d) => {
  const physical = 0x7800000 + (d.physical % 0x10000);
  await bench.map(bench.domainOf(d.device), d.page * 4096, physical * 4096, d.pages);
  return bench.fault(d.device, (physical + (d.offset % d.pages)) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('RMRR_MISSING', 'memory reserved for the device, in a domain of a user', async (bench, d) => {
  const device = '0000:00:14.0';
  const domain = await bench.do({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  const group = bench.platform.kernel.devices.get(device)!.group!.number;
  await bench.map(domain.number, d.page * 4096, d.physical * 4096, d.pages);
  await bench.do({ type: 'attach', domain: domain.number, target: { kind: 'Group', number: group } });
  return bench.fault(device, 0xab48d000 + (d.offset % 32) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('RMRR_MISSING', 'memory reserved for another device', async (bench, d) =>
  bench.fault(d.device, 0xad800000 + d.offset * 4096, d.isRead ? 'READ' : 'WRITE'),
);

cause('DOMAIN_SWITCHED', 'an address of the domain the device had before', async (bench, d) => {
  await bench.map(bench.domainOf(d.device), d.page * 4096, d.physical * 4096, d.pages);
  const domain = await bench.do({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  const group = bench.platform.kernel.devices.get(d.device)!.group!.number;
  await bench.do({ type: 'attach', domain: domain.number, target: { kind: 'Group', number: group } });
  return bench.fault(d.device, (d.page + (d.offset % d.pages)) * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('CONTEXT_ABSENT', 'a move to another domain that fails half-way', async (bench, d) => {
  const domain = await bench.do({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  await bench.map(domain.number, 2 ** 40, d.physical * 4096, 1);
  const group = bench.platform.kernel.devices.get(d.device)!.group!.number;
  await bench.refused({ type: 'attach', domain: domain.number, target: { kind: 'Group', number: group } });
  return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('ALIAS_REQUESTER', 'a function that is not there', async (bench, d) => {
  await bench.map(bench.domainOf(d.device), d.page * 4096, d.physical * 4096, d.pages);
  const requester = `${d.device.slice(0, -1)}${d.device.endsWith('f.6') ? 7 : 1 + (d.offset % 7)}`;
  return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE', { requester });
});

cause('ADDRESS_WIDTH', 'an address of more than 39 bits', async (bench, d) =>
  bench.fault(d.device, 2 ** 39 * (1 + (d.offset % 100)) + d.page * 4096, d.isRead ? 'READ' : 'WRITE'),
);

cause('RESERVED_BITS', 'a leaf with address bits the machine does not have', async (bench, d) => {
  const number = bench.domainOf(d.device);
  await bench.map(number, d.page * 4096, d.physical * 4096, d.pages);
  const domain = bench.platform.kernel.domains.get(number)!;
  const leaf = walkDomain(bench.platform, domain, u64FromNumber(d.page * 4096)).at(-1)!;
  const word = orU64(leaf.words[0], shiftLeft(u64(0, 1), 39 + (d.offset % 13)));
  await bench.do({ type: 'pokeMemory', address: leaf.entryAddress, words: [word] });
  return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('ENTRY_OVERWRITTEN', 'a leaf that was cleared past the driver', async (bench, d) => {
  const number = bench.domainOf(d.device);
  await bench.map(number, d.page * 4096, d.physical * 4096, d.pages);
  const domain = bench.platform.kernel.domains.get(number)!;
  const leaf = walkDomain(bench.platform, domain, u64FromNumber(d.page * 4096)).at(-1)!;
  await bench.do({ type: 'pokeMemory', address: leaf.entryAddress, words: [u64(0, 0)] });
  return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('STALE_UNIT_CACHE', 'a context entry that was mended without a word to the unit', async (bench, d) => {
  await bench.map(bench.domainOf(d.device), d.page * 4096, d.physical * 4096, d.pages);
  const { entryAddress, words } = contextEntry(bench.platform, bench.platform.kernel.devices.get(d.device)!)!;
  const emptyRoot = u64(words[0].hi, (words[0].lo & 0xfff) | (0x200 << 12));
  await bench.do({ type: 'pokeMemory', address: entryAddress, words: [emptyRoot] });
  await bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
  await bench.do({ type: 'pokeMemory', address: entryAddress, words: [words[0]] });
  return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
});

cause('INTERRUPT_SOURCE_MISMATCH', 'an entry of another requester', async (bench, d) => {
  const index = d.page % 65536;
  const unit = bench.platform.machine.units.at(-1)!;
  const words = packInterruptEntry({
    present: true,
    faultProcessingDisabled: false,
    logicalDestination: false,
    redirectionHint: false,
    levelTriggered: false,
    deliveryMode: 0,
    vector: 0x40 + d.offset,
    destination: 0,
    sourceId: 0x4000 + d.offset,
    sourceIdQualifier: 0,
    sourceValidation: 1,
  });
  await bench.do({ type: 'pokeMemory', address: unit.interruptTable.base + index * 16, words });
  const before = bench.platform.events.last;
  const message = packRemappableMessage({ handle: index, subhandleValid: false, subhandle: 0 });
  await bench.do({ type: 'signalInterrupt', device: d.device, ...message });
  return bench.faultSince(before);
});

cause(
  'BLOCKED_DOMAIN',
  'a group user space owns and has given nothing',
  async (bench, d) => {
    const group = bench.platform.kernel.devices.get(d.device)!.group!.number;
    await bench.do({ type: 'unbindDriver', device: d.device });
    await bench.do({ type: 'bindDriver', device: d.device, driver: 'vfio-pci' });
    const { number: container } = await bench.do({ type: 'openContainer', userMemory: null });
    await bench.do({ type: 'addGroupToContainer', container, group });
    return bench.fault(d.device, d.page * 4096, d.isRead ? 'READ' : 'WRITE');
  },
  { kernel: { profile: 'V6_1' } },
);

const PARENT = '0000:6a:01.0';
const SERVER = { template: 'sapphire-rapids', runs: Math.ceil(RUNS / 2) };

/** A subdevice with a domain under PASID 1 and a buffer in it. */
async function subdevice(bench: FaultBench, d: Drawn): Promise<number> {
  const uuid = 'c0ffee00-0000-4000-8000-000000000001';
  await bench.do({ type: 'enableFeature', device: PARENT, feature: 'AUX' });
  await bench.do({ type: 'createMdev', parent: PARENT, mdevType: 'idxd-1dwq-v1', uuid });
  const { number: domain } = await bench.do({ type: 'allocDomain', bus: 'mdev', domainType: 'UNMANAGED' });
  await bench.do({ type: 'attach', domain, target: { kind: 'Subdevice', name: uuid } });
  await bench.map(domain, d.page * 4096, d.physical * 4096, d.pages);
  return domain;
}

cause(
  'WRONG_PASID',
  'a PASID no domain is attached under',
  async (bench, d) => {
    await subdevice(bench, d);
    const pasid = 2 + (d.page % 1000);
    return bench.fault(PARENT, d.page * 4096, d.isRead ? 'READ' : 'WRITE', { pasid });
  },
  SERVER,
);

cause(
  'MISSING_PASID',
  'no PASID for a buffer mapped under one',
  async (bench, d) => {
    await subdevice(bench, d);
    return bench.fault(PARENT, (d.page + (d.offset % d.pages)) * 4096, d.isRead ? 'READ' : 'WRITE');
  },
  SERVER,
);

cause(
  'STALE_DEVICE_TLB',
  'a translation the device keeps and its context entry no longer admits',
  async (bench, d) => {
    await subdevice(bench, d);
    const own = { pasid: 1, translation: 'DEVICE_TLB' } as const;
    const request = {
      type: 'dma',
      endpoint: { kind: 'Device', name: PARENT },
      address: u64FromNumber(d.page * 4096),
      size: 8,
      access: d.isRead ? 'READ' : 'WRITE',
      data: null,
      ...own,
    } as const;
    expect((await bench.do(request)).completed).toBe(true);
    const { entryAddress, words } = contextEntry(bench.platform, bench.platform.kernel.devices.get(PARENT)!)!;
    await bench.do({
      type: 'pokeMemory',
      address: entryAddress,
      words: [u64(words[0].hi, words[0].lo & ~0x14)],
    });
    // Spec: VT-d 6.5.2.1 "Context-cache Invalidate Descriptor", global.
    await bench.do({
      type: 'submitDescriptor',
      unit: 'dmar3',
      words: [u64(0, 0x11), u64(0, 0), u64(0, 0), u64(0, 0)],
    });
    return bench.fault(PARENT, d.page * 4096, d.isRead ? 'READ' : 'WRITE', own);
  },
  SERVER,
);
