import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';
import { type NodeId, decodeId } from './ids.js';
import { type NodeView, eventView, platformView, subjectView } from './views.js';

/**
 * Gives what a look at the object an id stands for gives: at once, unless a command rests in the middle of its
 * platform. Null stands for no object. Only the id the object itself has counts.
 */
export function lookUp<T>(
  host: PlatformHost,
  id: string,
  look: (found: NodeView | null) => T,
): T | Promise<T> {
  const decoded = decodeId(id);
  if (decoded === null) return look(null);
  return host.look(decoded.platform, (platform) => {
    const found = platform === null ? null : find(platform, decoded);
    return look(found?.id === id ? found : null);
  });
}

function find(platform: Platform, { kind, key }: NodeId): NodeView | null {
  switch (kind) {
    case 'Platform':
      return platformView(platform, platform);
    case 'Event': {
      const stamped = platform.events.at(Number(key));
      return stamped === undefined ? null : eventView(platform, stamped);
    }
    case 'Group':
    case 'Domain':
    case 'VfioContainer':
      return subjectView(platform, { kind, number: Number(key) });
    default:
      return subjectView(platform, { kind, name: key });
  }
}
