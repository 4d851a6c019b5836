import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';
import { type NodeId, decodeId } from './ids.js';
import { type NodeView, eventView, platformView, subjectView } from './views.js';

/** The object an id stands for; null when there is none. Only the id the object itself has counts. */
export function lookUp(host: PlatformHost, id: string): NodeView | null {
  const decoded = decodeId(id);
  const platform = decoded === null ? null : host.platform(decoded.platform);
  const found = decoded === null || platform === null ? null : find(platform, decoded);
  return found?.id === id ? found : null;
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
