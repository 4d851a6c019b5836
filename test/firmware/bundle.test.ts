import fc from 'fast-check';
import { splitBundle } from '../../src/firmware/bundle.js';
import { FirmwareInputError } from '../../src/firmware/input-error.js';
import { describeMachine } from '../../src/firmware/import.js';

const bundle = (...lines: string[]) => ['#iommu-graph bundle 1', ...lines, '#iommu-graph end', ''].join('\n');
const section = (name: string, ...lines: string[]) => [`#iommu-graph section ${name}`, ...lines];

/** The message of the refusal, or null. */
function refusal(text: string): string | null {
  try {
    splitBundle(text);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(FirmwareInputError);
    expect((error as FirmwareInputError).source).toBe('bundle');
    return (error as Error).message;
  }
}

const CMDLINE = section('command-line', 'quiet intel_iommu=on');

describe('a bundle', () => {
  it('gives each section to the part it is', () => {
    const text = bundle(
      ...section('kernel-release', '6.1.0'),
      ...CMDLINE,
      ...section('dmar', 'DMAR @ 0x0', '    0000: 44 4D'),
      ...section('iommu-units', '/sys/class/iommu/dmar0', '  cap: 1'),
      ...section('iommu-groups', 'group 0', '  devices: 0000:00:00.0'),
      ...section('pci', '0000:00:00.0 0600: 8086:0d57', '00: 86 80', ''),
      ...section('vfio', '/dev/vfio/vfio'),
      ...section('kernel-log', '[    0.0] Linux version 6.1.0', ''),
    );
    const { parts, starts, warnings } = splitBundle(text);
    expect(parts).toEqual({
      commandLine: 'quiet intel_iommu=on',
      dmar: 'DMAR @ 0x0\n    0000: 44 4D\n',
      iommuUnits: '/sys/class/iommu/dmar0\n  cap: 1\n',
      iommuGroups: 'group 0\n  devices: 0000:00:00.0\n',
      pci: '0000:00:00.0 0600: 8086:0d57\n00: 86 80\n\n',
      kernelLog: '[    0.0] Linux version 6.1.0\n\n',
    });
    expect([...starts]).toEqual([
      ['commandLine', 5],
      ['dmar', 7],
      ['iommuUnits', 10],
      ['iommuGroups', 13],
      ['pci', 16],
      ['kernelLog', 22],
    ]);
    expect(warnings).toEqual([]);
  });

  it('is the same with the line ends and the mark other systems add', () => {
    const text = bundle(...CMDLINE);
    expect(splitBundle(`\ufeff\r\n${text.replace(/\n/g, '\r\n')}`).parts).toEqual(splitBundle(text).parts);
  });

  it('says what the script could not read, what comes without an end, and what it does not know', () => {
    const text = ['#iommu-graph bundle 1', ...CMDLINE]
      .concat(section('dmar', '#iommu-graph note the DMAR table can be read by root only'))
      .concat(section('wifi', 'x'))
      .join('\n');
    const { parts, warnings } = splitBundle(text);
    expect(Object.keys(parts)).toEqual(['commandLine']);
    expect(warnings).toEqual([
      { source: 'bundle', line: 5, message: 'dmar: the DMAR table can be read by root only' },
      { source: 'bundle', line: null, message: 'has no end line; the last section may be cut short' },
      { source: 'bundle', line: 6, message: 'section wifi is not known; ignored' },
    ]);
  });

  it('tells the options of its kernel that matter', () => {
    const options = section(
      'kernel-options',
      'CONFIG_INTEL_IOMMU=y',
      '# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set',
      'CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y',
      'CONFIG_VFIO=m',
      '# CONFIG_IOMMU_DEFAULT_PASSTHROUGH is not set',
    );
    const { kernelOptions, warnings } = splitBundle(bundle(...CMDLINE, ...options));
    expect(kernelOptions).toEqual([
      { name: 'CONFIG_INTEL_IOMMU', value: 'y' },
      { name: 'CONFIG_INTEL_IOMMU_DEFAULT_ON', value: 'y' },
      { name: 'CONFIG_IOMMU_DEFAULT_PASSTHROUGH', value: 'n' },
    ]);
    expect(warnings.map(({ line }) => line)).toEqual([4]);
  });

  it('hands on what it says of subdevices', () => {
    const { parts, starts, warnings } = splitBundle(
      bundle(...CMDLINE, ...section('mdev-types', 'parent 0000:00:02.0 type a-1')),
    );
    expect(parts.mdevTypes).toBe('parent 0000:00:02.0 type a-1\n');
    expect(starts.get('mdevTypes')).toBe(5);
    expect(warnings).toEqual([]);
  });

  it('prints no more lines of zeros than it must', () => {
    const head = '00: 86 80 57 0d 06 00 00 00 01 00 00 06 00 00 00 00';
    const zeros = ' 00'.repeat(16);
    const pci = [
      '0000:00:00.0 0600: 8086:0d57',
      head,
      `10:${zeros}`,
      `20:${zeros}`,
      `30:${zeros}`,
      '*',
      `ff0:${zeros}`,
    ];
    const { parts } = splitBundle(bundle(...section('pci', ...pci)));
    const [{ config }] = describeMachine(parts).description.functions;
    expect(config).toHaveLength(4096);
    expect([...config.subarray(0, 4)]).toEqual([0x86, 0x80, 0x57, 0x0d]);
    expect(config.subarray(16).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ['text of something else', 'hello', /^line 1: not a bundle/],
    ['a later version', '#iommu-graph bundle 2\n', /^line 1: a bundle of version 2/],
    ['nothing', '\n\n', /empty/],
    ['no section', bundle(), /no section/],
    ['only empty sections', bundle(...section('dmar', '', ' ')), /no section/],
    ['text in front of the sections', bundle('x', ...CMDLINE), /^line 2: text/],
    ['a section twice', bundle(...CMDLINE, ...CMDLINE), /^line 4: section command-line .* line 2/],
    ['a section without a name', bundle('#iommu-graph section '), /^line 2: "" names/],
    ['two bundles', bundle(...CMDLINE, '#iommu-graph bundle 1'), /^line 4: a second bundle/],
    [
      'too many sections',
      bundle(...Array.from({ length: 70 }, (_, i) => `#iommu-graph section a${i}`)),
      /^line 66: more/,
    ],
  ])('of %s is refused by line', (_name, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  it('however mangled is refused or read, never more than it holds', () => {
    const whole = bundle(...CMDLINE, ...section('dmar', 'DMAR @ 0x0'), ...section('pci', '00:00.0 x'));
    const line = fc.constantFrom(
      ...whole.split('\n'),
      '#iommu-graph',
      '#iommu-graph section __proto__',
      '*',
      '',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 30 }), (lines) => {
        const text = lines.join('\n');
        if (refusal(text) !== null) return;
        const { parts, warnings } = splitBundle(text);
        const size = Object.values(parts).join('').length;
        expect(size).toBeLessThanOrEqual(text.length + Object.keys(parts).length);
        expect(warnings.length).toBeLessThanOrEqual(lines.length + 1);
      }),
      { numRuns: 2000, seed: 6 },
    );
  });
});
