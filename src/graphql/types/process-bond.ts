import type { ProcessMemory } from '../../kernel/sva/process-memory.js';
import { u64FromPfn } from '../../bits/u64.js';
import { builder } from '../builder.js';

export const ProcessBond = builder
  .objectRef<{ readonly users: number; readonly mm: ProcessMemory }>('ProcessBond')
  .implement({
    description: 'The address space of a process, shared with a device. Linux: struct iommu_sva.',
    fields: (t) => ({
      process: t.int({ description: 'The number it was bound under.', resolve: ({ mm }) => mm.pid }),
      pasid: t.int({
        description: "The process's PASID, the same on every device.",
        resolve: ({ mm }) => mm.pasid,
      }),
      users: t.exposeInt('users', { description: 'How often this device was bound, less the unbinds.' }),
      rootTableAddress: t.field({
        type: 'Address',
        description: "Where the process's own top table lies, which the unit walks.",
        resolve: ({ mm }) => u64FromPfn(mm.rootFrame),
      }),
      presentBytes: t.field({
        type: 'ByteSize',
        description: 'What is in its tables so far: pages are put there when they are asked for.',
        resolve: ({ mm }) => mm.table.mappedPages * 4096,
      }),
    }),
  });
