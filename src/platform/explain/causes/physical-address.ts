import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { isPageMissing } from '../reasons.js';
import { hex, range, sender } from '../text.js';

/** The address is the physical one of a buffer that is mapped for the device under another. */
export const physicalAddress: CauseRule = (fault) => {
  const { fault: event, domain, requester, history } = fault;
  if (!isPageMissing(fault) || domain === null) return null;
  const target = history.targets.find((record) => record.domain === domain.number);
  if (target === undefined) return null;
  return {
    code: 'PHYSICAL_ADDRESS_USED',
    confidence: CONFIDENCE.STRONG - 5,
    explanation: `${sender(requester.name, event)} used ${hex(event.address)}, which is the physical address of memory that domain ${domain.number} has under another: it was given the result of virt_to_phys() instead of a DMA address.`,
    evidence: [
      `${range(target.physical, target.size)} is mapped at ${range(target.iova, target.size)} by command ${target.mappedBy}.`,
    ],
    subject: domain.subject,
    remedies: [
      advice('In the driver: program the address dma_map_*() returned.'),
      advice('Let the device past translation with `iommu=pt`. It then reaches all memory.', true),
    ],
  };
};
