import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { isPageMissing } from '../reasons.js';
import { hex, sender } from '../text.js';

/**
 * The address has the top of a kernel virtual address. 64-bit kernels on x86 have theirs from
 * 0xffff_8000_0000_0000 on; a unit records as many bits of an address as it translates.
 * Linux: Documentation/x86/x86_64/mm.rst.
 */
export const kernelAddress: CauseRule = (fault) => {
  const { fault: event, unit, requester } = fault;
  const { hi } = event.address;
  // 0xffff at the top, or what is left of it where the record is cut to 48 bits.
  const looksLikeIt = hi >>> 16 === 0xffff || (unit.capabilities.largestAgaw <= 48 && hi >>> 12 === 0xf);
  if (!isPageMissing(fault) || event.pasid !== null || !looksLikeIt) return null;
  return {
    code: 'KERNEL_ADDRESS_USED',
    confidence: CONFIDENCE.LIKELY + 5,
    explanation: `${sender(requester.name, event)} used ${hex(event.address)}, which has the form of a virtual address of the kernel: it was given a pointer instead of a DMA address.`,
    evidence: [
      `Kernel addresses begin at 0xffff800000000000; the unit records ${unit.capabilities.largestAgaw} bits of an address.`,
    ],
    subject: requester.device?.subject ?? null,
    remedies: [advice('In the driver: map the buffer, and program the address dma_map_*() returned.')],
  };
};
