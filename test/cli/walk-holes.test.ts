import { dumpOf, framesOf } from '../support/cli/dump-directory.js';
import { type WalkRequest, askWalk } from '../support/cli/run-walk.js';
import { LEGACY_IOVA, legacyBench } from '../support/hardware/fixture-legacy.js';
import { VIRTUAL_ADDRESS, scalableBench } from '../support/hardware/fixture-scalable.js';

const read = (sourceId: string, iova: string, pasid: number | null = null): WalkRequest => ({
  sourceId,
  pasid,
  iova,
  access: 'read',
});

const LEGACY = read('00:02.0', LEGACY_IOVA);
const SECOND_STAGE = read('6a:01.0', '0x5123');
const UPPER_HALF = read('6a:10.0', '0x5123');
const FIRST_STAGE = read('6a:01.0', VIRTUAL_ADDRESS, 5);
const NESTED = read('6a:01.0', VIRTUAL_ADDRESS, 6);
const PASS_THROUGH = read('6a:01.0', '0x12345000', 7);
const SECOND_DIRECTORY_ENTRY = read('6a:01.0', '0x5010', 0x47);

/** A read that finds nothing, so that what is found does not hide what was skipped. */
const UNMAPPED = read('6a:01.0', '0x7000');

describe('walking a dump with a page missing', () => {
  test.each([
    ['ROOT', 0x10000],
    ['CONTEXT', 0x11000],
    ['SL4', 0x12000],
    ['SL3', 0x13000],
    ['SL2', 0x14000],
    ['SL1', 0x15000],
  ])('legacy: without the page of the %s table the answer is not known', async (_level, page) => {
    const bench = legacyBench();
    const directory = dumpOf(
      bench,
      framesOf(bench).filter((frame) => frame !== page / 4096),
    );
    expect(await askWalk(directory, [LEGACY])).toEqual([
      { outcome: 'UNKNOWN', missing: '0x' + page.toString(16) },
    ]);
  });

  // Which pages each walk of fixture S reads, in order. Nested walks read second-stage tables all along.
  const SECOND_STAGE_PAGES = [0x40000, 0x41000, 0x42000, 0x43000];
  test.each([
    ['second-stage', SECOND_STAGE, [0x20000, 0x21000, 0x30000, 0x31000, ...SECOND_STAGE_PAGES]],
    ['upper half of the bus', UPPER_HALF, [0x20000, 0x22000, 0x30000, 0x31000, ...SECOND_STAGE_PAGES]],
    ['first-stage', FIRST_STAGE, [0x20000, 0x21000, 0x30000, 0x31000, 0x50000, 0x51000, 0x52000, 0x53000]],
    [
      'nested',
      NESTED,
      [
        ...[0x20000, 0x21000, 0x30000, 0x31000, ...SECOND_STAGE_PAGES],
        ...[0x90000, 0x91000, 0x92000, 0x93000],
      ],
    ],
    ['pass-through', PASS_THROUGH, [0x20000, 0x21000, 0x30000, 0x31000]],
    [
      'another directory entry',
      SECOND_DIRECTORY_ENTRY,
      [0x20000, 0x21000, 0x30000, 0x32000, 0x60000, 0x61000, 0x62000, 0x63000],
    ],
    ['a page that is not mapped', UNMAPPED, [0x20000, 0x21000, 0x30000, 0x31000, ...SECOND_STAGE_PAGES]],
  ])(
    'scalable, %s: each page the walk reads makes it unknown, any other changes nothing',
    async (_what, request, pages) => {
      const bench = scalableBench();
      const frames = framesOf(bench);
      const [whole] = await askWalk(dumpOf(bench), [request]);
      expect(whole).toMatchObject({ outcome: expect.stringMatching(/COMPLETED|FAULTED/) as string });
      for (const dropped of frames) {
        const directory = dumpOf(
          bench,
          frames.filter((frame) => frame !== dropped),
        );
        const [answer] = await askWalk(directory, [request]);
        const page = dropped * 4096;
        const expected = pages.includes(page)
          ? { outcome: 'UNKNOWN', missing: '0x' + page.toString(16) }
          : whole;
        expect({ page, answer }).toEqual({ page, answer: expected });
      }
      expect(frames.map((frame) => frame * 4096)).toEqual(expect.arrayContaining(pages));
    },
  );

  test('a dump without any page knows nothing but the interrupt range', async () => {
    const directory = dumpOf(legacyBench(), []);
    expect(
      await askWalk(directory, [LEGACY, { sourceId: '00:02.0', iova: '0xfee00000', access: 'write' }]),
    ).toEqual([{ outcome: 'UNKNOWN', missing: '0x10000' }, { outcome: 'INTERRUPT' }]);
  });

  test('a table pointer with a reserved bit is a fault, though the page it names is missing', async () => {
    const bench = legacyBench();
    bench.store(0x14488, '0x0000008000015003');
    expect(await askWalk(dumpOf(bench), [LEGACY])).toEqual([
      { outcome: 'FAULTED', reason: 0x0c, step: 'SL2' },
    ]);
  });
});
