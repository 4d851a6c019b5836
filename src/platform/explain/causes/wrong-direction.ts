import { type U64, andU64, maskOf, u64FromNumber } from '../../../bits/u64.js';
import type { WalkStep } from '../../../hardware/request.js';
import { newestMapping } from '../address-history.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
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

/** Writing the page's entry anew needs an unmap first: an entry that is there wins. Linux: __domain_mapping(). */
function remap({ domain, fault }: Parameters<CauseRule>[0], leaf: WalkStep): Remedy {
  const text = `Unmap the page and map it with the access the device needs: from ${hex(fault.address)} to ${hex(pageOf(leaf))}.`;
  if (domain === null) return advice(text);
  const command = {
    type: 'unmap',
    domain: domain.number,
    iova: fault.address,
    size: u64FromNumber(4096),
  } as const;
  return { text, command, weakensIsolation: false };
}

function pageOf({ words }: WalkStep): U64 {
  return andU64(words[0], maskOf(51, 12));
}

function isLeaf({ level, words }: WalkStep): boolean {
  return level.endsWith('1') || (words[0].lo & 0x80) !== 0;
}

/** Bit 0 is R, and P in the processor's format, where whatever is present can be read. */
function permissions({ lo }: U64, level: string): { read: boolean; write: boolean } {
  const read = (lo & 1) !== 0;
  return { read: level.startsWith('FL') ? true : read, write: (lo & 2) !== 0 };
}
