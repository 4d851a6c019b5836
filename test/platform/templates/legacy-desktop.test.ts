import { existsSync, readFileSync } from 'node:fs';
import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { extendedCapabilities } from '../../../src/layout/pci/capabilities.js';
import { EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { legacyDesktop } from '../../../src/platform/templates/legacy-desktop/index.js';
import { at } from './support.js';

const machine = legacyDesktop.describe();
const acsAt = (address: string) =>
  extendedCapabilities(at(address, machine).config).find(
    ({ id }) => id === EXTENDED_CAPABILITY.accessControlServices,
  );

it('has two ports in one slot without ACS, a graphics card with audio behind one and a disk behind the other', () => {
  for (const port of ['00:01.0', '00:01.1']) {
    expect(acsAt(port)).toBeUndefined();
    expect(at(port, machine).config[0x0e]).toBe(0x81);
  }
  expect(at('00:01.0', machine).config[0x19]).toBe(1);
  expect(at('00:01.1', machine).config[0x19]).toBe(2);
  expect(['01:00.0', '01:00.1', '02:00.0'].map((address) => at(address, machine).className)).toEqual([
    'VGA compatible controller',
    'Audio device',
    'Non-Volatile memory controller',
  ]);
});

it('has a chipset port whose ACS is laid out in 32-bit registers', () => {
  const { offset } = acsAt('00:1d.0')!;
  const view = new DataView(at('00:1d.0', machine).config.buffer);
  // Source validation, translation blocking, request and completion redirect; all on.
  expect(view.getUint32(offset + 4, true)).toBe(0x0f);
  expect(view.getUint32(offset + 8, true)).toBe(0x0f);
});

it('has a DMAR table with the bytes of a real one, but for the header', () => {
  const path = '../shared/data/dmar/laptop-dell-e7470.bin';
  if (!existsSync(path)) {
    console.warn(`SKIPPED: no ${path}; the desktop's table is not compared with a real one`);
    return;
  }
  const real = new Uint8Array(readFileSync(path));
  const ours = buildDmar(machine.dmar as Parameters<typeof buildDmar>[0]);
  expect(ours.subarray(0x30)).toEqual(real.subarray(0x30));
  expect(ours[0x24]).toBe(real[0x24]);
});

it('gives the graphics PASID, ATS and PRI where such graphics have them', () => {
  const path = '../shared/data/topology/caps-cap-pasid-pri.lspci.txt';
  if (!existsSync(path)) {
    console.warn(`SKIPPED: no ${path}; the graphics are not compared with real ones`);
    return;
  }
  const { config } = at('00:02.0', machine);
  const bytes = (line: string) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .find((text) => text.startsWith(`${line}: `))!
      .slice(line.length + 2)
      .split(' ')
      .map((byte) => parseInt(byte, 16));
  // Headers and what each says it can do; the listing is of a running machine, so controls differ.
  expect([...config.subarray(0x100, 0x106)]).toEqual(bytes('100').slice(0, 6));
  expect([...config.subarray(0x200, 0x206)]).toEqual(bytes('200').slice(0, 6));
  expect([...config.subarray(0x300, 0x304)]).toEqual(bytes('300').slice(0, 4));
  expect([...config.subarray(0x308, 0x30c)]).toEqual(bytes('300').slice(8, 12));
});
