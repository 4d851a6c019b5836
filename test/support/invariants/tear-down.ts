import type { Command, TargetRef } from '../../../src/platform/command.js';
import type { Watch } from './watch.js';

/**
 * Gives everything back that commands of a user can give back: containers, attachments, subdevices, domains;
 * devices return to their default domains. Twice, because what a hazard left needs the parent's own
 * translation back first.
 */
export function tearDown(watch: Watch): void {
  const { platform, book } = watch;
  const { kernel } = platform;
  const run = (command: Command) => watch.run(command);
  const closeAll = () => {
    for (const container of [...book.containers]) run({ type: 'closeContainer', container });
  };
  closeAll();
  for (let round = 0; round < 2; round++) {
    for (const { domain, endpoint, device, kind } of [...book.attachments]) {
      const defaultDomain = kernel.devices.get(endpoint)?.group?.defaultDomain;
      if (defaultDomain?.number === domain) continue;
      if (kind === 'AUX') run({ type: 'enableFeature', device, feature: 'AUX' });
      const target: TargetRef = {
        kind: book.subdevices.has(endpoint) ? 'Subdevice' : 'Device',
        name: endpoint,
      };
      const group = kernel.devices.get(endpoint)?.group;
      const whole: TargetRef = group ? { kind: 'Group', number: group.number } : target;
      run({ type: 'detach', domain, target: whole });
    }
    for (const { number, defaultDomain, members } of [...kernel.groups.values()]) {
      const strayed = members.some(
        (member) => member.kind === 'Device' && member.primaryDomain !== defaultDomain,
      );
      if (defaultDomain === null || !strayed) continue;
      run({ type: 'attach', domain: defaultDomain.number, target: { kind: 'Group', number } });
    }
  }
  // Those whose domain somebody else had been given too.
  closeAll();
  for (const [subdevice, { software }] of [...book.subdevices])
    run({ type: software ? 'removeSoftwareMdev' : 'removeMdev', subdevice });
  for (const domain of [...book.domains.keys()]) run({ type: 'freeDomain', domain });
}

/** What is left of a user's doing, by name. */
export function remains({ platform, book, lostIds }: Watch): string[] {
  const { kernel } = platform;
  const kept = new Set(
    [...kernel.groups.values()].flatMap((group) => [group.defaultDomain, group.blockingDomain]),
  );
  const domains = [...kernel.domains.values()].filter((each) => !kept.has(each) && each.type !== 'IDENTITY');
  return [
    ...[...book.subdevices.keys()].map((uuid) => `subdevice ${uuid}`),
    ...domains.map(({ number }) => `domain ${number}`),
    ...[...lostIds.keys()].map((unit) => `an id of ${unit}`),
  ];
}
