import { Packr } from 'msgpackr';
import { LogError } from './log-error.js';

/** `copyBuffers`: bytes that are read back must not keep a page of the store, or another entry, alive. */
const packr = new Packr({ useRecords: false, copyBuffers: true });

/**
 * Plain data as MessagePack.
 *
 * What would not come back as it went in is refused here, before it is acknowledged: a replay that reads
 * something else than was applied would build another machine.
 */
export function encode(value: unknown): Uint8Array {
  const offence = findOffence(value, 'entry');
  if (offence !== null) throw new LogError('NOT_PLAIN_DATA', offence);
  return new Uint8Array(packr.pack(value));
}

/** The value of bytes made by {@link encode}; byte strings come back as `Uint8Array`. */
export function decode(bytes: Uint8Array): unknown {
  // A Buffer would hand out Buffers; a view of the same bytes hands out what was stored.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

function findOffence(value: unknown, path: string): string | null {
  switch (typeof value) {
    case 'string':
      // UTF-8 has no code for half a surrogate pair; JSON text can carry one all the same.
      return value.isWellFormed() ? null : `${path} is a string with an unpaired surrogate`;
    case 'number':
    case 'boolean':
    case 'undefined':
      return null;
    case 'object':
      break;
    default:
      return `${path} is a ${typeof value}`;
  }
  if (value === null || value instanceof Uint8Array) return null;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const offence = findOffence(value[index], `${path}[${index}]`);
      if (offence !== null) return offence;
    }
    return null;
  }
  // Object.prototype, of whichever realm, is the prototype that has none itself.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path} is an object of class ${value.constructor.name}`;
  }
  for (const [key, field] of Object.entries(value)) {
    const offence = findOffence(key, `a key of ${path}`) ?? findOffence(field, `${path}.${key}`);
    if (offence !== null) return offence;
  }
  return null;
}
