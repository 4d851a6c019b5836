import { HostMemory } from '../../../src/memory/host-memory.js';
import { u64, u64FromNumber } from '../../../src/bits/u64.js';
import type { IntelUnit } from '../../../src/kernel/intel/unit.js';
import type { Platform } from '../../../src/platform/platform.js';
import { debugfsText } from '../../../src/platform/debugfs/index.js';
import { GLOBAL, REGISTER } from '../../../src/layout/registers.js';
import { Host, mapping } from '../../support/kernel/host.js';

/** A unit of registers and memory only: every state is written by hand, the text after section 8.9. */
class Bench {
  readonly memory = new HostMemory(2 ** 30);
  readonly registers = new Map<number, { hi: number; lo: number }>();
  unit: Record<string, unknown>;

  constructor(over: Record<string, unknown> = {}) {
    const read = (offset: number) => this.registers.get(offset) ?? u64(0, 0);
    this.unit = {
      name: 'dmar0',
      registerBase: u64(0, 0xfed90000),
      ignored: false,
      scalableMode: false,
      rootFrame: null,
      ring: null,
      interruptTableFrame: null,
      capabilities: { SMTS: false, IR: true, PI: false },
      surroundings: { memory: this.memory },
      read32: (offset: number) => read(offset).lo,
      read64: read,
      ...over,
    };
  }

  set(offset: number, hi: number, lo: number): void {
    this.registers.set(offset, u64(hi >>> 0, lo >>> 0));
  }

  text(file: string, profile = 'V6_1'): string {
    const platform = { kernel: { config: { profile } } } as unknown as Platform;
    return debugfsText(platform, this.unit as unknown as IntelUnit, file);
  }
}

describe('iommu_regset', () => {
  const bench = new Bench();
  bench.set(REGISTER.VER, 0, 0x10);
  bench.set(REGISTER.GSTS, 0, 0xc7000000);
  bench.set(REGISTER.CAP, 0x00d2008c, 0x222f0606);
  bench.set(REGISTER.IRTA, 0, 0x0120000f);

  it('has a heading, the 32-bit registers, the 64-bit ones and a blank line', () => {
    const lines = bench.text('iommu_regset').split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'IOMMU: dmar0 Register Base Address: fed90000',
      'Name\t\t\tOffset\t\tContents',
      'VER             \t0x00\t\t0x0000000000000010',
      'GCMD            \t0x18\t\t0x0000000000000000',
      'GSTS            \t0x1c\t\t0x00000000c7000000',
    ]);
    expect(lines[19]).toBe('CAP             \t0x08\t\t0x00d2008c222f0606');
    expect(lines).toContain('IRTA            \t0xb8\t\t0x000000000120000f');
    expect(lines).toContain('MTRR_FIX64K_00000\t0x120\t\t0x0000000000000000');
    expect(lines).toContain('MTRR_PHYSMASK9  \t0x218\t\t0x0000000000000000');
    // 2 lines of heading, 17 narrow registers, 16 + 11 + 20 + 3 wide ones, a blank line.
    expect(lines).toHaveLength(2 + 17 + 50 + 2);
    expect(lines.slice(-2)).toEqual(['', '']);
  });

  it('looks for the virtual commands at another place in V5_10', () => {
    expect(bench.text('iommu_regset', 'V5_10')).toContain('VCCAP           \t0xe00\t\t');
    expect(bench.text('iommu_regset', 'V5_15')).toContain('VCCAP           \t0xe30\t\t');
  });
});

const HEADER = 'B.D.F\tRoot_entry\t\t\t\tContext_entry\t\t\t\tPASID\tPASID_table_entry';

describe('dmar_translation_struct', () => {
  it('says so while translation is off', () => {
    expect(new Bench().text('dmar_translation_struct')).toBe('DMA Remapping is not enabled on dmar0\n');
  });

  it('gives one row a context entry in legacy mode, with PASID -1', () => {
    const bench = new Bench({ rootFrame: 0x100 });
    bench.set(REGISTER.GSTS, 0, GLOBAL.TE);
    bench.set(REGISTER.RTADDR, 0, 0x100000);
    bench.memory.store64(0x100000 + 0x6a * 16, u64(0, 0x101001));
    bench.memory.store64(0x101000 + 0x08 * 16, u64(0, 0x200001));
    bench.memory.store64(0x101000 + 0x08 * 16 + 8, u64(0, 0x502));
    expect(bench.text('dmar_translation_struct')).toBe(
      [
        'IOMMU dmar0: Root Table Address: 0x100000',
        HEADER,
        '6a:01.0\t0x0000000000000000:0x0000000000101001\t0x0000000000000502:0x0000000000200001\t' +
          '-1    \t0x0000000000000000:0x0000000000000000:0x0000000000000000',
        '',
        '',
      ].join('\n'),
    );
  });

  it('gives one row a present PASID entry in scalable mode, upper half included', () => {
    const bench = new Bench({ rootFrame: 0x100, scalableMode: true });
    bench.set(REGISTER.GSTS, 0, GLOBAL.TE);
    bench.set(REGISTER.RTADDR, 0, 0x100400);
    bench.memory.store64(0x100000, u64(0, 0x101001));
    bench.memory.store64(0x100008, u64(0, 0x102001));
    // 00:1f.0: devfn 0xf8, entry 0x78 of the upper table; a directory of 128 entries at 0x103000.
    bench.memory.store64(0x102000 + 0x78 * 32, u64(0, 0x103001));
    bench.memory.store64(0x103000, u64(0, 0x104001));
    bench.memory.store64(0x103000 + 8, u64(0, 0x105001));
    const entry = (at: number, words: number[]) =>
      words.forEach((word, index) => bench.memory.store64(at + index * 8, u64FromNumber(word)));
    entry(0x104000, [0x300081, 3, 1]);
    entry(0x105000 + 64, [0x400081, 4, 1]);
    const way = '00:1f.0\t0x0000000000102001:0x0000000000101001\t0x0000000000000000:0x0000000000103001\t';
    expect(bench.text('dmar_translation_struct')).toBe(
      [
        'IOMMU dmar0: Root Table Address: 0x100000',
        HEADER,
        `${way}0     \t0x0000000000000001:0x0000000000000003:0x0000000000300081`,
        `${way}65    \t0x0000000000000001:0x0000000000000004:0x0000000000400081`,
        '',
        '',
      ].join('\n'),
    );
  });
});

describe('invalidation_queue', () => {
  it('shows two words a slot on a unit without scalable mode, and the status of each', () => {
    const bench = new Bench({ ring: { baseFrame: 0x10, statusFrame: 0x11 } });
    bench.set(REGISTER.IQH, 0, 0x20);
    bench.set(REGISTER.IQT, 0, 0x40);
    bench.memory.store64(0x10000, u64(0, 0x11));
    bench.memory.store64(0x10010, u64(2, 0x25));
    bench.memory.store64(0x10018, u64(0, 0x11004));
    bench.memory.store32(0x11000, 2);
    bench.memory.store32(0x11004, 1);
    const lines = bench.text('invalidation_queue').split('\n');
    expect(lines.slice(0, 6)).toEqual([
      'Invalidation queue on IOMMU: dmar0',
      ' Base: 0x10000\tHead: 2\tTail: 4',
      'Index\t\tqw0\t\t\tqw1\t\t\tstatus',
      '    0\t0000000000000011\t0000000000000000\t0000000000000002',
      '    1\t0000000200000025\t0000000000011004\t0000000000000001',
      '    2\t0000000000000000\t0000000000000000\t0000000000000000',
    ]);
    expect(lines[258]).toMatch(/^ {2}255\t/);
    expect(lines.slice(259)).toEqual(['', '']);
  });

  it('shows four words a slot on a unit that could run in scalable mode', () => {
    const bench = new Bench({ ring: { baseFrame: 0x10, statusFrame: 0x12 }, capabilities: { SMTS: true } });
    bench.set(REGISTER.IQT, 0, 0x40);
    bench.memory.store64(0x10020 + 24, u64(0, 7));
    const lines = bench.text('invalidation_queue').split('\n');
    expect(lines[1]).toBe(' Base: 0x10000\tHead: 0\tTail: 2');
    expect(lines[2]).toBe('Index\t\tqw0\t\t\tqw1\t\t\tqw2\t\t\tqw3\t\t\tstatus');
    expect(lines[4]).toBe(
      '    1\t0000000000000000\t0000000000000000\t0000000000000000\t0000000000000007\t0000000000000000',
    );
  });

  it('is empty for a unit used through its registers', () => {
    expect(new Bench().text('invalidation_queue')).toBe('');
  });
});

describe('ir_translation_struct', () => {
  it('lists remapped entries, then posted ones', () => {
    const bench = new Bench({
      interruptTableFrame: 0x200,
      capabilities: { SMTS: false, IR: true, PI: true },
    });
    bench.set(REGISTER.GSTS, 0, GLOBAL.IRE);
    bench.memory.store64(0x200000 + 0x16 * 16, u64(0x00000100, 0x00220009));
    bench.memory.store64(0x200000 + 0x16 * 16 + 8, u64(0, 0x00040300));
    bench.memory.store64(0x200000 + 0x17 * 16, u64(0x12345640, 0x00f28001));
    bench.memory.store64(0x200000 + 0x17 * 16 + 8, u64(1, 0x00040308));
    expect(bench.text('ir_translation_struct')).toBe(
      [
        'Remapped Interrupt supported on IOMMU: dmar0',
        ' IR table address:200000',
        ' Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low',
        ' 22    03:00.0 00000100 22  0000000000040300\t0000010000220009',
        '',
        '****',
        '',
        'Posted Interrupt supported on IOMMU: dmar0',
        ' IR table address:200000',
        ' Entry SrcID   PDA_high PDA_low  Vct IRTE_high\t\tIRTE_low',
        ' 23    03:01.0 00000001 12345640 f2  0000000100040308\t1234564000f28001',
        '',
        '',
      ].join('\n'),
    );
  });

  it('says so while interrupts are not remapped', () => {
    expect(new Bench().text('ir_translation_struct')).toBe(
      'Remapped Interrupt supported on IOMMU: dmar0\nInterrupt Remapping is not enabled\n\n****\n\n',
    );
  });
});

describe('domain_translation_struct', () => {
  const COLUMNS = 'IOVA_PFN\t\tPML5E\t\t\tPML4E\t\t\tPDPE\t\t\tPDE\t\t\tPTE';
  const textOf = (host: Host) =>
    debugfsText({ kernel: host.kernel } as Platform, host.kernel.units[0], 'domain_translation_struct');

  function mapped(profile: 'V5_10' | 'V6_1') {
    const host = Host.boot({ config: { profile } });
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, host.device());
    host.kernel.map(domain, mapping('7f0000001000', '40001000', '1000'));
    host.kernel.map(domain, mapping('7f0000200000', '80000000', '200000', 'r'));
    return { host, domain };
  }

  it('shows the primary domain of each device, a row for each leaf with the entries that lead to it', () => {
    const { host, domain } = mapped('V5_10');
    const at = (frame: number, index: number) => host.machine.memory.load64(frame * 4096 + index * 8);
    const frameOf = ({ hi, lo }: { hi: number; lo: number }) => (hi & 0xfffff) * 2 ** 20 + (lo >>> 12);
    // Indices of 0x7f0000001000: 254, 0, 0 and 1; the large page is entry 1 of the third table.
    const top = at(domain.rootFrame, 254);
    const middle = at(frameOf(top), 0);
    const [below, large] = [at(frameOf(middle), 0), at(frameOf(middle), 1)];
    const leaf = at(frameOf(below), 1);
    const hex = (value: { hi: number; lo: number }) =>
      `0x${value.hi.toString(16).padStart(8, '0')}${value.lo.toString(16).padStart(8, '0')}`;
    const none = `0x${'0'.repeat(16)}`;
    expect(textOf(host).split('\n')).toEqual([
      `Device 0000:6a:01.0 with pasid 0 @0x${(domain.rootFrame * 4096).toString(16)}`,
      COLUMNS,
      `0x00007f0000001 |\t${[none, hex(top), hex(middle), hex(below), hex(leaf)].join('\t')}`,
      `0x00007f0000200 |\t${[none, hex(top), hex(middle), hex(large), none].join('\t')}`,
      '',
      '',
    ]);
    expect([hex(leaf), hex(large)]).toEqual(['0x0000000040001003', '0x0000000080000081']);
  });

  it('shows nothing of what is attached beside the primary domain', () => {
    const host = Host.boot();
    host.kernel.enableFeature(host.device(), 'AUX');
    const aux = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.map(aux, mapping('1000', '40001000', '1000'));
    host.kernel.attach(aux, host.mdev('11111111-1111-4111-8111-111111111111'));
    const primary = host.device().primaryDomain!;
    const [heading, , end] = textOf(host).split('\n');
    expect(heading).toBe(`Device 0000:6a:01.0 with pasid 0 @0x${(primary.rootFrame * 4096).toString(16)}`);
    expect(end).toBe('');
  });

  it('names no PASID in V6_1, where auxiliary domains are gone', () => {
    const { host, domain } = mapped('V6_1');
    expect(textOf(host).split('\n')[0]).toBe(
      `Device 0000:6a:01.0 @0x${(domain.rootFrame * 4096).toString(16)}`,
    );
  });

  it('in V6_1 shows the first device of a group once for each of its devices', () => {
    const pair = { vendorId: 0x1af4, multifunction: true };
    const parents = [{ ...pair }, { ...pair, at: '0000:6a:01.1' }];
    const heads = (profile: 'V5_15' | 'V6_1') =>
      textOf(Host.boot({ parents, config: { profile } }))
        .split('\n')
        .filter((line) => line.startsWith('Device'))
        .map((line) => line.split(' ')[1]);
    expect(heads('V5_15')).toEqual(['0000:6a:01.0', '0000:6a:01.1']);
    expect(heads('V6_1')).toEqual(['0000:6a:01.0', '0000:6a:01.0']);
  });

  it('is refused when it would be longer than anybody reads', () => {
    const { host, domain } = mapped('V5_10');
    host.kernel.map(domain, mapping('40000000', '100001000', '20000000'));
    expect(() => textOf(host)).toThrow('more than 100000 rows');
  });
});

it('refuses the name of a file that is not there', () => {
  expect(() => new Bench().text('domain_list')).toThrow(
    'There is no debugfs file "domain_list"; there are iommu_regset, dmar_translation_struct, domain_translation_struct, invalidation_queue, ir_translation_struct.',
  );
  expect(() => new Bench().text('toString')).toThrow('There is no debugfs file');
});

it('says nothing of a unit the driver leaves alone', () => {
  expect(new Bench({ ignored: true }).text('iommu_regset')).toBe('');
});

it('shows every context entry of a booted host once', () => {
  const host = Host.boot();
  const platform = { kernel: host.kernel } as unknown as Platform;
  const text = debugfsText(platform, host.kernel.units[0], 'dmar_translation_struct');
  expect(text.split('\n').filter((line) => /^6a:01\.0\t/.test(line))).toHaveLength(1);
});
