import type { PlatformHost } from '../platform/host.js';

/** What every resolver gets: the platforms of this server. */
export interface GraphContext {
  readonly host: PlatformHost;
}
