import { u64, u64FromNumber } from '../../../src/bits/u64.js';
import type { StampedEvent } from '../../../src/platform/event-journal.js';
import type { FaultOccurred } from '../../../src/hardware/events.js';
import { digestOf } from '../../../src/platform/digest.js';
import { walkDomain } from '../../../src/platform/tables.js';
import { FaultBench } from '../../support/platform/faults.js';

const DEVICE = '0000:00:17.0';
const IOVA = 0x40000000;

// Machines are booted and replayed; a busy computer takes its time.
jest.setTimeout(60_000);

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('legacy-desktop')));
afterEach(() => bench.close());

/** A fault after a buffer was mapped and unmapped. */
async function lateWrite(): Promise<StampedEvent<FaultOccurred>> {
  const domain = bench.domainOf(DEVICE);
  await bench.map(domain, IOVA, 0x80000000, 16);
  await bench.unmap(domain, IOVA, 16);
  return bench.fault(DEVICE, IOVA + 0x3000, 'WRITE');
}

test('the history names the commands that mapped and unmapped the page, and when', async () => {
  const fault = await lateWrite();
  const { lastMapping, history, historySince, domain } = await bench.explain(fault);
  expect(lastMapping).toMatchObject({
    domain,
    iova: u64FromNumber(IOVA),
    size: u64FromNumber(0x10000),
    mappedBy: 1,
    mappedByCommand: 'map',
    unmappedBy: 2,
    unmappedByCommand: 'unmap',
    container: null,
  });
  expect(history).toEqual([lastMapping]);
  expect(historySince).toBe(1);
});

test('a thousand commands later, the page mapped again among them, the explanation is the same', async () => {
  const fault = await lateWrite();
  const first = await bench.explain(fault);
  const domain = bench.domainOf(DEVICE);
  await bench.map(domain, IOVA, 0x90000000, 16);
  for (let at = 0; at < 500; at++) {
    await bench.map(domain, IOVA + 0x100000 + at * 0x4000, 0xa0000000, 2);
    await bench.unmap(domain, IOVA + 0x100000 + at * 0x4000, 2);
  }
  expect(bench.platform.revision).toBeGreaterThan(1000);
  expect(await bench.explain(fault)).toEqual(first);
});

test('a page mapped after the fault is no part of its history', async () => {
  const fault = await bench.fault(DEVICE, IOVA, 'READ');
  await bench.map(bench.domainOf(DEVICE), IOVA, 0x80000000, 1);
  const { lastMapping, hypotheses } = await bench.explain(fault);
  expect(lastMapping).toBeNull();
  expect(hypotheses[0].code).toBe('NEVER_MAPPED');
});

test('the walk is of the instant within the command: a request that overwrites its own tables shows what it left', async () => {
  const domain = bench.domainOf(DEVICE);
  await bench.map(domain, IOVA + 0x1000, 0x80000000, 1);
  const leaf = walkDomain(
    bench.platform,
    bench.platform.kernel.domains.get(domain)!,
    u64FromNumber(IOVA + 0x1000),
  ).at(-1)!;
  expect(leaf.present).toBe(true);
  // The page before leads into the table that holds the leaf of the second one.
  const table = leaf.entryAddress - (leaf.entryAddress % 4096);
  await bench.map(domain, IOVA, table, 1);
  const fault = await bench.fault(DEVICE, IOVA, 'WRITE', { size: 8192 });
  expect(fault.event.address).toEqual(u64FromNumber(IOVA + 0x1000));
  const { stoppedAt, hypotheses } = await bench.explain(fault);
  expect(stoppedAt).toMatchObject({ level: 'SL1', entryAddress: leaf.entryAddress, words: [u64(0, 0)] });
  expect(hypotheses[0]).toMatchObject({ code: 'ENTRY_OVERWRITTEN' });
  expect(hypotheses[0].evidence.join(' ')).toContain('No command wrote it past the driver');
});

test('looking on changes nothing: the platform has the digest it would have unasked', async () => {
  const fault = await lateWrite();
  const before = digestOf(bench.platform);
  await bench.explain(fault);
  expect(digestOf(bench.platform)).toEqual(before);
});

test('a remedy that is a command is accepted, and the request then goes through', async () => {
  const domain = bench.domainOf(DEVICE);
  await bench.map(domain, IOVA, 0x80000000, 4, 'READ');
  const fault = await bench.fault(DEVICE, IOVA + 0x2000, 'WRITE');
  const { hypotheses } = await bench.explain(fault);
  const [{ commands, weakensIsolation }] = hypotheses[0].remedies;
  expect(weakensIsolation).toBe(false);
  for (const command of commands) await bench.do(command);
  await expect(bench.fault(DEVICE, IOVA + 0x2000, 'WRITE')).rejects.toThrow('did not fault');
  // Only the page it is about was touched.
  await bench.fault(DEVICE, IOVA + 0x3000, 'WRITE');
});

test('memory firmware reserves can be mapped to itself, and the remedy says that this weakens isolation', async () => {
  const device = '0000:00:14.0';
  const { number } = await bench.do({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  const group = bench.platform.kernel.devices.get(device)!.group!.number;
  await bench.do({ type: 'attach', domain: number, target: { kind: 'Group', number: group } });
  const fault = await bench.fault(device, 0xab490000, 'READ');
  const [{ code, remedies }] = (await bench.explain(fault)).hypotheses;
  expect([code, remedies[0].weakensIsolation]).toEqual(['RMRR_MISSING', true]);
  for (const command of remedies[0].commands) await bench.do(command);
  await expect(bench.fault(device, 0xab490000, 'READ')).rejects.toThrow('did not fault');
});

test('a fault of a deleted platform has no explanation', async () => {
  const fault = await lateWrite();
  await bench.host.delete('bench');
  expect(await bench.explain(fault)).toBeNull();
});
