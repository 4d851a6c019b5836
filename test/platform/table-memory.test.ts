import { u64FromNumber } from '../../src/bits/u64.js';
import type { KernelProfileName } from '../../src/kernel/config.js';
import { openMemoryLog } from '../../src/log/memory-log.js';
import type { LoggedCommand } from '../../src/platform/command.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { InvalidInputError } from '../../src/platform/errors.js';
import { PlatformHost } from '../../src/platform/host.js';
import { Platform } from '../../src/platform/platform.js';
import { anyCommand, numbersFrom } from '../support/platform/any-commands.js';
import { smallHeader } from '../support/platform/small-machine.js';

const MIB = 2 ** 20;
const FRAME = 4096;

test.each<[KernelProfileName, number]>([
  ['V5_10', 1],
  ['V5_15', 2],
  ['V6_1', 3],
])(
  'whatever a platform is told while its memory for tables is used up, it refuses and goes on as a replay of it does, %s',
  (profile, seed) => {
    const booted = new Platform(smallHeader({ kernel: { profile } })).kernel.tableMemoryUsed;
    const header = smallHeader({ kernel: { profile, tableMemory: booted + 12 * FRAME } });
    const platform = new Platform(header);
    const next = numbersFrom(seed);
    const log: LoggedCommand[] = [];
    const errnos = new Map<string, number>();
    while (log.length < 1500) {
      const logged = { command: anyCommand(platform, next), time: 1000 + log.length };
      log.push(logged);
      const { result } = platform.apply(logged);
      if (result.ok || !('blockers' in result.error)) continue;
      if (!result.error.blockers.some(({ code }) => code === 'NO_MEMORY')) continue;
      errnos.set(result.error.errno, (errnos.get(result.error.errno) ?? 0) + 1);
    }
    expect(errnos.get('EIO')).toBeGreaterThan(0);
    const again = new Platform(header);
    for (const logged of log) again.apply(logged);
    expect(digestOf(again)).toBe(digestOf(platform));
    expect(platform.kernel.tableMemoryUsed).toBeLessThanOrEqual(platform.kernel.tableMemory);
  },
  60_000,
);

test('a new platform has 1 GiB for tables unless it is made with another size; it is part of what is logged', async () => {
  const log = await openMemoryLog();
  const host = await PlatformHost.open(log);
  await createFromTemplate(host, 'usual', 'sapphire-rapids', {});
  await createFromTemplate(host, 'small', 'sapphire-rapids', { tableMemory: u64FromNumber(32 * MIB) });
  const again = await PlatformHost.open(log);
  for (const each of [host, again]) {
    expect(each.platform('usual')!.kernel.tableMemory).toBe(1024 * MIB);
    expect(each.platform('small')!.kernel.tableMemory).toBe(32 * MIB);
  }
});

test('less than a kernel needs to boot is refused by name', async () => {
  const host = await PlatformHost.open(await openMemoryLog());
  const making = createFromTemplate(host, 'tiny', 'sapphire-rapids', {
    tableMemory: u64FromNumber(16 * MIB - 1),
  });
  await expect(making).rejects.toThrow(InvalidInputError);
  await expect(making).rejects.toMatchObject({
    path: ['input', 'kernel', 'tableMemory'],
    message: 'tableMemory is 16777215 bytes; give 16777216 (16 MiB) or more.',
  });
});
