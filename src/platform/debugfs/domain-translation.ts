import { type U64, ZERO, toHexDigits, u64FromPfn } from '../../bits/u64.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { HostMemory } from '../../memory/host-memory.js';
import { InvalidInputError } from '../errors.js';
import type { Platform } from '../platform.js';
import { word } from './format.js';

const COLUMNS = 'IOVA_PFN\t\tPML5E\t\t\tPML4E\t\t\tPDPE\t\t\tPDE\t\t\tPTE\n';
/** Of a table: read or write, or in the processor's format present or write. */
const PRESENT = 3;
const LARGE_PAGE = 0x80;
/** Rows the text may have; the kernel has no such limit. */
const MOST_ROWS = 100_000;

/**
 * A unit's part of `domain_translation_struct`: the primary domain of each of its devices, entry by entry.
 * What is attached under a PASID is not in it. Linux: domain_translation_struct_show().
 */
export function domainTranslations(unit: IntelUnit, { kernel }: Platform): string {
  const { profile } = kernel.config;
  const rows = new Rows(unit.surroundings.memory);
  for (const device of kernel.devices.values()) {
    if (device.unit !== unit) continue;
    const shown = profile === 'V6_1' ? firstOfGroup(device) : { device, domain: device.primaryDomain };
    if (shown === null || shown.domain === null) continue;
    const { domain } = shown;
    const pasid = profile === 'V6_1' ? '' : ` with pasid ${domain.defaultPasid}`;
    rows.text += `Device ${shown.device.name}${pasid} @0x${toHexDigits(u64FromPfn(domain.rootFrame))}\n${COLUMNS}`;
    rows.walk(domain.rootFrame, domain.levels, 0);
    rows.text += '\n';
  }
  return rows.text;
}

/** The later kernel asks the group, shows its first device, and does so for each of the group. */
function firstOfGroup({ group }: KernelDevice): { device: { name: string }; domain: Domain | null } | null {
  return group === null ? null : { device: group.members[0], domain: group.domain };
}

class Rows {
  text = '';
  private count = 0;
  private readonly path: U64[] = [ZERO, ZERO, ZERO, ZERO, ZERO, ZERO];

  constructor(private readonly memory: HostMemory) {}

  /** Linux: pgtable_walk_level(). */
  walk(frame: number, level: number, pfn: number): void {
    const span = 512 ** (level - 1);
    for (let index = 0; index < 512; index++) {
      const words = this.memory.segment(frame);
      if ((words[HostMemory.firstWord(frame) + index * 2] & PRESENT) === 0) continue;
      const entry = this.memory.load64(frame * 4096 + index * 8);
      this.path[level] = entry;
      if (level === 1 || (entry.lo & LARGE_PAGE) !== 0) this.row(pfn + index * span);
      else this.walk(nextFrame(entry), level - 1, pfn + index * span);
      this.path[level] = ZERO;
    }
  }

  private row(pfn: number): void {
    if (++this.count > MOST_ROWS) {
      const message = `domain_translation_struct would have more than ${MOST_ROWS} rows here; ask for Domain.mappings instead.`;
      throw new InvalidInputError(['file'], message);
    }
    const columns = [5, 4, 3, 2, 1].map((level) => `0x${word(this.path[level])}`);
    this.text += `0x${pfn.toString(16).padStart(13, '0')} |\t${columns.join('\t')}\n`;
  }
}

/** Bits 51:12. */
function nextFrame({ hi, lo }: U64): number {
  return (hi & 0xfffff) * 2 ** 20 + (lo >>> 12);
}
