import { InvalidInputError, NotFoundError } from '../platform/errors.js';
import { badRequest } from './bad-request.js';

/** Types whose objects have an id, with the word that stands before the colon. */
export type NodeKind =
  | 'Platform'
  | 'Device'
  | 'Subdevice'
  | 'SoftwareDevice'
  | 'SoftwareSubdevice'
  | 'IommuUnit'
  | 'Group'
  | 'Domain'
  | 'VfioContainer'
  | 'Event';

/** A decoded id: `Device:demo/0000:6a:01.0` is kind Device, platform demo, key 0000:6a:01.0. */
export interface NodeId {
  readonly kind: NodeKind;
  readonly platform: string;
  /** Empty for a platform. */
  readonly key: string;
}

const KINDS: ReadonlySet<string> = new Set<NodeKind>([
  'Platform',
  'Device',
  'Subdevice',
  'SoftwareDevice',
  'SoftwareSubdevice',
  'IommuUnit',
  'Group',
  'Domain',
  'VfioContainer',
  'Event',
]);

export function encodeId(kind: NodeKind, platform: string, key: string | number): string {
  return kind === 'Platform' ? `Platform:${platform}` : `${kind}:${platform}/${key}`;
}

/** Null when the text is not an id this API could have given out. */
export function decodeId(id: string): NodeId | null {
  const match = /^([A-Za-z]+):([^/]+)(?:\/(.+))?$/.exec(id);
  if (!match || !KINDS.has(match[1])) return null;
  const kind = match[1] as NodeKind;
  if ((kind === 'Platform') !== (match[3] === undefined)) return null;
  return { kind, platform: match[2], key: match[3] ?? '' };
}

/** Decodes an id argument that must be of one of the given kinds; the path names the argument. */
export function requireId(id: string, path: readonly string[], ...kinds: readonly NodeKind[]): NodeId {
  const decoded = decodeId(id);
  if (decoded === null) throw new NotFoundError('object', id, null, id);
  if (!kinds.includes(decoded.kind)) {
    throw new InvalidInputError(
      path,
      `"${id}" is the id of a ${decoded.kind}; ${path.join('.')} takes ${kinds.join(' or ')}.`,
    );
  }
  return decoded;
}

/** A key that must be a number, such as a group's or a domain's. */
export function numberKey(id: NodeId, original: string): number {
  if (!/^\d{1,15}$/.test(id.key)) throw new NotFoundError(id.kind, id.key, id.platform, original);
  return Number(id.key);
}

/** As {@link requireId}, for mutations whose result has no InvalidInputError: another kind names nothing there. */
export function requireKnownKind(id: string, kind: NodeKind): NodeId {
  const decoded = decodeId(id);
  if (decoded === null || decoded.kind !== kind) throw new NotFoundError(kind, id, null, id);
  return decoded;
}

/**
 * The key of an id that a filter of a query names: an object of the platform that is looked at, whether it is there now
 * or not, since events tell of what is gone.
 *
 * @param argument as the query writes it, such as `filter.domain`
 */
export function filterKey(
  id: string,
  argument: string,
  kind: NodeKind,
  platform: string,
  form = /^/,
): string {
  const decoded = decodeId(id);
  if (decoded?.kind === kind && decoded.platform === platform && form.test(decoded.key)) return decoded.key;
  throw badRequest(`${argument} is "${id.slice(0, 80)}"; give the id of a ${kind} of platform ${platform}.`);
}

/** The same for objects that have a number. */
export function filterNumber(id: string, argument: string, kind: NodeKind, platform: string): number {
  return Number(filterKey(id, argument, kind, platform, /^\d{1,15}$/));
}
