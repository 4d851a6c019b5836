import fc from 'fast-check';
import type { MachineInput } from '../../src/platform/machine-input.js';

/** Texts of one machine by part. */
export type Parts = Readonly<Record<string, string>>;

const NUMBERS = ['4294967296', '99999999999999999999', '-1', '0x', 'ffffffffffffffff', '0', '1e9'];
const HOSTILE = [
  '\u0000\u0001\u001b[2J',
  '__proto__: constructor',
  '"; DROP TABLE devices; --',
  '<script>alert(1)</script>',
  '\u202e\ufeff\ud800',
  'A'.repeat(20_000),
  '((((((((((((((((((((((((((((((((((((a+)+)+)+)+)+',
  `${'[0] '.repeat(500)}`,
];

/** One change of a text. */
type Change = (text: string) => string;

const at = (text: string, position: number) => (text.length === 0 ? 0 : position % text.length);

const truncate = fc.nat().map(
  (n): Change =>
    (text) =>
      text.slice(0, at(text, n)),
);
const flip = fc.tuple(fc.nat(), fc.nat(6)).map(([n, bit]): Change => (text) => {
  const place = at(text, n);
  return (
    text.slice(0, place) + String.fromCharCode(text.charCodeAt(place) ^ (1 << bit)) + text.slice(place + 1)
  );
});
const number = fc.tuple(fc.nat(), fc.constantFrom(...NUMBERS)).map(([n, value]): Change => (text) => {
  const found = [...text.matchAll(/\b[0-9a-f]{2,16}\b/g)];
  if (found.length === 0) return text;
  const { index, 0: old } = found[n % found.length];
  return text.slice(0, index) + value + text.slice(index + old.length);
});
const hostile = fc.tuple(fc.nat(), fc.constantFrom(...HOSTILE)).map(([n, value]): Change => (text) => {
  const place = at(text, n);
  return `${text.slice(0, place)}${value}\n${text.slice(place)}`;
});
/** Every pointer of a capability list points to the same place: a loop. */
const loop = fc.constantFrom('40', '44', '80', 'fc').map(
  (pointer): Change =>
    (text) =>
      text
        .replace(/^(30:(?: [0-9a-f]{2}){4} )[0-9a-f]{2}/gm, `$1${pointer}`)
        .replace(/^([4-9a-f]0: [0-9a-f]{2} )[0-9a-f]{2}/gm, `$1${pointer}`),
);
const repeat = fc.nat(30).map(
  (times): Change =>
    (text) =>
      text + text.repeat(times),
);
const lines = fc.tuple(fc.nat(), fc.nat()).map(([a, b]): Change => (text) => {
  const all = text.split('\n');
  const [i, j] = [a % all.length, b % all.length];
  [all[i], all[j]] = [all[j], all[i]];
  return all.join('\n');
});
const change = fc.oneof(truncate, flip, flip, number, number, hostile, loop, repeat, lines);

/** Captures with some of their parts damaged. */
export function mutatedCaptures(captures: readonly Parts[]): fc.Arbitrary<MachineInput> {
  const damage = fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 6 });
  return fc.tuple(fc.constantFrom(...captures), damage).map(([parts, list]) => {
    const copy: Record<string, string> = { ...parts };
    const names = Object.keys(copy);
    for (const [which, apply] of list) {
      const name = names[which % names.length];
      copy[name] = apply(copy[name]).slice(0, 400_000);
    }
    return copy;
  });
}

/** A text of the capture script with these parts. */
export function bundleOf(parts: Parts): string {
  const sections: Readonly<Record<string, string>> = {
    pci: 'pci',
    iommuGroups: 'iommu-groups',
    iommuUnits: 'iommu-units',
    kernelLog: 'kernel-log',
    mdevTypes: 'mdev-types',
    mdevDevices: 'mdev-devices',
    dmar: 'dmar',
  };
  const written = Object.entries(parts).map(
    ([part, text]) => `#iommu-graph section ${sections[part]}\n${text}\n`,
  );
  return `#iommu-graph bundle 1\n${written.join('')}#iommu-graph end\n`;
}

/** Bridges behind bridges, as deep as bus numbers go, in plain dumps of 64 bytes. */
export function deepBridges(depth: number): string {
  const two = (value: number) => value.toString(16).padStart(2, '0');
  const chain: string[] = [];
  for (let bus = 0; bus < depth; bus++) {
    const bytes = new Uint8Array(64);
    bytes.set([0x86, 0x80, 0x34, 0x12], 0);
    bytes.set([0x00, 0x00, 0x04, 0x06], 8);
    bytes[0x0e] = 1;
    bytes.set([bus, bus + 1, 0xff], 0x18);
    chain.push(`${two(bus)}:00.0 PCI bridge [0604]: Intel Corporation Device [8086:1234]`);
    for (let row = 0; row < 4; row++)
      chain.push(`${two(row * 16)}: ${[...bytes.slice(row * 16, row * 16 + 16)].map(two).join(' ')}`);
    chain.push('');
  }
  return chain.join('\n');
}
