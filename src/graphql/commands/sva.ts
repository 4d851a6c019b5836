import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';
import { UserMemoryInput, userRange } from './vfio.js';

/** Largest number of a process. Linux: PID_MAX_LIMIT. */
const MAX_PROCESS = 4194304;

export const SvaBindInput = builder.inputType('SvaBindInput', {
  description: 'A device that is to share the address space of a process.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    process: t.int({
      required: true,
      description:
        'A number of your own for the process, 1 to 4194304. Devices bound to one number share one PASID and one set of tables.',
    }),
    userMemory: t.field({
      type: [UserMemoryInput],
      description:
        'What the process has mapped; everything below 2^47 readable and writable when left out. Looked at by the first bind of the process.',
    }),
    ...requestFields(t),
  }),
});

export const SvaUnbindInput = builder.inputType('SvaUnbindInput', {
  description: 'A device that is to stop sharing the address space of a process.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    process: t.int({ required: true, description: 'The number it was bound under.' }),
    ...requestFields(t),
  }),
});

export function askSvaBind(input: typeof SvaBindInput.$inferInput): Asked<'svaBind'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const { process: pid } = input;
  if (pid < 1 || pid > MAX_PROCESS)
    throw new InvalidInputError(['input', 'process'], `Processes are 1 to ${MAX_PROCESS}, not ${pid}.`);
  const userMemory = input.userMemory == null ? null : input.userMemory.map(userRange);
  const command = { type: 'svaBind', device: id.key, process: pid, userMemory } as const;
  return { platform: id.platform, command };
}

export function askSvaUnbind(input: typeof SvaUnbindInput.$inferInput): Asked<'svaUnbind'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const command = { type: 'svaUnbind', device: id.key, process: input.process } as const;
  return { platform: id.platform, command };
}
