import { type U64, andU64, maskOf, u64FromNumber, u64ToNumber } from '../../../bits/u64.js';
import type { WalkStep } from '../../../hardware/request.js';
import { newestMapping } from '../address-history.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { mapRemedy } from '../map-remedy.js';
import { isPageForbidden } from '../reasons.js';
import { access, entry, hex, lifetime, sender, wanted } from '../text.js';

/** The page is mapped, and not for what the device wanted: a buffer mapped for the other direction. */
export const wrongDirection: CauseRule = (fault) => {
  const { fault: event, stoppedAt, domain, requester } = fault;
  if (!isPageForbidden(fault) || stoppedAt === null) return null;
  const granted = permissions(stoppedAt.words[0], stoppedAt.level);
  const mapping = domain === null ? null : newestMapping(fault.history, domain.number);
  const isRefused = event.access === 'READ' ? granted.read : granted.write;
  // An entry that does grant it stands above one that does not, which no mapping call makes.
  if (!isLeaf(stoppedAt) || isRefused) return null;
  return {
    code: 'WRONG_DIRECTION',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, event)} wanted to ${wanted(event)} ${hex(event.address)}, and the page is mapped for ${access(granted)} only: the buffer was mapped for the other direction.`,
    evidence: [`The walk ends at ${entry(stoppedAt)}.`, ...(mapping === null ? [] : [lifetime(mapping)])],
    subject: domain?.subject ?? null,
    remedies: [
      remap(fault, stoppedAt),
      advice(
        'In the driver: map the buffer with the direction of the transfer (DMA_TO_DEVICE is read by the device, DMA_FROM_DEVICE written), or DMA_BIDIRECTIONAL.',
      ),
    ],
  };
};

/** The page again, for both directions: which one else it is used for is not known here. */
function remap(fault: FaultCase, leaf: WalkStep): Remedy {
  const bytes = 4096 * 512 ** (Number(leaf.level[2]) - 1);
  const iova = u64FromNumber(bytes * Math.floor(u64ToNumber(fault.fault.address) / bytes));
  const physical = u64FromNumber(
    bytes * Math.floor(u64ToNumber(andU64(leaf.words[0], maskOf(51, 12))) / bytes),
  );
  return mapRemedy(fault, {
    text: `Unmap ${hex(iova)} and map it again, for both directions.`,
    wanted: { iova, physical, size: u64FromNumber(bytes), read: true, write: true },
    replaces: true,
    weakensIsolation: false,
  });
}

function isLeaf({ level, words }: WalkStep): boolean {
  return level.endsWith('1') || (words[0].lo & 0x80) !== 0;
}

/** Bit 0 is R, and P in the processor's format, where whatever is present can be read. */
function permissions({ lo }: U64, level: string): { read: boolean; write: boolean } {
  const read = (lo & 1) !== 0;
  return { read: level.startsWith('FL') ? true : read, write: (lo & 2) !== 0 };
}
