import { openMemoryLog } from '../../src/log/memory-log.js';
import { type Verdict, verdictLine, verifyLog } from '../../src/cli/verify.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { PlatformHost } from '../../src/platform/host.js';

async function desktop() {
  const log = await openMemoryLog();
  const host = await PlatformHost.open(log, () => 1_600_000_000_000);
  const platform = await createFromTemplate(host, 'desk', 'legacy-desktop', {});
  return { log, host, platform };
}

describe('the digest of a platform', () => {
  test('is the same for two machines booted alike, whatever their names', async () => {
    const { host, platform } = await desktop();
    const other = await createFromTemplate(host, 'other', 'legacy-desktop', {});
    expect(digestOf(other)).toBe(digestOf(platform));
  });

  test('takes a frame that was written and cleared again for one never written', async () => {
    const { platform } = await desktop();
    const before = digestOf(platform);
    const { memory } = platform.machine;
    memory.store64(0x7_0000_0000, { hi: 1, lo: 2 });
    expect(digestOf(platform)).not.toBe(before);
    memory.store64(0x7_0000_0000, { hi: 0, lo: 0 });
    expect(digestOf(platform)).toBe(before);
  });

  test('sees one bit of memory, of a register and of a configuration space', async () => {
    const { platform } = await desktop();
    const seen = new Set([digestOf(platform)]);
    platform.machine.memory.store64(0x1000, { hi: 0, lo: 1 });
    seen.add(digestOf(platform));
    platform.machine.units[0].writeRegister(0x3c, 4, { hi: 0, lo: 0x1234 });
    seen.add(digestOf(platform));
    [...platform.machine.topology.functions.values()][0].config[0x3c] ^= 1;
    seen.add(digestOf(platform));
    expect(seen.size).toBe(4);
  });

  test('is left alone by looking', async () => {
    const { host, platform } = await desktop();
    await host.perform('desk', { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
    const before = digestOf(platform);
    for (const unit of platform.machine.units) unit.cacheEntries(null, 1000);
    expect(digestOf(platform)).toBe(before);
  });

  test('agrees between two replays of a log, and verify says so in one line', async () => {
    const { log, host, platform } = await desktop();
    await host.perform('desk', { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
    const verdicts: Verdict[] = [];
    for await (const verdict of verifyLog(log, 'this program')) verdicts.push(verdict);
    const [verdict] = verdicts;
    expect(verdictLine(verdict)).toBe(
      `same desk commands 1 events ${platform.events.last} sha256 ${digestOf(platform)}`,
    );
    expect(verdictLine({ ...verdict, digests: ['a', 'b'] })).toMatch(/^DIFFERENT desk .* a then b$/);
  });
});
