import type { DmaRequest } from '../../../src/hardware/request.js';
import { word } from './words.js';

interface RequestFields extends Partial<Omit<DmaRequest, 'address'>> {
  readonly sourceId: number;
  readonly address: string;
}

/** A request with everything not named left at its plainest: an untranslated user read without PASID. */
export function request(fields: RequestFields): DmaRequest {
  return {
    pasid: null,
    type: 'READ',
    addressType: 'UNTRANSLATED',
    privileged: false,
    execute: false,
    noWrite: false,
    zeroLength: false,
    ...fields,
    address: word(fields.address),
  };
}
