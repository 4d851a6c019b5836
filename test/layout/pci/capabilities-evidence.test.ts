import { join } from 'node:path';
import { acsNames, decodeAcs } from '../../../src/layout/pci/acs.js';
import { decodeAts } from '../../../src/layout/pci/ats.js';
import { EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { decodePasid } from '../../../src/layout/pci/pasid.js';
import { decodePri } from '../../../src/layout/pci/pri.js';
import {
  capturesWith,
  evidenceFiles,
  functionsFromHex,
  hasEvidence,
  readEvidence,
} from '../../support/pci-evidence.js';

/** The text `lspci -vvv` prints for each function, by its address as printed. */
function textByFunction(text: string): Map<string, string> {
  const blocks = text.split(/\n(?=(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] )/);
  return new Map(
    blocks.map((block) => {
      const address = block.split(' ')[0].trim();
      return [/:.*:/.test(address) ? address : `0000:${address}`, block];
    }),
  );
}

const flag = (name: string, set: boolean) => `${name}${set ? '+' : '-'}`;

describe('capabilities in dumps of real configuration spaces', () => {
  if (!hasEvidence('topology')) {
    it('are not compared: recorded machines are not here', () => {
      console.warn('SKIPPED: no recorded machines beside the project');
    });
    return;
  }

  const samples = [
    ...evidenceFiles('topology', '.lspci.txt')
      .filter((name) => name.startsWith('caps-'))
      // Two samples are hex dumps without the text to compare with.
      .filter((name) => readEvidence(join('topology', name)).includes('Capabilities: ['))
      .map((name) => ({ name, hex: join('topology', name), text: join('topology', name) })),
    ...capturesWith('qemu-linux', 'lspci-xxxx.txt').map((name) => ({
      name,
      hex: join(name, 'lspci-xxxx.txt'),
      text: join(name, 'lspci-vvvnn.txt'),
    })),
  ];

  it.each(samples)('$name: the lists and the words lspci prints', ({ hex, text }) => {
    const printed = textByFunction(readEvidence(text));
    const functions = functionsFromHex(readEvidence(hex));
    expect(functions.length).toBeGreaterThan(0);
    for (const fn of functions) {
      // Older versions put commas between flags.
      const block = (printed.get(fn.name) ?? '').replaceAll(/([+-]),/g, '$1');
      const offsets = [...block.matchAll(/Capabilities: \[([0-9a-f]+)(?: v\d+)?\]/g)].map(
        (match) => match[1],
      );
      const of = (entries: typeof fn.standardCapabilities) =>
        entries.map((entry) => entry.offset.toString(16));
      const isExtended = (printedOffset: string) => parseInt(printedOffset, 16) >= 0x100;
      expect(of(fn.standardCapabilities)).toEqual(offsets.filter((o) => !isExtended(o)));
      expect(of(fn.extendedCapabilities)).toEqual(offsets.filter(isExtended));

      for (const { id, offset } of fn.extendedCapabilities) {
        if (id === EXTENDED_CAPABILITY.accessControlServices) {
          const { capability } = decodeAcs(fn.config, offset);
          const line = /ACSCap:\s+(.*)/.exec(block)?.[1] ?? '';
          expect(acsNames(capability)).toEqual(
            line
              .split(' ')
              .filter((word) => word.endsWith('+'))
              .map((word) => word.slice(0, -1)),
          );
        }
        if (id === EXTENDED_CAPABILITY.addressTranslationServices) {
          const { queueDepth, enabled, smallestTranslationUnit } = decodeAts(fn.config, offset);
          expect(block).toMatch(
            new RegExp(
              `ATSCap:\\s+Invalidate Queue Depth: ${(queueDepth % 32).toString(16).padStart(2, '0')}`,
            ),
          );
          expect(block).toMatch(
            new RegExp(
              `ATSCtl:\\s+Enable[${enabled ? '+' : '-'}] Smallest Translation Unit: ${smallestTranslationUnit.toString(16).padStart(2, '0')}`,
            ),
          );
        }
        if (id === EXTENDED_CAPABILITY.pasid) {
          const { executeSupported, privilegedSupported, maxWidth } = decodePasid(fn.config, offset);
          expect(block).toContain(
            `PASIDCap: ${flag('Exec', executeSupported)} ${flag('Priv', privilegedSupported)} Max PASID Width: ${maxWidth.toString(16).padStart(2, '0')}`,
          );
        }
        if (id === EXTENDED_CAPABILITY.pageRequestInterface) {
          const { responseFailure, unexpectedGroupIndex, stopped } = decodePri(fn.config, offset);
          expect(block).toContain(
            `PRISta: ${flag('RF', responseFailure)} ${flag('UPRGI', unexpectedGroupIndex)} ${flag('Stopped', stopped)}`,
          );
        }
      }
    }
  });
});
