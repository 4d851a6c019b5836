import type { KernelError } from '../../kernel/errno.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { Command } from '../command.js';
import { checkName } from '../create.js';
import type { StampedEvent } from '../event-journal.js';
import type { PlatformHost } from '../host.js';
import { untilWhole } from '../in-slices.js';
import type { RequestKey } from '../idempotency.js';
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
 * name that is taken is a ConflictError; the same request again goes on where it was, and gives the same answer.
 */
export async function playScene(
  host: PlatformHost,
  scene: Scene,
  name: string,
  request?: RequestKey,
): Promise<Played> {
  checkName(name);
  const description = scene.machine();
  const platform = await host.create({
    name,
    origin: 'TEMPLATE',
    description,
    kernel: kernelConfig(description.commandLine, scene.kernel),
    warnings: [],
    ...(request && { request }),
  });
  const { steps } = scene;
  const terms = (step: number) => request && { request: keyOfStep(request, step) };
  let last: Applied | null = null;
  await untilWhole(platform);
  for (let at = platform.revision; at < steps.length; at++) {
    last = await host.perform(name, steps[at].command(platform), terms(at));
    await untilWhole(platform);
  }
  const lastCommand = await commandOf(host, platform, steps.length);
  // Played before, under the same key: the last command gives the answer it gave then.
  last ??= await host.perform(name, lastCommand, terms(steps.length - 1));
  await untilWhole(platform);
  const { result, firstSequence, lastSequence } = last;
  return {
    platform,
    last,
    lastCommand,
    fault: faultBetween(platform, firstSequence, lastSequence),
    refusal: result.ok ? null : (result.error as KernelError),
  };
}

/** Two at once with one key must not both do a step. */
function keyOfStep({ key, fingerprint }: RequestKey, step: number): RequestKey {
  return { key: `${key}\0step ${step}`, fingerprint };
}

async function commandOf(host: PlatformHost, platform: Platform, revision: number): Promise<Command> {
  for await (const { logged } of host.commands(platform, revision, revision)) return logged.command;
  throw new Error(`the log of ${platform.name} has no revision ${revision}`);
}

function faultBetween(platform: Platform, first: number, last: number): StampedEvent<FaultOccurred> | null {
  for (let at = last; at >= first; at--) {
    const stamped = platform.events.at(at);
    if (stamped?.event.type === 'FAULT') return stamped as StampedEvent<FaultOccurred>;
  }
  return null;
}
