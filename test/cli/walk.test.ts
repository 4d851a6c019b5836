import { execFileSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { runWalk } from '../../src/cli/walk.js';
import { built } from '../support/built.js';
import { dumpOf } from '../support/cli/dump-directory.js';
import { type WalkRequest, askWalk, walkPieces } from '../support/cli/run-walk.js';
import { LEGACY_IOVA, legacyBench } from '../support/hardware/fixture-legacy.js';
import { FIRST_STAGE, VIRTUAL_ADDRESS, scalableBench } from '../support/hardware/fixture-scalable.js';
import type { Bench } from '../support/hardware/unit-builder.js';

const completed = (physical: string, pageSize: number, ...access: string[]) => ({
  outcome: 'COMPLETED',
  physical,
  pageSize,
  access,
});
const faulted = (reason: number, step: string | null) => ({ outcome: 'FAULTED', reason, step });
const from = (sourceId: string, iova: string | number, fields: Partial<WalkRequest> = {}): WalkRequest => ({
  sourceId,
  iova,
  access: 'read',
  ...fields,
});

/** Fixture L with some entries changed, walked for its mapped address. */
async function legacyWalk(stores: readonly [number, string][], access = 'read'): Promise<unknown> {
  const bench = changed(legacyBench(), stores);
  const [answer] = await askWalk(dumpOf(bench), [from('00:02.0', LEGACY_IOVA, { access })]);
  return answer;
}

function changed(bench: Bench, stores: readonly [number, string][]): Bench {
  for (const [address, word] of stores) bench.store(address, word);
  return bench;
}

describe('walk over a legacy dump (fixture L)', () => {
  test.each<[string, [number, string][], string, unknown]>([
    ['a mapped page', [], 'read', completed('0x7abcd678', 4096, 'READ', 'WRITE')],
    ['a read-only page', [[0x15a28, '0x7ABCD001']], 'read', completed('0x7abcd678', 4096, 'READ')],
    ['a write-only page', [[0x15a28, '0x7ABCD002']], 'write', completed('0x7abcd678', 4096, 'WRITE')],
    ['a 2 MiB page', [[0x14488, '0x40000083']], 'read', completed('0x40145678', 2 ** 21, 'READ', 'WRITE')],
    ['a 1 GiB page', [[0x13800, '0x80000083']], 'read', completed('0x92345678', 2 ** 30, 'READ', 'WRITE')],
    ['pass-through', [[0x11100, '0x12009']], 'read', completed('0x4012345678', 0, 'READ', 'WRITE')],
    ['an absent root entry', [[0x10000, '0x11000']], 'read', faulted(0x01, 'ROOT')],
    ['a reserved bit in the root entry', [[0x10000, '0x11003']], 'read', faulted(0x0a, 'ROOT')],
    ['an absent context entry', [[0x11100, '0x12000']], 'read', faulted(0x02, 'CONTEXT')],
    ['a reserved translation type', [[0x11100, '0x1200D']], 'read', faulted(0x03, 'CONTEXT')],
    ['a write to a read-only page', [[0x15a28, '0x7ABCD001']], 'write', faulted(0x05, 'SL1')],
    ['an atomic on a read-only page', [[0x15a28, '0x7ABCD001']], 'atomic', faulted(0x05, 'SL1')],
    ['a read of a write-only page', [[0x15a28, '0x7ABCD002']], 'read', faulted(0x06, 'SL1')],
    ['a level without permission', [[0x14488, '0x15000']], 'read', faulted(0x06, 'SL2')],
    ['a reserved bit in level 3', [[0x13800, '0x14803']], 'read', faulted(0x0c, 'SL3')],
    ['a page-size bit in level 4', [[0x12000, '0x13083']], 'read', faulted(0x0c, 'SL4')],
    ['an output in the interrupt range', [[0x15a28, '0xFEE00003']], 'read', faulted(0x0e, 'SL1')],
  ])('%s', async (_what, stores, access, expected) => {
    expect(await legacyWalk(stores, access)).toEqual(expected);
  });

  test('an address beyond the guest width stops at the context entry', async () => {
    const requests = [from('00:02.0', '0x1000000000000')];
    expect(await askWalk(dumpOf(legacyBench()), requests)).toEqual([faulted(0x04, 'CONTEXT')]);
  });

  test('the interrupt range: a write is an interrupt, a read is refused before any table', async () => {
    const requests = [from('00:02.0', '0xfee00000', { access: 'write' }), from('00:02.0', '0xfeefffff')];
    expect(await askWalk(dumpOf(legacyBench()), requests)).toEqual([
      { outcome: 'INTERRUPT' },
      faulted(0x29, null),
    ]);
  });

  test('a dump with translation disabled passes every address', async () => {
    const bench = legacyBench();
    bench.command('TE', false);
    expect(await askWalk(dumpOf(bench), [from('00:02.0', '0x123')])).toEqual([
      completed('0x123', 0, 'READ', 'WRITE'),
    ]);
  });
});

describe('walk over a scalable dump (fixture S)', () => {
  test('each PASID is walked through its own tables', async () => {
    const requests = [
      from('6a:01.0', '0x5123'),
      from('6a:10.0', '0x5123'),
      from('6a:01.0', VIRTUAL_ADDRESS, { pasid: 5 }),
      from('6a:01.0', VIRTUAL_ADDRESS, { pasid: 6 }),
      from('6a:01.0', '0x12345000', { pasid: 7 }),
      from('6a:01.0', '0x5010', { pasid: 0x47 }),
    ];
    expect(await askWalk(dumpOf(scalableBench()), requests)).toEqual([
      completed('0xabc5123', 4096, 'READ', 'WRITE'),
      completed('0xabc5123', 4096, 'READ', 'WRITE'),
      completed('0xdef0890', 4096, 'READ', 'WRITE'),
      completed('0xabc5890', 4096, 'READ', 'WRITE'),
      completed('0x12345000', 0, 'READ', 'WRITE'),
      completed('0xbcd5010', 4096, 'READ', 'WRITE'),
    ]);
  });

  test('each table a walk may stop at is named', async () => {
    const requests = [
      from('6b:01.0', '0x5123'),
      from('6a:02.0', '0x5123'),
      from('6a:01.0', '0x5123', { pasid: 0x80 }),
      from('6a:01.0', '0x5123', { pasid: 8 }),
      from('6a:01.0', '0x7000'),
      from('6a:01.0', '0x40000000'),
      from('6a:01.0', '0x0', { pasid: 5 }),
      from('6a:01.0', '0x7f1234566000', { pasid: 5 }),
      from('6a:01.0', '0x800000000000', { pasid: 5 }),
      from('6a:01.0', '0x5123', { pasid: 0 }),
    ];
    expect(await askWalk(dumpOf(scalableBench()), requests)).toEqual([
      faulted(0x39, 'ROOT'),
      faulted(0x41, 'CONTEXT'),
      faulted(0x51, 'PASID_DIRECTORY'),
      faulted(0x59, 'PASID'),
      faulted(0x79, 'SL1'),
      faulted(0x79, 'SL3'),
      faulted(0x71, 'FL4'),
      faulted(0x71, 'FL1'),
      faulted(0x80, 'PASID'),
      faulted(0x48, 'CONTEXT'),
    ]);
  });

  test('a nested walk names the stage that refused', async () => {
    const guestLeaf = changed(scalableBench(), [[0x93000 + 8 * 0x167, '0x5006']]);
    const hostLeaf = changed(scalableBench(), [[0x43028, '0x0']]);
    const request = [from('6a:01.0', VIRTUAL_ADDRESS, { pasid: 6 })];
    expect(await askWalk(dumpOf(guestLeaf), request)).toEqual([faulted(0x71, 'FL1')]);
    expect(await askWalk(dumpOf(hostLeaf), request)).toEqual([faulted(0x79, 'SL1')]);
  });

  test('an execute request is part of the protocol up to major version 7', async () => {
    const request = [from('6a:01.0', VIRTUAL_ADDRESS, { pasid: 5, access: 'execute' })];
    // ERE is bit 1 of word 2 of the PASID entry, and ERS bit 30 of ECAP.
    const bench = changed(scalableBench({ ecap: { ERS: 1 } }), [[0x31150, '0x50022']]);
    expect(await askWalk(dumpOf(bench), request)).toEqual([
      completed('0xdef0890', 4096, 'READ', 'WRITE', 'EXECUTE'),
    ]);
    expect(await askWalk(dumpOf(scalableBench()), request)).toEqual([faulted(0x5c, 'PASID')]);
    expect(await askWalk(dumpOf(scalableBench({ version: 0x80 })), request)).toEqual([faulted(0x34, null)]);
  });

  test('walking sets no accessed bit and remembers nothing', async () => {
    const bench = scalableBench();
    const directory = dumpOf(bench);
    const request = from('6a:01.0', VIRTUAL_ADDRESS, { pasid: 5, access: 'write' });
    const { output } = await walkPieces(directory, false, [
      Buffer.from(`${JSON.stringify(request)}\n${JSON.stringify(request)}\n`),
    ]);
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0007');
    expect(output.match(/0x000000000def0007/g)).toHaveLength(2);
  });
});

describe('the protocol', () => {
  const directory = () => dumpOf(legacyBench());
  const line = (fields: object) => JSON.stringify(fields) + '\n';
  const MAPPED = { sourceId: '0000:00:02.0', pasid: null, iova: LEGACY_IOVA, access: 'read' };
  const ANSWER =
    '{"outcome":"COMPLETED","physical":"0x7abcd678","pageSize":4096,"access":["READ","WRITE"]}\n';
  const ask = async (text: string) => (await walkPieces(directory(), true, [Buffer.from(text)])).output;

  test.each<[string, object]>([
    ['a decimal string', { iova: '275183326840' }],
    ['a number', { iova: 275183326840 }],
    ['capital hexadecimal', { iova: '0X4012345678' }],
    ['a function without domain', { sourceId: '00:02.0' }],
    ['a source id as a number', { sourceId: 0x10 }],
    ['a source id as hexadecimal', { sourceId: '0x10' }],
    ['no PASID', { pasid: undefined }],
    ['capital letters', { access: 'READ' }],
    ['fields it does not know', { comment: 'from a trace', length: 4 }],
  ])('takes %s', async (_what, fields) => {
    expect(await ask(line({ ...MAPPED, ...fields }))).toBe(ANSWER);
  });

  test.each<[string, string, RegExp]>([
    ['text', 'walk 0x1000\n', /^line 1: not JSON: "walk 0x1000"$/],
    ['a list', '[1]\n', /^line 1: not an object/],
    ['null', 'null\n', /^line 1: not an object/],
    ['no address', line({ ...MAPPED, iova: undefined }), /^line 1: "iova" is missing/],
    ['an address of 65 bits', line({ ...MAPPED, iova: '0x10000000000000000' }), /^line 1: "iova" is/],
    ['a decimal address of 65 bits', line({ ...MAPPED, iova: '18446744073709551616' }), /^line 1: "iova" is/],
    ['an address a double rounds', line({ ...MAPPED, iova: 2 ** 60 }), /^line 1: "iova" is/],
    ['a negative address', line({ ...MAPPED, iova: -1 }), /^line 1: "iova" is -1/],
    ['no source', line({ ...MAPPED, sourceId: undefined }), /^line 1: "sourceId" is missing/],
    ['device 32', line({ ...MAPPED, sourceId: '00:20.0' }), /^line 1: "sourceId" is "00:20.0"/],
    ['a source of 17 bits', line({ ...MAPPED, sourceId: 65536 }), /^line 1: "sourceId" is 65536/],
    ['a PASID of 21 bits', line({ ...MAPPED, pasid: 2 ** 20 }), /^line 1: "pasid" is 1048576/],
    ['an unknown access', line({ ...MAPPED, access: 'toString' }), /^line 1: "access" is "toString"/],
    ['half a line', '{"sourceId":', /^line 1: not JSON/],
  ])('answers %s with an error that names the line', async (_what, text, message) => {
    const answer = JSON.parse(await ask(text)) as unknown;
    expect(answer).toEqual({ outcome: 'ERROR', message: expect.stringMatching(message) as string });
  });

  test('answers in order and goes on after an error; the last line needs no end', async () => {
    const out = await ask(`${line(MAPPED)}\r\n  \nnope\n${JSON.stringify(MAPPED)}`);
    const error = '{"outcome":"ERROR","message":"line 4: not JSON: \\"nope\\""}\n';
    expect(out).toBe(ANSWER + error + ANSWER);
  });

  test('gives the same answers however the input is cut', async () => {
    const text = Buffer.from(line(MAPPED) + line({ ...MAPPED, note: 'größer €' }) + 'ü\n' + line(MAPPED));
    const pieces = Array.from(text, (byte) => Buffer.from([byte]));
    const whole = await walkPieces(directory(), true, [text]);
    expect(await walkPieces(directory(), true, pieces)).toEqual(whole);
    expect(whole.output.split('\n')).toHaveLength(5);
    expect(whole.output).toContain('ü');
  });

  test('without input there is no output', async () => {
    expect(await walkPieces(directory(), true, [])).toEqual({ status: 0, output: '', errors: '' });
  });

  test('a reader that leaves early is no failure, a full disk is', async () => {
    expect(await statusWith('EPIPE')).toEqual({ status: 0, errors: '' });
    expect(await statusWith('ENOSPC')).toEqual({ status: 1, errors: 'walk: ENOSPC\n' });
  });

  async function statusWith(code: string): Promise<{ status: number; errors: string }> {
    const failure = Object.assign(new Error(code), { code });
    const output = new Writable({ write: (_chunk, _encoding, done) => done(failure) });
    let said = '';
    const errors = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        said += chunk.toString();
        done();
      },
    });
    async function* endless(): AsyncGenerator<string> {
      for (;;) {
        yield line(MAPPED);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const status = await runWalk({ directory: directory(), json: true, input: endless(), output, errors });
    return { status, errors: said };
  }

  test('the built program answers on standard output', () => {
    const run = execFileSync('node', [built('main.js'), 'walk', directory(), '--json'], {
      input: line(MAPPED),
      encoding: 'utf8',
    });
    expect(run).toBe(ANSWER);
  });
});

describe('tables for people', () => {
  test('show the unit once, then every entry read and how it ended', async () => {
    const bench = scalableBench();
    const requests = [
      from('6a:01.0', '0x12345000', { pasid: 7 }),
      from('6a:01.0', '0x7000'),
      from('6a:01.0', '0xfee00000', { access: 'write' }),
    ];
    const text = requests.map((request) => JSON.stringify(request) + '\n').join('') + 'nope\n';
    const { output } = await walkPieces(dumpOf(bench), false, [Buffer.from(text)]);
    expect(output.split('\n')).toEqual([
      'VT-d 5.0, scalable-mode tables, root table 0x20000; 22 pages of memory, host addresses of 39 bits',
      '',
      '6a:01.0 PASID 0x7 READ 0x12345000',
      '  table            index  entry at  content',
      '  ROOT             0x6a   0x206a0   0x0000000000021001 0x0000000000022001',
      '  CONTEXT          0x08   0x21100   0x0000000000030009 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '  PASID_DIRECTORY  0x00   0x30000   0x0000000000031001',
      '  PASID            0x07   0x311c0   0x0000000000000109 0x0000000000000001',
      '                                    0x0000000000000000 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '  COMPLETED  0x12345000, passed through, READ WRITE',
      '',
      '6a:01.0 READ 0x7000',
      '  table            index  entry at  content',
      '  ROOT             0x6a   0x206a0   0x0000000000021001 0x0000000000022001',
      '  CONTEXT          0x08   0x21100   0x0000000000030009 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '  PASID_DIRECTORY  0x00   0x30000   0x0000000000031001',
      '  PASID            0x00   0x31000   0x0000000000040089 0x0000000000000010',
      '                                    0x0000000000000000 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '                                    0x0000000000000000 0x0000000000000000',
      '  SL4              0x00   0x40000   0x0000000000041003',
      '  SL3              0x00   0x41000   0x0000000000042003',
      '  SL2              0x00   0x42000   0x0000000000043003',
      '  SL1              0x07   0x43038   0x0000000000000000  not present',
      '  FAULTED  reason 0x79 at SL1: SSL.2, SM: Read/Write permission error in second-level paging entry',
      '',
      '6a:01.0 WRITE 0xfee00000',
      '  INTERRUPT  a write to the interrupt range, no memory access',
      '',
      'ERROR  line 4: not JSON: "nope"',
      '',
    ]);
  });

  test('say which page is missing, and that translation is off', async () => {
    const bench = legacyBench();
    const input = [Buffer.from(JSON.stringify(from('00:02.0', '0x1000')))];
    const partial = await walkPieces(dumpOf(bench, [0x10]), false, input);
    expect(partial.output).toContain('  CONTEXT  0x10   0x11100   not in the dump\n');
    expect(partial.output).toContain('  UNKNOWN  page 0x11000 is not in the dump\n');
    bench.command('TE', false);
    const off = await walkPieces(dumpOf(bench), false, input);
    expect(off.output).toMatch(
      /^VT-d 1\.0, legacy tables, root table 0x10000, translation disabled; 6 pages/,
    );
  });
});
