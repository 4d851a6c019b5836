import { compareU64, subU64, addU64, u64 } from '../../../bits/u64.js';
import { reservedMemoryOf } from '../../../kernel/intel/rmrr.js';
import type { RemappingStructure } from '../../../layout/dmar/table.js';
import { devicesOf } from '../domain.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Hypothesis, type Remedy, advice } from '../hypothesis.js';
import { mapRemedy } from '../map-remedy.js';
import { isPageMissing } from '../reasons.js';
import { hex, sender } from '../text.js';

type Rmrr = Extract<RemappingStructure, { kind: 'RMRR' }>;

const FIRMWARE = advice(
  'Ask the vendor of the machine for firmware that reserves the memory for this device (RMRR).',
);
const PASS_THROUGH = advice(
  'Let the device past translation: `iommu=pt`, or `identity` in the type file of its group. It then reaches all memory.',
  true,
);

/**
 * Firmware set the device to work on memory of its own, and this domain does not map it: the table reserves
 * it and a user's domain leaves it out, reserves it for another device, or not at all.
 * Spec: VT-d 8.4 "Reserved Memory Region Reporting Structure".
 */
export const rmrrMissing: CauseRule = (fault) => {
  if (!isPageMissing(fault)) return null;
  const covering = regionsAt(fault);
  const own = covering.find((region) => isForRequester(fault, region));
  if (own !== undefined) return reservedAndLeftOut(fault, own);
  if (covering.length > 0) return reservedForOthers(fault, covering[0]);
  return perhapsNotReserved(fault);
};

function reservedAndLeftOut(fault: FaultCase, region: Rmrr): Hypothesis {
  const { fault: event, requester, domain } = fault;
  const where = domain === null ? 'nothing' : `domain ${domain.number} (${domain.type})`;
  return {
    code: 'RMRR_MISSING',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, event)} used ${hex(event.address)}, which firmware reserves for it (RMRR). Only domains of the kernel map that; the device is translated by ${where}.`,
    evidence: [`The DMAR table reserves ${span(region)} for ${requester.name}.`],
    subject: requester.device?.subject ?? null,
    remedies: [mapOneToOne(fault, region), advice('Give the device back to its host driver.')],
  };
}

function reservedForOthers(fault: FaultCase, region: Rmrr): Hypothesis {
  const { fault: event, requester } = fault;
  return {
    code: 'RMRR_MISSING',
    confidence: CONFIDENCE.STRONG + 10,
    explanation: `${sender(requester.name, event)} used ${hex(event.address)}, which firmware reserves, but not for this device: the DMAR table names another one, or one that is not there.`,
    evidence: [`The DMAR table reserves ${span(region)} for ${scopesOf(region)}.`],
    subject: requester.device?.subject ?? null,
    remedies: [mapOneToOne(fault, region), FIRMWARE, PASS_THROUGH],
  };
}

/** Nothing reserves it. A device that works without a driver was set to work by firmware. */
function perhapsNotReserved(fault: FaultCase): Hypothesis | null {
  const { fault: event, requester, domain, history } = fault;
  const isLow = event.address.hi === 0 && event.address.lo !== 0;
  const isKnown = domain === null || history.mappings.some((mapping) => mapping.domain === domain.number);
  if (!isLow || isKnown || !domain.isForDmaApi || event.pasid !== null) return null;
  const isDriven = requester.device !== null && requester.device.driver !== null;
  return {
    code: 'RMRR_MISSING',
    confidence: isDriven ? CONFIDENCE.POSSIBLE : CONFIDENCE.LIKELY,
    explanation: isDriven
      ? `${requester.name} may use memory firmware gave it and did not reserve (RMRR missing): the address lies below 4 GiB and was never mapped.`
      : `No driver has ${requester.name}, and yet it used ${hex(event.address)}: firmware set it to work on memory it did not reserve (RMRR missing).`,
    evidence: [`No RMRR of the DMAR table covers ${hex(event.address)}.`],
    subject: requester.device?.subject ?? null,
    remedies: [FIRMWARE, PASS_THROUGH],
  };
}

function regionsAt({ platform, fault, unit }: FaultCase): Rmrr[] {
  const structures = platform.header.description.dmar?.structures ?? [];
  return structures.filter(
    (one): one is Rmrr =>
      one.kind === 'RMRR' &&
      one.segment === unit.segment &&
      compareU64(one.base, fault.address) <= 0 &&
      compareU64(fault.address, one.last) <= 0,
  );
}

function isForRequester(fault: FaultCase, region: Rmrr): boolean {
  const { dmar } = fault.platform.header.description;
  const { topology } = fault.platform.machine;
  return devicesOf(fault.requester).some(({ fn }) =>
    reservedMemoryOf(dmar!, topology, fn).some(({ start }) => compareU64(start, region.base) === 0),
  );
}

/** What the kernel does for its own domains. Linux: iommu_create_device_direct_mappings(). */
function mapOneToOne(fault: FaultCase, region: Rmrr): Remedy {
  const size = addU64(subU64(region.last, region.base), u64(0, 1));
  return mapRemedy(fault, {
    text: `Map ${span(region)} to itself. Whoever owns the domain then reaches memory of the firmware.`,
    wanted: { iova: region.base, physical: region.base, size, read: true, write: true },
    replaces: false,
    weakensIsolation: true,
  });
}

function span({ base, last }: Rmrr): string {
  return `${hex(base)}-${hex(last)}`;
}

function scopesOf({ scopes }: Rmrr): string {
  const names = scopes.map(
    ({ startBus, path }) =>
      `bus ${startBus.toString(16)} ${path.map((hop) => `${hop.device.toString(16).padStart(2, '0')}.${hop.function}`).join(' > ')}`,
  );
  return names.join(', ') || 'no device';
}
