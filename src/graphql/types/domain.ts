import { type U64, pfnOf } from '../../bits/u64.js';
import type { MappedRange } from '../../kernel/iommu/domain.js';
import type { PlatformHost } from '../../platform/host.js';
import type { Platform } from '../../platform/platform.js';
import { walkDomain } from '../../platform/tables.js';
import { builder } from '../builder.js';
import {
  DEFAULT_PAGE,
  MAX_PAGE,
  type Page,
  type PageArgs,
  checkPage,
  connectionType,
  pageArgs,
  pageInfo,
} from '../connection.js';
import { decodeNumberCursor, encodeCursor } from '../cursors.js';
import { DmaAccessEnum, DomainTypeEnum } from '../enums.js';
import { Node } from '../interfaces.js';
import { type Search, found } from '../long-search.js';
import { DomainRef, PlatformRef } from '../refs.js';
import { DomainView, platformView } from '../views.js';
import { IommuOps } from './kernel.js';
import { Attachment, accessList } from './node-fields.js';
import { WalkStep } from './walk.js';

const Mapping = builder.objectRef<MappedRange>('Mapping').implement({
  description: 'A run of pages that continue each other in I/O address, physical address, size and access.',
  fields: (t) => ({
    iova: t.field({ type: 'Address', description: 'First I/O address.', resolve: ({ iova }) => iova }),
    physical: t.field({
      type: 'Address',
      description: 'Where it leads.',
      resolve: ({ physical }) => physical,
    }),
    size: t.field({ type: 'ByteSize', description: 'Bytes.', resolve: ({ size }) => size }),
    pageSize: t.field({
      type: 'ByteSize',
      description: 'Bytes of each page.',
      resolve: ({ pageSize }) => pageSize,
    }),
    access: t.field({
      type: [DmaAccessEnum],
      description: 'What is allowed.',
      resolve: ({ read, write }) => accessList(read, write),
    }),
  }),
});

const MappingConnection = connectionType<MappedRange>('Mapping', Mapping, { isLong: true });

/** A 57-bit address has 45 bits of frame number. */
const LAST_PFN = 2 ** 45 - 1;

DomainRef.implement({
  description: 'An I/O address space. Hardware tags it with one domain id per unit, so it has no single DID.',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof DomainView,
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      description: 'The machine it belongs to.',
      resolve: ({ platform }) => platformView(platform, platform),
    }),
    type: t.field({ type: DomainTypeEnum, description: 'What it is for.', resolve: ({ it }) => it.type }),
    ops: t.field({
      type: IommuOps,
      description: 'The operations it was allocated from.',
      resolve: ({ it }) => it.ops,
    }),
    pageSizes: t.field({
      type: ['ByteSize'],
      description: 'Sizes the core may hand to the driver in one piece, smallest first.',
      resolve: ({ it }) => pageSizes(it.pageSizeBitmap),
    }),
    apertureStart: t.field({
      type: 'Address',
      description: 'First address it can translate.',
      resolve: ({ it }) => it.apertureStart,
    }),
    apertureLast: t.field({
      type: 'Address',
      description: 'Last address it can translate.',
      resolve: ({ it }) => it.apertureLast,
    }),
    attachments: t.field({
      type: [Attachment],
      description: 'Where it is attached, oldest first.',
      resolve: ({ platform, it }) => it.attachments.map((one) => ({ platform, it: one })),
    }),
    mappings: t.field({
      type: MappingConnection,
      description: 'Mapped ranges in IOVA order; neighbours that continue each other are one.',
      args: {
        ...pageArgs,
        from: t.arg({ type: 'Address', description: 'Only ranges that reach this address or lie above it.' }),
        to: t.arg({ type: 'Address', description: 'Only ranges that begin at or below this address.' }),
      },
      resolve: (view, args, { host }) => mappingPage(host, view, args),
    }),
    flushesWaiting: t.int({
      description:
        'Ranges that drivers unmapped and caches may hold still: those in the flush queue of a lazy domain. All are flushed together, 10 ms after the first came in or when 255 are full.',
      resolve: ({ it }) => it.flushQueue?.entries.length ?? 0,
    }),
    mappedBytes: t.field({
      type: 'ByteSize',
      description: 'Bytes mapped.',
      resolve: ({ it }) => it.mappedBytes,
    }),
    tableBytes: t.field({
      type: 'ByteSize',
      description: 'Bytes of table memory this domain uses.',
      resolve: ({ it }) => it.tableBytes,
    }),
    iovaToPhys: t.field({
      type: 'Address',
      nullable: true,
      description: "The kernel's iova_to_phys: null when nothing is mapped there.",
      args: { iova: t.arg({ type: 'Address', required: true, description: 'The I/O address.' }) },
      resolve: ({ platform, it }, { iova }) => platform.kernel.iovaToPhys(it, iova),
    }),
    walk: t.field({
      type: [WalkStep],
      description:
        'Every table entry read to translate the address, down to the leaf or to the entry that stops the walk.',
      args: { iova: t.arg({ type: 'Address', required: true, description: 'The I/O address.' }) },
      resolve: ({ platform, it }, { iova }) =>
        walkDomain(platform, it, iova).map((step) => ({ ...step, scalable: false })),
    }),
  }),
});

/** Sizes a bitmap stands for, smallest first. */
export function pageSizes(bitmap: U64): U64[] {
  const sizes: U64[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const size: U64 = bit < 32 ? { hi: 0, lo: (1 << bit) >>> 0 } : { hi: (1 << (bit - 32)) >>> 0, lo: 0 };
    if (((bitmap.hi & size.hi) | (bitmap.lo & size.lo)) !== 0) sizes.push(size);
  }
  return sizes;
}

type MappingArgs = PageArgs & { readonly from?: U64 | null; readonly to?: U64 | null };

/** A page of mappings, read from the tables only as far as the page reaches. */
function mappingPage(
  host: PlatformHost,
  { platform, it: { number } }: DomainView,
  args: MappingArgs,
): Page<MappedRange> | Promise<Page<MappedRange>> {
  checkPage(args, MAX_PAGE);
  return found(host, platform, (seen) => mappingsOn(host, seen, number, args));
}

function* mappingsOn(
  host: PlatformHost,
  platform: Platform,
  number: number,
  args: MappingArgs,
): Search<Page<MappedRange>> {
  const list = `mappings/${platform.name}/${number}`;
  const from = args.from == null ? 0 : pfnOf(args.from);
  const last = args.to == null ? LAST_PFN : Math.min(LAST_PFN, pfnOf(args.to));
  const after = args.after == null ? -1 : decodeNumberCursor(list, 'after', args.after);
  const before = args.before == null ? Infinity : decodeNumberCursor(list, 'before', args.before);
  const limit = args.first ?? (args.last == null ? DEFAULT_PAGE : Infinity);
  const newest = args.last ?? Infinity;
  let shown: MappedRange[] = [];
  let passedOver = false;
  let more = false;
  for (const range of rangesOf(platform, number, Math.max(from, after), last)) {
    if (range === null) {
      yield null;
      continue;
    }
    if (pfnOf(range.iova) <= after) continue;
    if (pfnOf(range.iova) >= before || shown.length === limit) {
      more = true;
      break;
    }
    shown.push(range);
    if (shown.length <= 2 * newest) continue;
    shown = shown.slice(shown.length - newest);
    passedOver = true;
  }
  if (shown.length > newest) {
    shown = shown.slice(shown.length - newest);
    passedOver = true;
  }
  const edges = shown.map((node) => ({ cursor: encodeCursor(list, pfnOf(node.iova)), node }));
  return {
    edges,
    pageInfo: pageInfo(edges, after >= 0 || passedOver, more),
    totalCount: () => found(host, platform, (seen) => count(rangesOf(seen, number, from, last))),
  };
}

/** Ranges of a domain; null where others may be served. */
function rangesOf({ kernel }: Platform, number: number, from: number, last: number) {
  return kernel.domains.get(number)?.mappingsInGoes(Math.max(0, from), last) ?? [];
}

function* count(ranges: Iterable<MappedRange | null>): Search<number> {
  let seen = 0;
  for (const range of ranges) {
    if (range === null) yield null;
    else seen++;
  }
  return seen;
}
