import type { MachineDescription } from '../../firmware/description.js';

/** A machine to start from when there is no real one to import. */
export interface MachineTemplate {
  readonly name: string;
  readonly description: string;
  /** The machine, always the same, in its own objects at every call. */
  readonly describe: () => MachineDescription;
}
