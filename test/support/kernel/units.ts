import type { UnitPlan } from './host.js';

/** A unit that serves a second device and cannot do one thing. */
export function unitWithout(capability: 'SMTS' | 'PASID'): UnitPlan {
  const ecap =
    capability === 'SMTS' ? { SMTS: 0, PASID: 0, PSS: 0, SRS: 0, SSTS: 0, RPS: 0 } : { PASID: 0, PSS: 0 };
  return { devices: ['0000:6b:00.0'], ecap };
}
