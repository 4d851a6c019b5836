import { decodeKernelLog } from '../../firmware/kernel-log/decode.js';
import type { DecodedLine } from '../../firmware/kernel-log/decoded-line.js';
import { builder } from '../builder.js';
import { DecodedLogKindEnum, DmaAccessEnum } from '../enums.js';
import { FaultReason } from './events/fault.js';

export const DecodedLogLine = builder.objectRef<DecodedLine>('DecodedLogLine').implement({
  description: 'A kernel log line read back into fields; a field the line does not state is null.',
  fields: (t) => ({
    line: t.exposeInt('line', { description: 'Its number in the text, from 1.' }),
    text: t.exposeString('text', {
      description: 'As it stands in the text; both lines of a fault that kernels before 4.3 print in two.',
    }),
    kind: t.expose('kind', { type: DecodedLogKindEnum, description: 'What it is about.' }),
    sourceId: t.expose('sourceId', {
      type: 'PciAddress',
      nullable: true,
      description: 'The device or requester it names. Fault lines name no segment, so theirs is always 0000.',
    }),
    pasid: t.int({
      nullable: true,
      description: 'PASID of the refused request; null when it had none.',
      resolve: ({ pasid }) => pasid,
    }),
    address: t.expose('address', {
      type: 'Address',
      nullable: true,
      description:
        'The page a refused request wanted, the table index of an interrupt, or the base of a unit or region.',
    }),
    access: t.expose('access', {
      type: DmaAccessEnum,
      nullable: true,
      description: 'The direction the line states; the kernel prints an AtomicOp as a read.',
    }),
    reason: t.expose('reason', {
      type: FaultReason,
      nullable: true,
      description: 'Why it was refused; a code that VT-d does not define has no mnemonic.',
    }),
    suppressed: t.int({
      nullable: true,
      description: 'Lines the kernel says it swallowed before this one.',
      resolve: ({ suppressed }) => suppressed,
    }),
  }),
});

builder.queryField('decodeKernelLog', (t) =>
  t.field({
    type: [DecodedLogLine],
    description:
      'The lines of a kernel log that are about remapping, read back into fields; other lines are left out.',
    args: {
      text: t.arg.string({
        required: true,
        description: 'Text of dmesg or syslog, with or without time stamps, prefixes and levels.',
      }),
    },
    resolve: (_root, { text }) => decodeKernelLog(text),
  }),
);
