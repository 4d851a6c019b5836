import { pciAddressOf } from '../../../bits/pci-address.js';
import { Subdevice } from '../../../kernel/mdev/subdevice.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { NO_CONTEXT } from '../reasons.js';
import { entry } from '../text.js';

/**
 * The requester id belongs to no function, or to another one than the sender: a device with a phantom
 * function, or a bridge that answers for what is behind it. The kernel attaches domains to ids it expects.
 * Linux: pci_for_each_dma_alias(), quirk_dma_func1_alias().
 */
export const aliasRequester: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt } = fault;
  const { device, expected, name } = requester;
  const sender = requester.sender instanceof Subdevice ? requester.sender.parent : requester.sender;
  const isOther = sender !== null && sender !== device && !expected.includes(sender);
  const isNobody = device === null && expected.length === 0;
  if (!NO_CONTEXT.has(event.reason) || !(isNobody || isOther)) return null;
  const suspects = suspectsOf(fault);
  const suspect = sender ?? suspects.at(0) ?? null;
  if (suspect === null) return null;
  const list = suspects.map((one) => one.name).join(', ');
  return {
    code: 'ALIAS_REQUESTER',
    confidence: isNobody ? CONFIDENCE.CERTAIN : CONFIDENCE.STRONG,
    explanation: `${isNobody ? `No function has the id ${name}` : `${name} did not send this`}: ${suspect.name} used it as requester id for its own DMA (a phantom function or an alias), and the kernel attached a domain to the id it knows only.`,
    evidence: [
      list === '' ? `No other function is on bus ${name.slice(0, 7)}.` : `Functions beside it: ${list}.`,
      ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`]),
    ],
    subject: suspect.subject,
    remedies: [
      advice(
        `Have the kernel know the alias: a quirk (pci_add_dma_alias) that names ${name.slice(-4)} for ${suspect.name}, so that both ids get the domain; they are then one group.`,
      ),
      advice(
        'Switch remapping off for the machine (intel_iommu=off). Pass-through does not help: the id still has no entry.',
        true,
      ),
    ],
  };
};

/** Functions that could have used the id: of the same slot, else of the same bus. Bridges do no DMA of their own. */
function suspectsOf({ platform, unit, requester }: FaultCase) {
  const at = pciAddressOf(unit.segment, requester.sourceId);
  const onBus = [...platform.kernel.devices.values()].filter(
    ({ address, fn }) => address.domain === at.domain && address.bus === at.bus && !fn.isBridge,
  );
  const inSlot = onBus.filter(({ address }) => address.device === at.device);
  return inSlot.length > 0 ? inSlot : onBus;
}
