import type { KernelError } from '../../kernel/errno.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { Command } from '../command.js';
import { checkName } from '../create.js';
import type { StampedEvent } from '../event-journal.js';
import type { PlatformHost } from '../host.js';
import { kernelConfig } from '../kernel-choice.js';
import type { Applied, Platform } from '../platform.js';
import type { Scene } from './scene.js';

/** What playing a scene came to. */
export interface Played {
  readonly platform: Platform;
  /** What the last command did. */
  readonly last: Applied;
  readonly lastCommand: Command;
  /** The fault the scene ends with; null for one that ends with a refusal. */
  readonly fault: StampedEvent<FaultOccurred> | null;
  readonly refusal: KernelError | null;
}

/**
 * Builds the machine of a scene under a name and gives it the commands of the scene, one after the other. A
 * name that is taken is a ConflictError.
 */
export async function playScene(host: PlatformHost, scene: Scene, name: string): Promise<Played> {
  checkName(name);
  const description = scene.machine();
  const platform = await host.create({
    name,
    origin: 'TEMPLATE',
    description,
    kernel: kernelConfig(description.commandLine, scene.kernel),
    warnings: [],
  });
  let last: Applied | null = null;
  let lastCommand: Command | null = null;
  for (const step of scene.steps) {
    lastCommand = step.command(platform);
    last = await host.perform(name, lastCommand);
  }
  const { result, firstSequence, lastSequence } = last!;
  return {
    platform,
    last: last!,
    lastCommand: lastCommand!,
    fault: faultBetween(platform, firstSequence, lastSequence),
    refusal: result.ok ? null : (result.error as KernelError),
  };
}

function faultBetween(platform: Platform, first: number, last: number): StampedEvent<FaultOccurred> | null {
  for (let at = last; at >= first; at--) {
    const stamped = platform.events.at(at);
    if (stamped?.event.type === 'FAULT') return stamped as StampedEvent<FaultOccurred>;
  }
  return null;
}
