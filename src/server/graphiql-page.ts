import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { GraphiqlTab } from './graphiql-tabs.js';

/** The page, ready to send. */
export interface GraphiqlPage {
  readonly html: Buffer;
  readonly gzipped: Buffer;
}

/**
 * What the page may load: its own inlined scripts, styles, fonts and workers, and this server. The policy is
 * for this page alone; everything else gets a stricter one.
 */
export const GRAPHIQL_POLICY = [
  "default-src 'self'",
  "script-src 'unsafe-inline' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'font-src data:',
  "img-src data: 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * GraphiQL in one document of some 9 MB, nothing of it fetched from elsewhere. Rendered and compressed once,
 * at the first visit: most servers are never visited.
 */
export function graphiqlPage(tabs: readonly GraphiqlTab[]): () => Promise<GraphiqlPage> {
  let page: Promise<GraphiqlPage> | null = null;
  return () => (page ??= render(tabs));
}

async function render(tabs: readonly GraphiqlTab[]): Promise<GraphiqlPage> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = Buffer.from(
    renderGraphiQL({
      title: 'iommu-graph',
      subscriptionsProtocol: 'WS',
      defaultTabs: tabs.map(({ query, variables }) => ({ query, variables: variables ?? null })),
    }),
  );
  return { html, gzipped: await promisify(gzip)(html) };
}
