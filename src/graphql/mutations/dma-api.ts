import type { DmaMapped, DmaUnmapped } from '../../platform/verbs/device.js';
import { builder } from '../builder.js';
import { DmaMapInput, DmaUnmapInput, askDmaMap, askDmaUnmap } from '../commands/dma-api.js';
import { DeviceRef, DomainRef } from '../refs.js';
import { deviceView, domainView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const DmaMapPayload = payloadType<'DmaMapPayload', DmaMapped>(
  'DmaMapPayload',
  'A device can reach memory of its driver.',
);
DmaMapPayload.implement((t) => ({
  device: t.field({
    type: DeviceRef,
    description: 'The device.',
    resolve: ({ platform, value }) => deviceView(platform, value.device),
  }),
  address: t.field({
    type: 'Address',
    description: 'The address it is to use: an I/O address, or the physical one where nothing translates.',
    resolve: ({ value }) => value.address,
  }),
}));
const DmaMapResult = resultUnion('DmaMapResult', DmaMapPayload.ref, 'KERNEL');

const DmaUnmapPayload = payloadType<'DmaUnmapPayload', DmaUnmapped>(
  'DmaUnmapPayload',
  'A driver is done with a mapping.',
);
DmaUnmapPayload.implement((t) => ({
  device: t.field({
    type: DeviceRef,
    description: 'The device.',
    resolve: ({ platform, value }) => deviceView(platform, value.device),
  }),
  domain: t.field({
    type: DomainRef,
    nullable: true,
    description: 'The domain it was unmapped in; null where addresses are physical ones.',
    resolve: ({ platform, value }) => (value.domain === null ? null : domainView(platform, value.domain)),
  }),
}));
const DmaUnmapResult = resultUnion('DmaUnmapResult', DmaUnmapPayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  dmaMap: t.field({
    type: DmaMapResult,
    description:
      'Lets a device reach memory of its host driver, at an I/O address the kernel chooses. Linux: dma_map_page_attrs().',
    args: { input: t.arg({ type: DmaMapInput, required: true, description: 'What to map.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DmaMapPayload', input, askDmaMap),
  }),
  dmaUnmap: t.field({
    type: DmaUnmapResult,
    description:
      'Takes such a mapping back. In a strict domain the caches forget it at once; in a lazy one it waits in Domain.flushQueue, and until that is flushed the device can reach the memory still. Linux: dma_unmap_page_attrs().',
    args: { input: t.arg({ type: DmaUnmapInput, required: true, description: 'What to unmap.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DmaUnmapPayload', input, askDmaUnmap),
  }),
}));
