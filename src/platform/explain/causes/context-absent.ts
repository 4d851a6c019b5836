import { domainsOf } from '../domains-of.js';
import { devicesOf } from '../domain.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { NO_CONTEXT } from '../reasons.js';
import { entry, sender } from '../text.js';

/** No domain is attached to the requester: its context entry, or the whole table of its bus, is not there. */
export const contextAbsent: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt } = fault;
  if (!NO_CONTEXT.has(event.reason)) return null;
  const last = domainsOf(fault).findLast(({ kind }) => kind === 'PRIMARY');
  const [device] = devicesOf(requester);
  const detached = last !== undefined && last.detachedBy !== null ? last : null;
  const who = sender(requester.name, event);
  return {
    code: 'CONTEXT_ABSENT',
    confidence: detached === null ? CONFIDENCE.LIKELY : CONFIDENCE.STRONG + 10,
    explanation:
      detached !== null
        ? `${who} was refused because no domain is attached: command ${detached.detachedBy} took domain ${detached.domain} from it, and the device went on.`
        : device === undefined || device.unit === null
          ? `${who} was refused because no domain is attached, and the kernel has no device that it would attach one to.`
          : `${who} was refused because its context entry is not present: it did DMA before a domain was attached, or behind the kernel's back.`,
    evidence: stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`],
    subject: device?.subject ?? { kind: 'IommuUnit', name: event.unit },
    remedies: [
      ...attachDefault(fault),
      advice('In the driver or firmware: stop the device (bus mastering off) before its domain is changed.'),
    ],
  };
};

function attachDefault({ requester }: FaultCase): Remedy[] {
  const [device] = devicesOf(requester);
  const group = device?.group ?? null;
  const domain = group?.defaultDomain ?? null;
  if (device === undefined || group === null || domain === null) return [];
  return [
    {
      text: `Attach domain ${domain.number}, the default one of group ${group.number}, again.`,
      commands: [{ type: 'attach', domain: domain.number, target: { kind: 'Group', number: group.number } }],
      weakensIsolation: false,
    },
  ];
}
