import { Machine } from '../../src/hardware/machine.js';
import { templates } from '../../src/platform/templates/index.js';

test('switching ATS off empties a device’s cache at once, whether or not anybody looks before it is on again', () => {
  const description = templates.find(({ name }) => name === 'sapphire-rapids')!.describe();
  const machine = Machine.fromDescription(description, []);
  const fn = [...machine.topology.functions.values()].find((each) => each.ats !== null)!;
  const control = fn.ats!.offset + 6;
  const entry = { pasid: null, pfn: 1, pagesLg2: 0, targetPfn: 2 };
  const rights = { read: true, write: true, execute: false, privileged: false };
  fn.writeConfig(control, 2, 0x8000);
  machine.deviceTlb(fn)!.insert({ ...entry, ...rights });
  expect([...machine.deviceTlb(fn)!.entries()]).toHaveLength(1);
  fn.writeConfig(control, 2, 0);
  fn.writeConfig(control, 2, 0x8000);
  expect([...machine.deviceTlb(fn)!.entries()]).toHaveLength(0);
});
