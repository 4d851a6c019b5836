import {
  hex,
  loads,
  messages,
  reads32,
  reads64,
  recordIs,
  store,
  vector,
  write32,
  write64,
} from './steps.mjs';
import { SCALABLE_ROOT, scalable, translationOn } from './fixtures.mjs';

const VA = 0x7f1234567890n;
const EVENT = [0xfee02000, 0x61];
const QUEUE = 0x80000;

/** A request of 6a:01.0 for the page of the fixture, last of group 3. */
const asks = (expect, { pasid = 5, write = true, last = true } = {}) => ({
  op: 'pageRequest',
  sourceId: hex(0x6a08),
  pasid: hex(pasid),
  address: hex(VA),
  read: true,
  write,
  last,
  groupIndex: '0x3',
  expect,
});

/** Fixture S with page requests enabled: a queue of one page and an unmasked event. */
function requesting(id, title, { context = 0x3001d, head = 0 } = {}, ...steps) {
  const setup = [
    store(0x21100, context),
    translationOn(SCALABLE_ROOT),
    write64('PQA', QUEUE),
    write64('PQH', head),
    write64('PQT', 0),
    write32('PEDATA', EVENT[1]),
    write32('PEADDR', EVENT[0]),
    write32('PECTL', 0),
  ];
  return vector(id, title, scalable(), setup, ...steps);
}

/** One more request would make the tail meet the head. */
const FULL = { head: 0x20 };

export const PAGE_REQUESTS = [
  requesting(
    'S52',
    'a page request while PRE=0 is recorded',
    { context: 0x30009 },
    asks('ANSWERED_INVALID', { write: false }),
    recordIs(0x8000054790006a08n, 0x7f1234567000n),
  ),
  requesting(
    'S93',
    'a page request is written at the tail and announced',
    {},
    asks('QUEUED'),
    loads(QUEUE, 0x56a080101n, 0x7f123456701fn, 0, 0),
    reads64('PQT', 0x20),
    reads32('PRS', 1),
    messages(EVENT),
  ),
  requesting(
    'S94',
    'a full queue overflows and is announced',
    FULL,
    asks('ANSWERED_SUCCESS'),
    reads32('PRS', 2),
    loads(QUEUE, 0),
    reads64('PQT', 0),
    messages(EVENT),
  ),
  requesting(
    'S94b',
    'after an overflow the last of a group is answered Success and the rest dropped',
    FULL,
    asks('ANSWERED_SUCCESS'),
    asks('ANSWERED_SUCCESS'),
    asks('DROPPED', { last: false }),
    reads32('PRS', 2),
    messages(EVENT),
  ),
  requesting(
    'S94c',
    'a page request of an absent PASID is recorded and answered Invalid Request',
    {},
    asks('ANSWERED_INVALID', { pasid: 8, write: false }),
    recordIs(0x8000085990006a08n, 0x7f1234567000n),
    reads64('PQT', 0),
  ),
  requesting(
    'S95',
    'a second request before software looks is queued without a new event',
    {},
    asks('QUEUED'),
    asks('QUEUED'),
    reads64('PQT', 0x40),
    messages(EVENT),
  ),
  requesting(
    'S96',
    'software clears PPR after taking everything up to the tail',
    {},
    asks('QUEUED'),
    write64('PQH', 0x20),
    write32('PRS', 1),
    reads32('PRS', 0),
  ),
];
