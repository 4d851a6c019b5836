import { Host, type HostPlan } from '../../support/kernel/host.js';
import type { KernelProfileName } from '../../../src/kernel/config.js';

/* Source: linux-iommu-siov.md 5.4 "Kconfig and boot parameters", 2.4 for default domains. */

const GRAPHICS = '0000:00:02.0';

function booted(commandLine: string, profile: KernelProfileName = 'V5_10', plan: HostPlan = {}): Host {
  return Host.boot({ ...plan, config: { commandLine, profile, ...plan.config } });
}

describe('words of intel_iommu=', () => {
  it.each([
    ['on', 'V5_10', 'DMAR: IOMMU enabled'],
    ['off', 'V5_10', 'DMAR: IOMMU disabled'],
    ['on,igfx_off', 'V5_10', 'DMAR: Disable GFX device mapping'],
    ['on,forcedac', 'V5_10', 'DMAR: Forcing DAC for PCI devices'],
    ['on,strict', 'V5_10', 'DMAR: Disable batched IOTLB flush'],
    ['on,sp_off', 'V5_10', 'DMAR: Disable supported super page'],
    ['on,sm_on', 'V5_10', 'DMAR: Intel-IOMMU: scalable mode supported'],
    ['on,sm_on', 'V5_15', 'DMAR: Enable scalable mode if hardware supports'],
    ['on,sm_off', 'V5_15', 'DMAR: Scalable mode is disallowed'],
  ] as const)('%s in %s print their line first', (words, profile, line) => {
    const { lines } = booted(`intel_iommu=${words}`, profile);
    expect(lines.slice(0, words.split(',').length)).toContain(line);
  });

  it('are matched by prefix, and unknown ones are passed over', () => {
    const { lines, kernel } = booted('intel_iommu=none,on_please,sm_onwards');
    expect(lines.slice(0, 2)).toEqual(['DMAR: IOMMU enabled', 'DMAR: Intel-IOMMU: scalable mode supported']);
    expect(kernel.scalableMode).toBe(true);
  });

  it('are obeyed in order, the last of a kind being the one that counts', () => {
    expect(booted('intel_iommu=on,off').device().group).toBeNull();
    expect(booted('intel_iommu=off intel_iommu=on').device().group).not.toBeNull();
  });

  it('sm_off means nothing before 5.15', () => {
    expect(booted('intel_iommu=on,sm_on,sm_off').kernel.scalableMode).toBe(true);
    expect(booted('intel_iommu=on,sm_on,sm_off', 'V5_15').kernel.scalableMode).toBe(false);
  });

  it('scalable mode needs sm_on in 5.10 and is on by itself from 5.15', () => {
    expect(booted('intel_iommu=on').kernel.scalableMode).toBe(false);
    expect(booted('intel_iommu=on', 'V5_15').kernel.scalableMode).toBe(true);
  });
});

describe('a unit is left alone', () => {
  const units = [{ devices: [GRAPHICS] }, {}];
  const parents = [{ at: GRAPHICS, classCode: 0x030000, siov: false }, {}];

  it('when it serves graphics only and igfx_off is given, whose device then has no group', () => {
    const host = booted('intel_iommu=on,igfx_off', 'V5_10', { units, parents });
    expect(host.kernel.units.map(({ ignored }) => ignored)).toEqual([true, false]);
    expect([host.device(GRAPHICS).group, host.device().group?.number]).toEqual([null, 0]);
  });

  it('not when it serves anything else, or without the word', () => {
    expect(booted('intel_iommu=on', 'V5_10', { units, parents }).kernel.units[0].ignored).toBe(false);
    const other = [{ at: GRAPHICS, siov: false }, {}];
    const host = booted('intel_iommu=on,igfx_off', 'V5_10', { units, parents: other });
    expect(host.kernel.units[0].ignored).toBe(false);
  });

  it('when it has no address width it could translate, which the log says', () => {
    const host = booted('intel_iommu=on', 'V5_10', {
      units: [{ devices: [GRAPHICS], cap: { SAGAW: 0 } }, {}],
      parents,
    });
    expect(host.lines).toContain('DMAR: dmar0: No supported address widths. Not attempting DMA translation.');
    expect([host.device(GRAPHICS).group, host.device().group?.number]).toEqual([null, 0]);
  });
});

describe('the default domain', () => {
  const types = (commandLine: string, profile: KernelProfileName = 'V5_10', options = {}) => {
    const host = booted(commandLine, profile, { config: { options } });
    const line = host.lines.find((each) => each.startsWith('iommu: Default domain type'))!;
    return [host.group().defaultDomain!.type, line.replace('iommu: Default domain type: ', '')];
  };
  const chosen = '(set via kernel command line)';

  it.each([
    ['intel_iommu=on', {}, 'DMA', 'Translated '],
    ['intel_iommu=on iommu=pt', {}, 'IDENTITY', `Passthrough ${chosen}`],
    ['intel_iommu=on iommu.passthrough=1', {}, 'IDENTITY', `Passthrough ${chosen}`],
    ['intel_iommu=on iommu.passthrough=0', {}, 'DMA', `Translated ${chosen}`],
    ['intel_iommu=on', { CONFIG_IOMMU_DEFAULT_PASSTHROUGH: 'y' }, 'IDENTITY', 'Passthrough '],
    ['intel_iommu=on iommu=nopt', { CONFIG_IOMMU_DEFAULT_PASSTHROUGH: 'y' }, 'DMA', `Translated ${chosen}`],
  ] as const)('under "%s" with %j is %s', (commandLine, options, type, line) => {
    expect(types(commandLine, 'V5_10', options)).toEqual([type, line]);
  });

  it('from 5.15 has a flush queue unless the policy is strict, and the log names the policy', () => {
    expect(types('intel_iommu=on', 'V5_15')[0]).toBe('DMA_FQ');
    expect(types('intel_iommu=on iommu.strict=1', 'V5_15')[0]).toBe('DMA');
    expect(booted('intel_iommu=on', 'V5_15').lines).toContain(
      'iommu: DMA domain TLB invalidation policy: lazy mode ',
    );
  });

  it('of a subdevice is none under iommu=pt, without a warning of a fallback', () => {
    const host = booted('intel_iommu=on,sm_on iommu=pt');
    const lines = host.linesOf(() => host.mdev('11111111-1111-4111-8111-111111111111'));
    expect(lines).toEqual(['mdev 11111111-1111-4111-8111-111111111111: Adding to iommu group 1']);
  });
});

it('iommu=off leaves the units alone', () => {
  const host = booted('intel_iommu=on iommu=off');
  expect(host.device().group).toBeNull();
  expect(host.kernel.units.map(({ translationEnabled }) => translationEnabled)).toEqual([false]);
});

it('without CONFIG_INTEL_IOMMU the words are not read, and nothing is translated', () => {
  const host = booted('intel_iommu=on', 'V5_10', { config: { options: { CONFIG_INTEL_IOMMU: 'n' } } });
  expect(host.lines).not.toContain('DMAR: IOMMU enabled');
  expect(host.device().group).toBeNull();
});
