import {
  REGISTER,
  blocked,
  messages,
  reads32,
  recordFrom,
  recordIs,
  request,
  store,
  vector,
  write32,
  writeAt,
} from './steps.mjs';
import { LEGACY_ROOT, legacy, translationOn } from './fixtures.mjs';

const EVENT = [0xfee00000, 0x41];
const RECORD = recordIs(0x8000000500000010n, 0x4012345000n);

/** Fixture L with a read-only page and the fault event as `control` says. */
function recording(id, title, { options, control = 0 } = {}, ...steps) {
  const setup = [
    store(0x15a28, 0x7abcd001),
    write32('FEDATA', EVENT[1]),
    write32('FEADDR', EVENT[0]),
    write32('FECTL', control),
    translationOn(LEGACY_ROOT),
  ];
  return vector(id, title, legacy(options), setup, ...steps);
}

/** S2 again: a write to the read-only page. */
const write = (recorded = true) =>
  request({ sourceId: 0x10, address: 0x4012345678n, type: 'WRITE' }, blocked(0x05, recorded));
/** A function that has no context entry. */
const strayRead = (sourceId, recorded = true) =>
  request({ sourceId, address: 0x4012345678n }, blocked(0x02, recorded));
const clearRecord = (index) => writeAt(`FRCD${index}`, REGISTER.FRCD + 16 * index + 12, 0x80000000);

export const FAULTS = [
  recording(
    'S58',
    'the first fault sets PPF and sends one message',
    {},
    write(),
    reads32('FSTS', 0x2),
    messages(EVENT),
    RECORD,
  ),
  recording(
    'S59',
    'a second source before software acts overflows without a second message',
    {},
    write(),
    strayRead(0x18, false),
    reads32('FSTS', 0x3),
    RECORD,
    messages(EVENT),
  ),
  recording(
    'S60',
    'the same source again on a unit that collapses',
    { options: { collapsesFaults: true } },
    write(),
    write(false),
    reads32('FSTS', 0x2),
  ),
  recording(
    'S60-plain',
    'the same source again on a unit that does not collapse',
    {},
    write(),
    write(false),
    reads32('FSTS', 0x3),
  ),
  recording('S61', 'clearing F drops PPF', {}, write(), clearRecord(0), reads32('FSTS', 0)),
  recording(
    'S62',
    'clearing PFO alone frees no record',
    {},
    write(),
    strayRead(0x18, false),
    write32('FSTS', 0x1),
    reads32('FSTS', 0x2),
    strayRead(0x18, false),
    RECORD,
  ),
  recording(
    'S63',
    'a masked event stays pending and is sent when the mask goes',
    { control: 0x80000000 },
    write(),
    reads32('FECTL', 0xc0000000),
    messages(),
    write32('FECTL', 0),
    messages(EVENT),
    reads32('FECTL', 0),
  ),
  recording(
    'S64',
    'four records take four faults, the fifth overflows, FRI stays at the first',
    { options: { cap: { NFR: 3 } } },
    write(),
    strayRead(0x18),
    strayRead(0x20),
    [0x10, 0x18, 0x20].map((sourceId, index) => recordFrom(index, sourceId)),
    reads32('FSTS', 0x2),
    messages(EVENT),
    strayRead(0x28),
    recordFrom(3, 0x28),
    reads32('FSTS', 0x2),
    strayRead(0x30, false),
    reads32('FSTS', 0x3),
  ),
  recording(
    'S65',
    'records are taken in turn even when an earlier one is free',
    { options: { cap: { NFR: 3 } } },
    write(),
    strayRead(0x18),
    strayRead(0x20),
    clearRecord(0),
    strayRead(0x28),
    recordFrom(3, 0x28),
    reads32('FSTS', 0x2),
    strayRead(0x30),
    recordFrom(0, 0x30),
  ),
];
