import type { PlatformHeader } from '../platform.js';

/**
 * The objects of a header in the order of the paths that lead to them. One that is reached by two paths is
 * there twice: a header that was stored and read again has two objects in its place, and the same paths.
 */
export interface HeaderParts {
  readonly byNumber: readonly object[];
  readonly numberOf: ReadonlyMap<object, number>;
}

const known = new WeakMap<PlatformHeader, HeaderParts>();

/** A platform refers to parts of its header, which never change; copies and images leave them out. */
export function partsOf(header: PlatformHeader): HeaderParts {
  const found = known.get(header);
  if (found !== undefined) return found;
  const byNumber: object[] = [];
  const numberOf = new Map<object, number>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!numberOf.has(value)) numberOf.set(value, byNumber.length);
    byNumber.push(value);
    if (!ArrayBuffer.isView(value)) Object.values(value).forEach(visit);
  };
  visit(header);
  const parts = { byNumber, numberOf };
  known.set(header, parts);
  return parts;
}
