import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { runImport } from '../../src/cli/import.js';
import { decodeKernelLog } from '../../src/firmware/kernel-log/decode.js';
import { KernelConfigError } from '../../src/kernel/profile/config-error.js';
import { InvalidInputError } from '../../src/platform/errors.js';
import { findingsOf } from '../../src/platform/findings/index.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { type MachineInput, readMachine } from '../../src/platform/machine-input.js';
import { Platform } from '../../src/platform/platform.js';
import { compareGroups } from '../../src/platform/reported-groups.js';
import { machineTexts } from '../support/machine-texts.js';
import { type Parts, bundleOf, deepBridges, mutatedCaptures } from '../support/mutated-captures.js';
import { PARENT, TWINS, smallHeader } from '../support/platform/small-machine.js';

const { description: small } = smallHeader();
const LOG = `[    0.000000] Command line: intel_iommu=on,sm_on
[    0.100000] DMAR: DRHD base: 0x000000fed90000 flags: 0x1
[    0.100000] DMAR: dmar0: reg_base_addr fed90000 ver 5:0 cap 8ed008c40780466 ecap 3ee9e86f050df
[    0.200000] pci ${PARENT}: Adding to iommu group 4
[    9.000000] DMAR: [DMA Read] Request device [6a:01.0] PASID 1 fault addr 7f0000 [fault reason 121] SM: Read/Write permission error in second-level paging entry
`;
const MDEV = `${PARENT}\n  idxd-1dwq-v1\n    Available instances: 8\n    Name: one\n`;
const WHOLE: Parts = {
  ...machineTexts(small),
  kernelLog: LOG,
  iommuGroups: TWINS.map((name) => `IOMMU Group 1 ${name}`).join('\n'),
  mdevTypes: MDEV,
  mdevDevices: `4a0a190f-dcf3-4def-9342-c48768f0c940 ${PARENT} idxd-1dwq-v1 auto\n`,
};
const { dmar, pci } = WHOLE;

const MUTATED = fc.sample(
  mutatedCaptures([
    WHOLE,
    WHOLE,
    { dmar, pci },
    { pci: deepBridges(40), dmar, kernelLog: LOG },
    { bundle: bundleOf({ ...WHOLE, dmar: '' }) },
  ]),
  { numRuns: 300, seed: 5 },
);
/** Findings of one part that are shown. */
const MOST_OF_A_PART = 101;

/** Boots what can be read; everything else must be refused in words. */
function tryImport(input: MachineInput): 'REFUSED' | 'BOOTED' {
  try {
    const { description, warnings, kernelOptions } = readMachine(input);
    const parts = new Map<string, number>();
    for (const { source, message } of warnings) {
      expect(message).not.toBe('');
      parts.set(source, (parts.get(source) ?? 0) + 1);
    }
    expect(Math.max(0, ...parts.values())).toBeLessThanOrEqual(2 * MOST_OF_A_PART);
    const kernel = kernelConfig(description.commandLine, { options: kernelOptions });
    const platform = new Platform({
      name: 'box',
      origin: 'IMPORTED',
      createdAt: 0,
      description,
      kernel,
      warnings,
    });
    findingsOf({ kernel: platform.kernel, machine: platform.machine, dmar: description.dmar });
    compareGroups(platform);
    return 'BOOTED';
  } catch (error) {
    if (!(error instanceof InvalidInputError || error instanceof KernelConfigError)) throw error;
    expect(error.message).not.toBe('');
    return 'REFUSED';
  }
}

it('300 damaged captures are read with warnings or refused in words, and what is read boots', () => {
  const outcomes = MUTATED.map(tryImport);
  const booted = outcomes.filter((outcome) => outcome === 'BOOTED').length;
  console.log(`${booted} of ${outcomes.length} boot, ${outcomes.length - booted} are refused`);
  // Both happen often, or this showed little.
  expect(booted).toBeGreaterThan(50);
  expect(outcomes.length - booted).toBeGreaterThan(20);
}, 300_000);

it('their logs are decoded line by line, as many lines as there are', () => {
  for (const { kernelLog } of MUTATED) {
    if (kernelLog === undefined) continue;
    const count = kernelLog.split(/\r\n|\r|\n/).length;
    for (const { line } of decodeKernelLog(kernelLog)) expect(line).toBeLessThanOrEqual(count);
  }
});

it('255 bridges behind each other boot, and each is in the group of the first', () => {
  expect(tryImport({ pci: deepBridges(255), dmar, kernelLog: LOG })).toBe('BOOTED');
});

it('the command line imports or refuses them with one line, and never with a stack', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mutated-'));
  try {
    const bundles = MUTATED.filter((input) => input.bundle !== undefined);
    expect(bundles.length).toBeGreaterThan(40);
    for (const [index, { bundle }] of bundles.entries()) {
      const file = join(directory, `capture-${index}.txt`);
      writeFileSync(file, bundle!);
      const [output, errors] = [new Text(), new Text()];
      const status = await runImport({
        file,
        name: null,
        dataDirectory: join(directory, 'data'),
        output,
        errors,
      });
      expect([0, 1]).toContain(status);
      const said = status === 0 ? output.text : errors.text;
      expect(said).toMatch(status === 0 ? /imported "capture-/ : /^import: .*\n$/);
      expect(output.text + errors.text).not.toMatch(/^\s+at /m);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 120_000);

class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
