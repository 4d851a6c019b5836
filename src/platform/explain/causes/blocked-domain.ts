import { VFIO_IOMMU } from '../../../kernel/vfio/objects.js';
import { devicesOf } from '../domain.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { hex, sender } from '../text.js';

/** Everything the table mode aborts. Spec: VT-d 11.4.5 "Root Table Address Register", TTM 11b. */
const ABORT_MODE = 0x33;

/** The requester is meant to reach nothing: its group belongs to user space, which has given it no domain yet. */
export const blockedDomain: CauseRule = (fault) => {
  const { fault: event, requester, domain } = fault;
  if (event.reason === ABORT_MODE) {
    return {
      code: 'BLOCKED_DOMAIN',
      confidence: CONFIDENCE.CERTAIN,
      explanation: `${event.unit} aborts every request: its table mode (TTM) says so.`,
      evidence: [`RTADDR of ${event.unit} has TTM 3.`],
      subject: { kind: 'IommuUnit', name: event.unit },
      remedies: [advice('Set the root table again with a table mode that translates.')],
    };
  }
  const group = devicesOf(requester)[0]?.group ?? null;
  const isBlocking = domain !== null && (domain.type === 'BLOCKED' || group?.blockingDomain === domain);
  if (!isBlocking) return null;
  return {
    code: 'BLOCKED_DOMAIN',
    confidence: CONFIDENCE.CERTAIN + 1,
    explanation: `${sender(requester.name, event)} wanted ${hex(event.address)} while its group is blocked: ${
      group?.owned === true ? `group ${group.number} belongs to user space, which` : 'its owner'
    } has given it no domain yet, and until then the device reaches nothing.`,
    evidence: [`Domain ${domain.number}, of type ${domain.type}, is there to block and maps nothing.`],
    subject: group === null ? domain.subject : { kind: 'Group', number: group.number },
    remedies: [
      ...setIommu(fault),
      advice('Keep the device quiet (reset, bus mastering off) until its container has mappings.'),
    ],
  };
};

/** The container gets its address space, and the group a domain in it. */
function setIommu({ platform, requester }: FaultCase): Remedy[] {
  const group = devicesOf(requester)[0]?.group ?? null;
  const container = group === null ? null : platform.kernel.vfio.containerOf(group);
  if (container === null || container.iommu !== null) return [];
  return [
    {
      text: `Set the IOMMU type of container ${container.number}, then map what the device may reach.`,
      commands: [{ type: 'setContainerIommu', container: container.number, iommuType: VFIO_IOMMU.TYPE1V2 }],
      weakensIsolation: false,
    },
  ];
}
