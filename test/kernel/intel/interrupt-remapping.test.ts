import { u64ToNumber } from '../../../src/bits/u64.js';
import { GLOBAL, REGISTER } from '../../../src/layout/registers.js';
import { Host, type HostPlan } from '../../support/kernel/host.js';

const booted = (words: string, plan: HostPlan = {}) =>
  Host.boot({ ...plan, config: { ...plan.config, commandLine: `intel_iommu=on,sm_on ${words}` } });

const remappingLines = (host: Host) => host.lines.filter((line) => line.startsWith('DMAR-IR: '));

it('points every unit at a table of 65536 absent entries in memory and switches it on', () => {
  const host = booted('', { units: [{ devices: ['0000:6a:01.0'] }, {}] });
  expect(host.kernel.interruptRemapping).toMatchObject({ mode: 'x2apic', checksSourceId: true });
  const tables = host.kernel.units.map((unit) => {
    const status = unit.read32(REGISTER.GSTS);
    expect(status & (GLOBAL.IRE | GLOBAL.SIRTP | GLOBAL.QIE | GLOBAL.CFI)).toBe(
      GLOBAL.IRE | GLOBAL.SIRTP | GLOBAL.QIE,
    );
    return u64ToNumber(unit.read64(REGISTER.IRTA));
  });
  expect(new Set(tables).size).toBe(2);
  for (const table of tables) {
    // Size code 15, EIME; the table is aligned to its own 1 MiB.
    expect(table % 0x100000).toBe(0x80f);
    expect(host.machine.memory.isReadable(Math.floor(table / 4096) + 255)).toBe(true);
  }
});

it('drops all cached entries after the table was set, before anything else is invalidated', () => {
  const first = new Host();
  const executed = first.invalidations(() => first.kernel.boot());
  expect(executed[0]).toMatch(/^INTERRUPT_ENTRY_CACHE/);
  expect(executed.filter((line) => line.startsWith('INTERRUPT_ENTRY_CACHE'))).toHaveLength(1);
});

it('is there with DMA remapping off, and the queue with it', () => {
  const host = Host.boot({ config: { commandLine: 'intel_iommu=off' } });
  expect(host.kernel.interruptRemapping.mode).toBe('x2apic');
  const status = host.kernel.units[0].read32(REGISTER.GSTS) >>> 0;
  expect((status & (GLOBAL.TE | GLOBAL.QIE | GLOBAL.IRE)) >>> 0).toBe(GLOBAL.QIE | GLOBAL.IRE);
});

describe('the mode', () => {
  it('is xapic when one unit has no extended mode, and the log names it', () => {
    const host = booted('', { units: [{ devices: ['0000:6a:01.0'], ecap: { EIM: 0 } }, {}] });
    expect(remappingLines(host)).toEqual([
      'DMAR-IR: dmar0 does not support EIM',
      'DMAR-IR: Enabled IRQ remapping in xapic mode',
    ]);
    const low = u64ToNumber(host.kernel.units[0].read64(REGISTER.IRTA)) % 4096;
    expect(low).toBe(0x00f);
    expect(host.kernel.interruptRemapping.reason).toContain('dmar0');
  });

  it('is xapic under nox2apic', () => {
    const host = booted('nox2apic');
    expect(remappingLines(host)).toEqual(['DMAR-IR: Enabled IRQ remapping in xapic mode']);
  });
});

describe('off', () => {
  it.each(['intremap=off', 'nointremap', 'intremap=on,off'])(
    'by %s, and the table is read later',
    (words) => {
      const host = booted(words);
      expect(host.kernel.interruptRemapping.mode).toBeNull();
      expect(remappingLines(host)).toEqual([]);
      expect(host.kernel.units[0].read32(REGISTER.GSTS) & GLOBAL.IRE).toBe(0);
      expect(host.lines.indexOf('DMAR: Host address width 46')).toBeGreaterThan(
        host.lines.indexOf('iommu: Default domain type: Translated '),
      );
    },
  );

  it('because no unit can', () => {
    const host = booted('', { ecap: { IR: 0, EIM: 0 } });
    expect(remappingLines(host)).toEqual([
      'DMAR-IR: Not enabling interrupt remapping',
      'DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.',
    ]);
    expect(host.kernel.interruptRemapping.reason).toBe('Not supported by dmar0 (ECAP.IR is 0).');
  });

  it('because one of two units cannot', () => {
    const host = booted('', { units: [{ devices: ['0000:6a:01.0'], ecap: { IR: 0, EIM: 0 } }, {}] });
    expect(host.kernel.interruptRemapping.mode).toBeNull();
    expect(host.kernel.units[1].read32(REGISTER.GSTS) & GLOBAL.IRE).toBe(0);
  });

  it('because a unit has no invalidation queue', () => {
    const host = booted('', {
      config: { profile: 'V5_10' },
      ecap: { QI: 0, DT: 0, SMTS: 0, PASID: 0, SSTS: 0 },
    });
    expect(remappingLines(host).slice(-3)).toEqual([
      'DMAR-IR: Failed to enable queued invalidation',
      'DMAR-IR: Failed to setup irq remapping for dmar0',
      'DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.',
    ]);
    expect(host.kernel.interruptRemapping.mode).toBeNull();
  });

  it('but on again when a later word says so', () => {
    expect(booted('intremap=off intremap=on').kernel.interruptRemapping.mode).toBe('x2apic');
  });
});

it('gives up checking senders under nosid', () => {
  expect(booted('intremap=nosid').kernel.interruptRemapping).toMatchObject({
    mode: 'x2apic',
    checksSourceId: false,
  });
});
