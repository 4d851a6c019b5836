import { Packr } from 'msgpackr';
import { LogError } from './log-error.js';

/** `copyBuffers`: bytes that are read back must not keep a page of the store, or another entry, alive. */
const packr = new Packr({ useRecords: false, copyBuffers: true });

/**
 * Plain data as MessagePack, in memory that others share: whoever keeps it for long copies it.
 *
 * What would not come back as it went in is refused here, before it is acknowledged: a replay that reads
 * something else than was applied would build another machine.
 */
export function encode(value: unknown): Uint8Array {
  if (!isPlain(value)) throw new LogError('NOT_PLAIN_DATA', findOffence(value, 'entry')!);
  return packr.pack(value);
}

/** The value of bytes made by {@link encode}; byte strings come back as `Uint8Array`. */
export function decode(bytes: Uint8Array): unknown {
  // A Buffer would hand out Buffers; a view of the same bytes hands out what was stored.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** The same as finding no offence, without a path for every field: this is asked of every command. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      // UTF-8 has no code for half a surrogate pair; JSON text can carry one all the same.
      return value.isWellFormed();
    case 'number':
    case 'boolean':
    case 'undefined':
      return true;
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null || value instanceof Uint8Array) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  if (isOfClass(value)) return false;
  for (const key in value) {
    if (!key.isWellFormed() || !isPlain((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

/** Object.prototype, of whichever realm, is the prototype that has none itself. */
function isOfClass(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

/** Where and why a value is not plain data; null when it is. */
function findOffence(value: unknown, path: string): string | null {
  if (isPlain(value)) return null;
  if (typeof value === 'string') return `${path} is a string with an unpaired surrogate`;
  if (typeof value !== 'object' || value === null) return `${path} is a ${typeof value}`;
  if (Array.isArray(value)) {
    const index = value.findIndex((item) => !isPlain(item));
    return findOffence(value[index], `${path}[${index}]`);
  }
  if (isOfClass(value)) return `${path} is an object of class ${value.constructor.name}`;
  for (const [key, field] of Object.entries(value)) {
    const offence = findOffence(key, `a key of ${path}`) ?? findOffence(field, `${path}.${key}`);
    if (offence !== null) return offence;
  }
  return null;
}
