import fc from 'fast-check';
import { pfnOf } from '../../src/bits/u64.js';
import { graphWith } from '../support/platform/graph.js';

const DOMAIN_PAGES = 20_000;
const FIRST = 16;

/** A domain whose small pages continue each other, but for the pages taken out of it. */
async function domainWithout(holes: readonly number[]) {
  const graph = await graphWith({ box: 'legacy-desktop' });
  const platform = graph.host.platform('box')!;
  await graph.send(['allocDomain', { platform: 'Platform:box' }]);
  const domain = [...platform.kernel.domains.values()].at(-1)!;
  const id = `Domain:box/${domain.number}`;
  const all = { iova: `${FIRST * 4096}`, physical: '0x40001000', size: `${DOMAIN_PAGES * 4096}` };
  await graph.send(['map', { domain: id, ...all }]);
  const unmap = (page: number) =>
    graph.send(['unmap', { domain: id, iova: `${(FIRST + page) * 4096}`, size: '4096' }]);
  await Promise.all(holes.map(unmap));
  return { graph, domain, id, unmap };
}

interface Seen {
  readonly node: {
    readonly platform: { readonly revision: number };
    readonly mappings: {
      readonly totalCount: number;
      readonly nodes: readonly { readonly iova: string; readonly size: string }[];
      readonly pageInfo: Readonly<Record<'hasNextPage' | 'hasPreviousPage', boolean>> &
        Readonly<Record<'startCursor' | 'endCursor', string | null>>;
    };
  };
}

const asking = (id: string) => `query ($first: Int, $last: Int, $after: Cursor, $before: Cursor) {
  node(id: "${id}") { ... on Domain {
    platform { revision }
    mappings(first: $first, last: $last, after: $after, before: $before) {
      totalCount nodes { iova size } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  } }
}`;

const holes = fc.uniqueArray(fc.integer({ min: 0, max: DOMAIN_PAGES - 1 }), { maxLength: 60 });

test('pages of any size walk through all ranges of a large domain, from either end', async () => {
  await fc.assert(
    fc.asyncProperty(holes, fc.integer({ min: 1, max: 25 }), async (without, size) => {
      const { graph, domain, id } = await domainWithout(without);
      // What is left between the holes, by arithmetic.
      const left: string[] = [];
      const edges = [-1, ...without.toSorted((a, b) => a - b), DOMAIN_PAGES];
      for (const [index, hole] of edges.slice(0, -1).entries()) {
        const pages = edges[index + 1] - hole - 1;
        if (pages > 0) left.push(`${(FIRST + hole + 1) * 4096}+${pages * 4096}`);
      }
      expect([...domain.mappings()].map(({ iova, size: bytes }) => `${pfnOf(iova) * 4096}+${bytes}`)).toEqual(
        left,
      );
      const page = async (args: Record<string, unknown>) => {
        const { mappings } = (await graph.ask<Seen>(asking(id), args)).node;
        expect(mappings.totalCount).toBe(left.length);
        return {
          ...mappings.pageInfo,
          ranges: mappings.nodes.map((each) => `${Number(each.iova)}+${each.size}`),
        };
      };
      const forwards: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const cut = await page({ first: size, after });
        forwards.push(...cut.ranges);
        ({ endCursor: after, hasNextPage: more } = cut);
      }
      expect(forwards).toEqual(left);
      const backwards: string[] = [];
      for (let before: string | null = null, more = true; more;) {
        const cut = await page({ last: size, before });
        backwards.unshift(...cut.ranges);
        ({ startCursor: before, hasPreviousPage: more } = cut);
      }
      expect(backwards).toEqual(left);
    }),
    { numRuns: 5 },
  );
});

test('ranges that take long to read are of the moment they were asked for, and others are answered first', async () => {
  const { graph, id, unmap } = await domainWithout([1, 3]);
  const answered: string[] = [];
  const asked = graph.ask<Seen>(asking(id), { last: 2 }).finally(() => answered.push('ranges'));
  await unmap(DOMAIN_PAGES - 1).finally(() => answered.push('unmap'));
  const { platform, mappings } = (await asked).node;
  expect(answered).toEqual(['unmap', 'ranges']);
  expect(platform.revision).toBe(4);
  expect(mappings.totalCount).toBe(3);
  expect(mappings.nodes.at(-1)).toMatchObject({ size: `${(DOMAIN_PAGES - 4) * 4096}` });
});
