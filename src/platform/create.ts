import type { ImportWarning } from '../firmware/description.js';
import type { KernelConfig } from '../kernel/config.js';
import { InvalidInputError, NotFoundError } from './errors.js';
import type { PlatformHost } from './host.js';
import type { RequestKey } from './idempotency.js';
import { type KernelChoice, kernelConfig } from './kernel-choice.js';
import { type MachineInput, readMachine } from './machine-input.js';
import type { Platform } from './platform.js';
import { templates } from './templates/index.js';

/** Builds and boots a machine from a template. */
export async function createFromTemplate(
  host: PlatformHost,
  name: string,
  templateName: string,
  kernel: KernelChoice,
  request?: RequestKey,
): Promise<Platform> {
  checkName(name);
  const template = templates.find((one) => one.name === templateName);
  if (template === undefined) throw new NotFoundError('PlatformTemplate', templateName, null);
  const description = template.describe();
  const config = kernelConfig(description.commandLine, kernel);
  return host.create({
    name,
    origin: 'TEMPLATE',
    description,
    kernel: config,
    warnings: [],
    ...keyOf(request),
  });
}

/** Builds and boots a machine from what was read off a real one. */
export async function importMachine(
  host: PlatformHost,
  name: string,
  input: MachineInput,
  kernel: KernelChoice,
  request?: RequestKey,
): Promise<Platform> {
  checkName(name);
  const { description, warnings, kernelOptions } = readMachine(input);
  // What the user sets outranks what the machine's own kernel was built with.
  const options = [...kernelOptions, ...(kernel.options ?? [])];
  const config = kernelConfig(description.commandLine, { ...kernel, options });
  if (saysWhetherOn(config))
    return host.create({
      name,
      origin: 'IMPORTED',
      description,
      kernel: config,
      warnings,
      ...keyOf(request),
    });
  const assumedOptions = { ...config.options, [DEFAULT_ON]: 'y' };
  const assumed: ImportWarning = {
    source: 'kernelLog',
    line: null,
    message: `No command line says whether the IOMMU is on; a kernel built with ${DEFAULT_ON}=y is assumed, as distributions build it.`,
  };
  return host.create({
    name,
    origin: 'IMPORTED',
    description,
    kernel: { ...config, options: assumedOptions },
    warnings: [...warnings, assumed],
    ...keyOf(request),
  });
}

/** The platform a server starts with when it has none. */
export async function ensureDemo(host: PlatformHost): Promise<void> {
  if (host.platforms().length === 0) await createFromTemplate(host, 'demo', 'sapphire-rapids', {});
}

const DEFAULT_ON = 'CONFIG_INTEL_IOMMU_DEFAULT_ON';

/** Whether a command line or a build option decides that remapping is on or off. */
function saysWhetherOn({ commandLine, options }: KernelConfig): boolean {
  if (DEFAULT_ON in options || options['CONFIG_INTEL_IOMMU'] === 'n') return true;
  return /(^|\s)intel_iommu=(\S*,)?(on|off)(,|\s|$)/.test(commandLine);
}

/** A header holds no field that is undefined. */
const keyOf = (request: RequestKey | undefined) => (request === undefined ? {} : { request });

/** Refuses a name that could not stand in an id. */
export function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new InvalidInputError(
      ['input', 'name'],
      `"${name.slice(0, 80)}" cannot name a platform: use 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit.`,
    );
  }
}
