import { TranslationCaches } from '../dist/hardware/caches/translation-caches.js';
import { NEED_READ, SecondStageWalker } from '../dist/hardware/translate/second-stage-walk.js';
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
const ALL_PERMISSIONS = 3;
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
    rows.push(await compare(limit, bareWalk(space, addresses, `second-stage walk, random in ${text}`)));
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
  const walker = new SecondStageWalker(space.memory, space.capabilities, HOST_ADDRESS_WIDTH);
  const { halves } = addresses;
  const { firstFrame } = space;
  let sum = 0;
  return {
    name,
    operations: WALKS,
    target: 1.5,
    run: () => {
      let total = 0;
      for (let index = 0; index < halves.length; index += 2) {
        if (
          walker.walk(firstFrame, LEVELS, ALL_PERMISSIONS, halves[index + 1], halves[index], NEED_READ) === 0
        ) {
          total = (total + ((walker.leafHi & 0xfffff) << 20) + (walker.leafLo >>> 12)) | 0;
        }
      }
      sum = total;
    },
    sum: () => sum,
    expected: sumOfFrames(space, addresses),
    command: 'walk',
  };
}

function request(space, addresses, { name, target }) {
  const translation = new UnitTranslation({
    translationEnabled: true,
    rootTable: { address: space.rootTable, ttm: TTM_SCALABLE, ssirwe: false },
    memory: space.memory,
    capabilities: space.capabilities,
    hostAddressWidth: HOST_ADDRESS_WIDTH,
    caches: new TranslationCaches(),
    recordFault: (fault) => {
      throw new Error(`fault ${fault.reason}`);
    },
  });
  const { halves } = addresses;
  let sum = 0;
  return {
    name,
    operations: WALKS,
    target,
    run: () => {
      let total = 0;
      for (let index = 0; index < halves.length; index += 2) {
        if (translation.translateFast(SOURCE_ID, PASID, halves[index + 1], halves[index], NEED_READ) === 0) {
          total = (total + ((translation.physicalHi & 0xfffff) << 20) + (translation.physicalLo >>> 12)) | 0;
        }
      }
      sum = total;
    },
    sum: () => sum,
    expected: sumOfFrames(space, addresses),
    command: `walk-full ${SOURCE_ID} ${PASID}`,
  };
}
