/** A kernel that was asked for but is not modelled. Thrown when a kernel is made, never later. */
export class KernelConfigError extends Error {
  override readonly name = 'KernelConfigError';
  constructor(
    /** The field of the configuration, or the word of the command line, at fault. */
    readonly option: string,
    readonly value: string,
    reason: string,
  ) {
    super(`${option} = ${value} is not supported: ${reason}`);
  }
}
