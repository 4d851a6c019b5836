import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { hex, sender } from '../text.js';

/** LGN.1, SGN.1, SGN.4, SGN.5, SFL.5: the address has more bits than the tables, or is not canonical. */
const BEYOND: ReadonlySet<number> = new Set([0x04, 0x74, 0x80, 0x83, 0x84]);
const NOT_CANONICAL = 0x80;

/** The address is wider than what the domain or the unit translates. */
export const addressWidth: CauseRule = ({ fault, requester, domain, unit, platform }) => {
  if (!BEYOND.has(fault.reason)) return null;
  const { maxGuestAddressWidth } = unit.capabilities;
  const isPhysical = fault.addressType === 'TRANSLATED' || domain?.type === 'IDENTITY';
  const hostWidth = platform.header.description.dmar?.hostAddressWidth;
  const limit = isPhysical
    ? `host addresses here have ${hostWidth} bits`
    : domain === null
      ? `${fault.unit} translates ${maxGuestAddressWidth} bits`
      : `domain ${domain.number} translates ${domain.addressWidth} bits${domain.firstLevel ? ', the upper half of them only for the kernel' : ''}`;
  return {
    code: fault.reason === NOT_CANONICAL ? 'ADDRESS_NOT_CANONICAL' : 'ADDRESS_WIDTH',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, fault)} used ${hex(fault.address)}, and ${limit}: no mapping can be there.`,
    evidence: [`CAP.MGAW of ${fault.unit}: ${maxGuestAddressWidth} bits.`],
    subject: domain?.subject ?? { kind: 'IommuUnit', name: fault.unit },
    remedies: [
      advice(
        `Give the device addresses below ${hex(2 ** Math.min(52, domain?.addressWidth ?? maxGuestAddressWidth))}: dma_set_mask() in its driver, or fewer address bits for the guest.`,
      ),
    ],
  };
};
