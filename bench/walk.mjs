import { TranslationCaches } from '../dist/hardware/caches/translation-caches.js';
import { StraightWalk } from '../dist/hardware/translate/straight-walk.js';
import { UnitTranslation } from '../dist/hardware/translate/translate.js';
import {
  HOST_ADDRESS_WIDTH,
  PASID,
  SOURCE_ID,
  buildAddressSpace,
  randomAddresses,
  sumOfFrames,
} from './address-space.mjs';
import { compare } from './measure.mjs';

const WALKS = 2 ** 20;
const MEBIBYTE_PAGES = 256;
const TTM_SCALABLE = 1;
const LEVELS = 4;
const NEED_READ = 1;
/** Few enough that the IOTLB holds them all. */
const HOT_PAGES = 16;

/** The second-stage walk alone, and a whole request: root, context, PASID directory, PASID entry, tables. */
export async function walk(limit) {
  const space = buildAddressSpace();
  const image = limit?.file(space.image);
  const load = async (addresses, frame) => {
    await limit?.ask(`addresses ${limit.file(addresses.bytes)}`);
    await limit?.ask(`image ${frame} ${image}`);
  };
  const rows = [];
  for (const [text, pages] of [
    ['256 MiB', 256 * MEBIBYTE_PAGES],
    ['4 GiB', 4096 * MEBIBYTE_PAGES],
  ]) {
    const addresses = randomAddresses(WALKS, pages);
    await load(addresses, space.firstFrame * 4096);
    rows.push(
      await compare(
        limit,
        bareWalk(space, addresses, `second-stage walk with all checks, random in ${text}`),
      ),
    );
    await load(addresses, space.rootTable);
    rows.push(
      await compare(
        limit,
        request(space, addresses, { name: `whole request, random in ${text}`, target: 2.5 }),
      ),
    );
  }
  const hot = randomAddresses(WALKS, HOT_PAGES);
  await load(hot, space.rootTable);
  rows.push(
    await compare(
      limit,
      request(space, hot, { name: `whole request, ${HOT_PAGES} pages in the IOTLB`, target: 1.3 }),
    ),
  );
  return rows;
}

function bareWalk(space, addresses, name) {
  const walk = new StraightWalk(space.memory, space.capabilities, HOST_ADDRESS_WIDTH);
  return {
    ...shared(space, addresses, name, (halves) => sumOfWalks(walk, space.firstFrame, halves)),
    target: 2.5,
    command: 'walk',
  };
}

function request(space, addresses, { name, target }) {
  const { translation } = requestPath(space);
  return {
    ...shared(space, addresses, name, (halves) => sumOfRequests(translation, halves)),
    target,
    command: `walk-full ${SOURCE_ID} ${PASID}`,
  };
}

/** A unit's translation over the tables of an address space, with caches of its own; a fault ends the run. */
export function requestPath(space) {
  const caches = new TranslationCaches();
  const translation = new UnitTranslation({
    translationEnabled: true,
    rootTable: { address: space.rootTable, ttm: TTM_SCALABLE, ssirwe: false },
    memory: space.memory,
    capabilities: space.capabilities,
    hostAddressWidth: HOST_ADDRESS_WIDTH,
    caches,
    recordFault: (fault) => {
      throw new Error(`fault ${fault.reason}`);
    },
  });
  return { translation, caches };
}

function shared(space, addresses, name, sumOf) {
  let sum = 0;
  return {
    name,
    operations: WALKS,
    run: () => {
      sum = sumOf(addresses.halves);
    },
    sum: () => sum,
    expected: sumOfFrames(space, addresses),
  };
}

/** Frames of all addresses, added up. A walk that fails gives -1, which makes the sum wrong. */
function sumOfWalks(walk, rootFrame, halves) {
  const { length } = halves;
  let total = 0;
  for (let index = 0; index < length; index += 2) {
    total = (total + walk.pageOf(rootFrame, LEVELS, halves[index + 1], halves[index], NEED_READ)) | 0;
  }
  return total;
}

/** The same for requests; one that fails adds nothing. */
function sumOfRequests(translation, halves) {
  const { length } = halves;
  // Read once: what another module exports is looked up at every use.
  const sourceId = SOURCE_ID;
  const pasid = PASID;
  let total = 0;
  for (let index = 0; index < length; index += 2) {
    if (translation.translateFast(sourceId, pasid, halves[index + 1], halves[index], NEED_READ) === 0) {
      total = (total + (translation.physicalHi << 20) + (translation.physicalLo >>> 12)) | 0;
    }
  }
  return total;
}
