import { type U64, isZero } from '../bits/u64.js';
import { formatPciAddress, parsePciAddress, pciAddressOf, sourceIdOf } from '../bits/pci-address.js';
import type { DmaRequest, RequestType } from '../hardware/index.js';
import { parseNumber } from './numbers.js';

/** A line that is no request; the message says why. */
export class RequestError extends Error {}

const ACCESS: Readonly<Record<string, { readonly type: RequestType; readonly execute: boolean }>> = {
  read: { type: 'READ', execute: false },
  write: { type: 'WRITE', execute: false },
  atomic: { type: 'ATOMIC', execute: false },
  // Spec: VT-d 3.4: an execute request is a read with ER set, which only a request-with-PASID can have.
  execute: { type: 'READ', execute: true },
};

/** Longest piece of a wrong value a message repeats. */
const QUOTED = 60;

/**
 * One line as a request: `sourceId`, `iova`, `access` and, where there is one, `pasid`. Other fields are
 * left alone. A dump belongs to one unit, so the domain of a source id is not looked at.
 */
export function parseRequest(line: string): DmaRequest {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    throw new RequestError(`not JSON: ${quoted(line)}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new RequestError(`not an object: ${quoted(content)}`);
  }
  const fields = content as Readonly<Record<string, unknown>>;
  const access = typeof fields.access === 'string' ? accessOf(fields.access) : undefined;
  if (access === undefined) throw wrong('access', fields.access, 'read, write, execute or atomic');
  const address = parseNumber(fields.iova);
  if (address === null) throw wrong('iova', fields.iova, 'a 64-bit address');
  return {
    sourceId: sourceIdFrom(fields.sourceId),
    pasid: pasidFrom(fields.pasid),
    address,
    type: access.type,
    addressType: 'UNTRANSLATED',
    privileged: false,
    execute: access.execute,
    noWrite: false,
    zeroLength: false,
  };
}

/** `00:05.0 PASID 5`, as messages and tables name a requester. */
export function requesterName(request: DmaRequest): string {
  const name = formatPciAddress(pciAddressOf(0, request.sourceId)).slice('0000:'.length);
  return request.pasid === null ? name : `${name} PASID 0x${request.pasid.toString(16)}`;
}

function accessOf(name: string): (typeof ACCESS)[string] | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(ACCESS, key) ? ACCESS[key] : undefined;
}

function sourceIdFrom(value: unknown): number {
  const address = typeof value === 'string' ? parsePciAddress(value) : null;
  if (address !== null) return sourceIdOf(address);
  const number = parseNumber(value);
  if (number === null || !isBelow(number, 16)) throw wrong('sourceId', value, 'a function like 0000:00:05.0');
  return number.lo;
}

function pasidFrom(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  const number = parseNumber(value);
  if (number === null || !isBelow(number, 20)) throw wrong('pasid', value, 'a number of 20 bits');
  return number.lo;
}

function isBelow(value: U64, bits: number): boolean {
  return isZero({ hi: value.hi, lo: value.lo >>> bits });
}

function wrong(name: string, value: unknown, expected: string): RequestError {
  const what = value === undefined ? `"${name}" is missing` : `"${name}" is ${quoted(value)}`;
  return new RequestError(`${what}; it must be ${expected}`);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > QUOTED ? `${text.slice(0, QUOTED)}...` : text;
}
