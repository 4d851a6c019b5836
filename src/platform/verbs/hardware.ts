import { InvalidInputError } from '../errors.js';
import { hardwareUnitOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface HardwareResults {
  pokeMemory: null;
  writeRegister: null;
  submitDescriptor: null;
}

/** The commands that go past the kernel: memory, registers and the queue as they are. */
export const HARDWARE_VERBS: VerbTable<HardwareResults> = {
  pokeMemory: (platform, { address, words }) => {
    const { memory } = platform.machine;
    const lastFrame = Math.floor((address + words.length * 8 - 1) / 4096);
    if (!memory.isReadable(lastFrame)) {
      throw new InvalidInputError(
        ['input', 'address'],
        `Host memory ends at 0x${memory.limit.toString(16)}.`,
      );
    }
    return () => {
      words.forEach((word, index) => memory.store64(address + index * 8, word));
      return null;
    };
  },
  writeRegister: (platform, { unit, register, value }) => {
    const hardware = hardwareUnitOf(platform, unit);
    const found = hardware.registers().find(({ name }) => name === register);
    if (found === undefined) {
      throw new InvalidInputError(['input', 'register'], `${unit} has no register "${register}".`);
    }
    if (found.bytes === 4 && value.hi !== 0) {
      throw new InvalidInputError(['input', 'value'], `${register} has 32 bits.`);
    }
    return () => {
      hardware.writeRegister(found.offset, found.bytes, value);
      return null;
    };
  },
  submitDescriptor: (platform, { unit, words }) => {
    const hardware = hardwareUnitOf(platform, unit);
    const driver = platform.kernel.units.find(({ name }) => name === unit)!;
    const { descriptorBytes, isEnabled } = hardware.queueState();
    if (!isEnabled || driver.ring === null)
      throw new InvalidInputError(['input', 'unit'], `The invalidation queue of ${unit} is not enabled.`);
    if (words.length * 8 !== descriptorBytes) {
      throw new InvalidInputError(
        ['input', 'words'],
        `The queue of ${unit} takes descriptors of ${descriptorBytes / 8} words, not ${words.length}.`,
      );
    }
    return () => {
      platform.kernel.submitDescriptor(driver, words);
      return null;
    };
  },
};
