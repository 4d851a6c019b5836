import type { OutputRef } from '@pothos/core';
import { GraphQLError } from 'graphql';
import { builder } from './builder.js';
import { inTurns } from './in-turns.js';
import { decodeCursor, encodeCursor } from './cursors.js';

/** Largest page of a list that grows without bound. */
export const MAX_PAGE = 10_000;
/** Page of such a list when no size is asked for. */
export const DEFAULT_PAGE = 1_000;

/** An element with its cursor, which is made when it is asked for: most queries ask for the nodes alone. */
export class Edge<T> {
  constructor(
    readonly node: T,
    private readonly cursorOf: (node: T) => string,
  ) {}

  get cursor(): string {
    return this.cursorOf(this.node);
  }
}

export interface PageArgs {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
}

export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly pageInfo: PageInfoShape;
  /** Computed only when asked for; null in a list too long to count, whose connection has no such field. */
  readonly totalCount: (() => number | Promise<number>) | null;
}

interface PageInfoShape {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

const PageInfo = builder.objectRef<PageInfoShape>('PageInfo').implement({
  description: 'Where a page lies in its list. Relay cursor connections.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Whether elements follow this page.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether elements precede this page.',
    }),
    startCursor: t.expose('startCursor', {
      type: 'Cursor',
      nullable: true,
      description: 'Cursor of the first element; null on an empty page.',
    }),
    endCursor: t.expose('endCursor', {
      type: 'Cursor',
      nullable: true,
      description: 'Cursor of the last element; null on an empty page.',
    }),
  }),
});

/** The four arguments of every connection. */
export const pageArgs = builder.args((arg) => ({
  first: arg.int({ description: 'Give at most this many elements, from the start or from `after`.' }),
  after: arg.field({ type: 'Cursor', description: 'Give elements that follow the one with this cursor.' }),
  last: arg.int({ description: 'Give at most this many elements, up to the end or to `before`.' }),
  before: arg.field({ type: 'Cursor', description: 'Give elements that precede the one with this cursor.' }),
}));

interface ConnectionOptions<T> {
  /** Whether it tells how many there are; it does when left out. */
  readonly totalCount?: boolean;
  /** Whether pages may be longer than {@link DEFAULT_PAGE}, of elements that stay as they are; such are given in turns. */
  readonly isLong?: boolean;
  /** What an element is looked at by, when it is not the element itself. */
  readonly shown?: (node: T) => T | Promise<T>;
}

/** Makes the `XConnection` and `XEdge` types of a node type. */
export function connectionType<T>(name: string, node: OutputRef<T>, options: ConnectionOptions<T> = {}) {
  const { shown = (element: T) => element, isLong = false } = options;
  const given = <E>(elements: readonly E[]) =>
    isLong && elements.length > DEFAULT_PAGE ? inTurns(elements) : elements;
  const EdgeType = builder.objectRef<{ cursor: string; node: T }>(`${name}Edge`).implement({
    description: `One ${name} of a list, with its cursor.`,
    fields: (t) => ({
      cursor: t.field({
        type: 'Cursor',
        description: 'The place of this element in the list.',
        resolve: (edge) => edge.cursor,
      }),
      node: t.field({
        type: node as never,
        description: 'The element.',
        resolve: (edge) => shown(edge.node) as never,
      }),
    }),
  });
  return builder.objectRef<Page<T>>(`${name}Connection`).implement({
    description: `A page of a list of ${name} objects.`,
    fields: (t) => ({
      edges: t.field({
        type: [EdgeType],
        description: 'The elements with their cursors.',
        resolve: (page) => given(page.edges) as never,
      }),
      nodes: t.field({
        type: [node] as never,
        description: 'The elements alone.',
        resolve: (page) => given(page.edges.map((edge) => shown(edge.node))) as never,
      }),
      pageInfo: t.field({
        type: PageInfo,
        description: 'Where this page lies in the list.',
        resolve: (page) => page.pageInfo,
      }),
      ...(options.totalCount === false
        ? {}
        : {
            totalCount: t.int({
              description: 'Number of elements in the whole list, after filters.',
              resolve: (page) => page.totalCount!(),
            }),
          }),
    }),
  });
}

/** Refuses negative sizes, and first together with last, as the Relay specification advises. */
export function checkPage({ first, last }: PageArgs, max = Number.MAX_SAFE_INTEGER): void {
  for (const [name, size] of [
    ['first', first],
    ['last', last],
  ] as const) {
    if (size === null || size === undefined) continue;
    if (size < 0 || size > max) {
      throw new GraphQLError(
        `${name} is ${size}; give ${max === Number.MAX_SAFE_INTEGER ? 'a non-negative integer' : `0 to ${max}`}.`,
        {
          extensions: { code: 'BAD_PAGE', http: { status: 400 } },
        },
      );
    }
  }
  if (first != null && last != null) {
    throw new GraphQLError('Give first or last, not both.', {
      extensions: { code: 'BAD_PAGE', http: { status: 400 } },
    });
  }
}

/**
 * Cuts a page out of a list that is in memory and sorted by key.
 *
 * @param list names the list in its cursors
 * @param compare orders an element against a decoded cursor key, as a sort function would
 */
export function pageOf<T>(
  list: string,
  items: readonly T[],
  args: PageArgs,
  keyOf: (item: T) => string | number,
  compare: (item: T, key: string) => number,
): Page<T> {
  checkPage(args);
  let from = 0;
  let end = items.length;
  if (args.after != null) {
    const key = decodeCursor(list, 'after', args.after);
    from = lowerBound(items, (item) => compare(item, key) <= 0);
  }
  if (args.before != null) {
    const key = decodeCursor(list, 'before', args.before);
    end = Math.max(
      from,
      lowerBound(items, (item) => compare(item, key) < 0),
    );
  }
  if (args.first != null) end = Math.min(end, from + args.first);
  if (args.last != null) from = Math.max(from, end - args.last);
  const cursorOf = (node: T) => encodeCursor(list, keyOf(node));
  const edges = items.slice(from, end).map((node) => new Edge(node, cursorOf));
  return {
    edges,
    pageInfo: pageInfo(edges, from > 0, end < items.length),
    totalCount: () => items.length,
  };
}

export function pageInfo(
  edges: readonly { readonly cursor: string }[],
  hasPreviousPage: boolean,
  hasNextPage: boolean,
): PageInfoShape {
  return {
    hasNextPage,
    hasPreviousPage,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges[edges.length - 1]?.cursor ?? null,
  };
}

/** Index of the first element for which the claim does not hold; it holds for a prefix. */
function lowerBound<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
