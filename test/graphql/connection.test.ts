import fc from 'fast-check';
import { pageOf } from '../../src/graphql/connection.js';

const numbers = (items: readonly number[]) => (args: Parameters<typeof pageOf>[2]) =>
  pageOf(
    'numbers',
    items,
    args,
    (item) => item,
    (item, key) => item - Number(key),
  );

describe('a page of a sorted list', () => {
  const page = numbers([10, 20, 30, 40]);
  const cursors = page({}).edges.map(({ cursor }) => cursor);

  test('holds everything when no size is given', () => {
    expect(page({}).edges.map(({ node }) => node)).toEqual([10, 20, 30, 40]);
    expect(page({}).pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  });

  test('first and after cut from the front', () => {
    const cut = page({ first: 2, after: cursors[0] });
    expect(cut.edges.map(({ node }) => node)).toEqual([20, 30]);
    expect(cut.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: true,
      startCursor: cursors[1],
      endCursor: cursors[2],
    });
  });

  test('last and before cut from the back', () => {
    const cut = page({ last: 1, before: cursors[3] });
    expect(cut.edges.map(({ node }) => node)).toEqual([30]);
    expect(cut.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });

  test('a cursor stays good when its element is gone', () => {
    const later = numbers([10, 30, 40, 50]);
    expect(later({ after: cursors[1] }).edges.map(({ node }) => node)).toEqual([30, 40, 50]);
  });

  test('totalCount counts the whole list', () => {
    expect(page({ first: 1 }).totalCount!()).toBe(4);
  });

  test('negative sizes, and first with last, are refused by name', () => {
    expect(() => page({ first: -1 })).toThrow('first is -1');
    expect(() => page({ first: 1, last: 1 })).toThrow('Give first or last, not both.');
  });

  test('a cursor of another list, or none at all, is refused', () => {
    expect(() => page({ after: 'nonsense' })).toThrow('is not one of this list');
    const other = pageOf(
      'others',
      [1],
      {},
      (item) => item,
      () => 0,
    ).edges[0].cursor;
    expect(() => page({ after: other })).toThrow('is not one of this list');
  });

  test('walking by pages of any size gives the list, forwards and backwards', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000)), fc.integer({ min: 1, max: 7 }), (values, size) => {
        const items = [...values].sort((a, b) => a - b);
        const walk = numbers(items);
        const forwards: number[] = [];
        for (let after: string | null = null; ;) {
          const cut = walk({ first: size, after });
          forwards.push(...cut.edges.map(({ node }) => node));
          after = cut.pageInfo.endCursor;
          if (!cut.pageInfo.hasNextPage) break;
        }
        const backwards: number[] = [];
        for (let before: string | null = null; ;) {
          const cut = walk({ last: size, before });
          backwards.unshift(...cut.edges.map(({ node }) => node));
          before = cut.pageInfo.startCursor;
          if (!cut.pageInfo.hasPreviousPage) break;
        }
        expect(forwards).toEqual(items);
        expect(backwards).toEqual(items);
      }),
    );
  });
});
