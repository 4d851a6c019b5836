import { u64 } from '../../src/bits/u64.js';
import type { Command } from '../../src/platform/command.js';
import { CASES, BOOTED_AT, bootCase } from '../support/invariants/machines.js';

const DEVICE = '0000:6a:01.0';
const NO_TYPE = 0x1f;

it('a lazy flush that cannot complete waits, and fails no command that comes after it', () => {
  const platform = bootCase(CASES.find(({ name }) => name === 'V6_1, subdevice bus, both stages')!);
  let time = BOOTED_AT;
  const perform = (command: Command) => platform.apply({ command, time: (time += 1000) }).result;
  const unit = platform.kernel.devices.get(DEVICE)!.unit!.name;
  const mapped = perform({
    type: 'dmaMap',
    device: DEVICE,
    physical: u64(1, 0),
    size: 4096,
    direction: 'BIDIRECTIONAL',
  });
  if (!mapped.ok) throw mapped.error;
  const { address } = mapped.value as { address: ReturnType<typeof u64> };
  const zero = u64(0, 0);
  perform({ type: 'submitDescriptor', unit, words: [u64(0, NO_TYPE), zero, zero, zero] });
  expect(perform({ type: 'dmaUnmap', device: DEVICE, address }).ok).toBe(true);
  const { flushQueue } = platform.kernel.devices.get(DEVICE)!.primaryDomain!;
  expect(perform({ type: 'rescanBus' }).ok).toBe(true);
  expect(flushQueue!.entries).toHaveLength(1);
});
