import { IoPageTable } from '../dist/kernel/intel/page-table.js';
import { decodeCapabilities } from '../dist/layout/capability.js';
import { packPasidDirectoryEntry } from '../dist/layout/pasid-directory-entry.js';
import { packPasidEntry } from '../dist/layout/pasid-entry.js';
import { packScalableRootEntry } from '../dist/layout/root-entry.js';
import { packScalableContextEntry } from '../dist/layout/scalable-context-entry.js';
import { FrameAllocator } from '../dist/memory/frame-allocator.js';
import { HostMemory } from '../dist/memory/host-memory.js';

/** Registers of a Sapphire Rapids unit. */
const VERSION = 0x60;
const CAPABILITY = { hi: 0x19ed008c, lo: 0x40780c66 };
const EXTENDED_CAPABILITY = { hi: 0x3ef9e, lo: 0xa6f050df };
export const HOST_ADDRESS_WIDTH = 52;

/** 6a:01.0 and a PASID that needs the second entry of the directory. */
export const SOURCE_ID = 0x6a08;
export const PASID = 70;

const PAGES = 2 ** 20;
const FIRST_PFN = 0x12345_00000 / 4096;
/** Physical frames are in another order than pages, so that a wrong page shows. */
const FIRST_PHYSICAL = 0x900000;
const READ_WRITE = 3;
const LEVELS = 4;
const TABLE_FRAMES = 4096;
const FRAME_BYTES = 4096;
/** Widths in AW: 2 is 48 bits. */
const ADDRESS_WIDTH_48 = 2;
const SECOND_STAGE = 2;

/** 4 GiB in 4 KiB pages behind one device and PASID, as tables in memory. */
export function buildAddressSpace() {
  const memory = new HostMemory(2 ** HOST_ADDRESS_WIDTH);
  memory.useSlab(0);
  const frames = new FrameAllocator(0, TABLE_FRAMES);
  const [root, context, directory, pasids] = Array.from({ length: 4 }, () => frames.allocate() * FRAME_BYTES);
  const table = new IoPageTable(memory, frames, LEVELS, READ_WRITE, 0);
  const report = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  // Runs of 64 pages, dealt out so that physical neighbours are not neighbours in the address space.
  const runs = PAGES / 64;
  for (let run = 0; run < runs; run++) {
    const dealt = (run * 5) % runs;
    table.map(FIRST_PFN + run * 64, FIRST_PHYSICAL + dealt * 64, 64, READ_WRITE, 0, report);
  }
  const store = (address, words) => words.forEach((word, index) => memory.store64(address + index * 8, word));
  store(
    root + (SOURCE_ID >>> 8) * 16,
    packScalableRootEntry({ LP: true, LCTP: context, UP: false, UCTP: 0 }),
  );
  store(
    context + (SOURCE_ID & 127) * 32,
    packScalableContextEntry({ P: true, PASIDE: true, PDTS: 0, PASIDDIRPTR: directory, RID_PASID: 0 }),
  );
  store(directory + (PASID >>> 6) * 8, [packPasidDirectoryEntry({ P: true, SMPTBLPTR: pasids })]);
  store(
    pasids + (PASID & 63) * 64,
    packPasidEntry({
      P: true,
      AW: ADDRESS_WIDTH_48,
      PGTT: SECOND_STAGE,
      SSPTPTR: table.rootFrame * FRAME_BYTES,
      DID: 7,
    }),
  );
  return {
    memory,
    table,
    firstPfn: FIRST_PFN,
    capabilities: decodeCapabilities(VERSION, CAPABILITY, EXTENDED_CAPABILITY),
    rootTable: root,
    firstFrame: table.rootFrame,
    /** What the C program loads: every frame with a table in it. */
    image: memory.readBytes(0, (4 + table.tableFrames) * FRAME_BYTES),
    translate: (pfn) => table.translate(pfn),
  };
}

/** Addresses in the first `pages` pages, in an order no prefetcher guesses, as halves and as 64-bit words. */
export function randomAddresses(count, pages) {
  const halves = new Int32Array(count * 2);
  let state = 12345;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const pfn = FIRST_PFN + ((state >>> 12) % pages);
    halves[index * 2] = (pfn << 12) | (state & 0xfff);
    halves[index * 2 + 1] = Math.floor(pfn / 2 ** 20);
  }
  return { halves, bytes: new Uint8Array(halves.buffer) };
}

/** Sum of the frames these addresses are mapped to, found by the kernel's own lookup. */
export function sumOfFrames(space, { halves }) {
  let sum = 0;
  for (let index = 0; index < halves.length; index += 2) {
    sum += space.translate(halves[index + 1] * 2 ** 20 + (halves[index] >>> 12));
  }
  return sum % 2 ** 32;
}
