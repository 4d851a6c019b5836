import type { IncomingMessage } from 'node:http';

/**
 * Whether a request may have come from a page of this server, or from no page at all.
 *
 * A browser names the page's origin on what another site's page sends, WebSockets included, which no CORS
 * rule covers. Programs that are no browser send none.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}
