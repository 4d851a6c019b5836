import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { mapGuest, setIommu, toContainer } from '../steps.js';

const PIECE = 0x200000;
const LIMIT = 8;

export const mappingLimit: Scene = {
  name: 'mapping-limit',
  title: 'Memory registered in 2 MiB pieces meets the limit of mappings',
  story:
    'Since a container may hold 65535 mappings only (vfio_iommu_type1.dma_entry_limit), a storage stack that maps every 2 MiB by itself stops at 128 GiB. Here the limit is 8. The fix maps neighbours together.',
  thread: 'https://github.com/spdk/spdk/issues/915',
  machine: desktop,
  kernel: { dmaEntryLimit: LIMIT },
  steps: [
    ...toContainer('0000:03:00.0'),
    setIommu,
    ...Array.from({ length: LIMIT + 1 }, (_, index) =>
      mapGuest(`Piece ${index + 1} is mapped.`, (index * PIECE).toString(16), PIECE),
    ),
  ],
  ending: {
    kind: 'REFUSAL',
    errno: 'ENOSPC',
    mirrors: 'vfio_dma_do_map',
    verdict: 'DMA_ENTRY_LIMIT',
    logLine: null,
  },
};
