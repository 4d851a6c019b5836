import { GLOBAL, REGISTER } from '../../../src/layout/registers.js';
import { Host, type HostPlan, U1, mapping } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.2 "Attach" and the table of 3.7. */

const newDomain = (host: Host) => host.kernel.allocDomain('pci', 'UNMANAGED');

/** Commands to make buffered writes visible, while something runs. */
function writeBufferFlushes(host: Host, act: () => void): number {
  const unit = host.machine.units[0];
  const write = unit.writeRegister.bind(unit);
  let count = 0;
  unit.writeRegister = (offset, bytes, value) => {
    if (offset === REGISTER.GCMD && (value.lo & GLOBAL.WBF) !== 0) count++;
    write(offset, bytes, value);
  };
  act();
  unit.writeRegister = write;
  return count;
}

describe('setting a context entry up', () => {
  it('with caching mode drops what was cached of its absence under id 0, and the domain', () => {
    const host = Host.boot({
      cap: { CM: 1 },
      parents: [{ ats: false }],
      config: { commandLine: 'intel_iommu=on' },
    });
    const domain = newDomain(host);
    const seen = host.invalidations(() => host.kernel.attach(domain, host.device()));
    // The old entry is cleared first, of domain id 1, the first one in legacy mode.
    expect(seen).toEqual([
      'CONTEXT_CACHE DEVICE did=1 sid=6a08',
      'IOTLB DOMAIN did=1',
      'CONTEXT_CACHE DEVICE did=0 sid=6a08',
      'IOTLB DOMAIN did=1',
    ]);
  });

  it('in scalable mode drops the cached PASID entry before the context', () => {
    const host = Host.boot({ cap: { CM: 1 }, parents: [{ ats: false }] });
    const domain = newDomain(host);
    const seen = host.invalidations(() => host.kernel.attach(domain, host.device()));
    expect(seen.slice(-4)).toEqual([
      'PASID_CACHE PASID did=2 pasid=0',
      'PASID_IOTLB PASID did=2 pasid=0',
      'CONTEXT_CACHE DEVICE did=0 sid=6a08',
      'IOTLB DOMAIN did=2',
    ]);
  });
});

describe('a unit that buffers writes', () => {
  const plan: HostPlan = { cap: { RWBF: 1 } };

  it('is told to flush them for a PASID entry and for a context entry', () => {
    const host = Host.boot(plan);
    const domain = newDomain(host);
    expect(writeBufferFlushes(host, () => host.kernel.attach(domain, host.device()))).toBe(2);
  });

  it('is told once for each chunk of a map in 5.10, for the whole map from 5.15', () => {
    for (const [profile, expected] of [
      ['V5_10', 3],
      ['V5_15', 1],
    ] as const) {
      const host = Host.boot({ ...plan, config: { profile } });
      const domain = newDomain(host);
      host.kernel.attach(domain, host.device());
      // 4, 8 and 16 KiB: scenario 47.
      const map = () => host.kernel.map(domain, mapping('1000', '1000', '7000'));
      expect(writeBufferFlushes(host, map)).toBe(expected);
    }
  });

  it('is told nothing where it says it does not buffer, or where the caches are flushed anyway', () => {
    for (const cap of [{ RWBF: 0 }, { RWBF: 1, CM: 1 }]) {
      const host = Host.boot({ cap });
      const domain = newDomain(host);
      const act = () => {
        host.kernel.attach(domain, host.device());
        host.kernel.map(domain, mapping('1000', '1000', '7000'));
      };
      expect(writeBufferFlushes(host, act)).toBe(0);
    }
  });
});

describe('switching on what a device can do', () => {
  const pri = { ecap: { PRS: 1 }, parents: [{ pri: true }] };
  const enabled = (host: Host) => {
    const { ats, pasid, pri: requests } = host.device().fn;
    return [pasid?.enabled ?? null, requests?.enabled ?? null, ats?.enabled ?? null];
  };

  it('in the order PASID, page requests, ATS, with 32 requests at once', () => {
    const host = new Host(pri);
    const { fn } = host.device();
    const order: string[] = [];
    const write = fn.writeConfig.bind(fn);
    fn.writeConfig = (offset, bytes, value) => {
      write(offset, bytes, value);
      const now = enabled(host);
      for (const [index, name] of ['PASID', 'PRI', 'ATS'].entries())
        if (now[index] === true && !order.includes(name)) order.push(name);
    };
    host.kernel.boot();
    // Requests with a PASID are answered only to a device that wants the PASID back; this one does not say so.
    expect(order).toEqual(['PASID', 'ATS']);
  });

  it('is left out altogether for a device without ATS, until a feature needs its PASIDs', () => {
    const host = Host.boot({ parents: [{ ats: false }] });
    expect(enabled(host)).toEqual([false, null, null]);
    host.kernel.enableFeature(host.device(), 'AUX');
    expect(enabled(host)).toEqual([true, null, null]);
  });

  it('leaves PASIDs and page requests alone in a kernel without shared virtual memory', () => {
    const host = Host.boot({ ...pri, config: { options: { CONFIG_INTEL_IOMMU_SVM: 'n' } } });
    expect(enabled(host)).toEqual([false, false, true]);
  });

  it('is undone when the device leaves its domain', () => {
    const host = Host.boot({ config: { auxRequirement: 'FALL_BACK_TO_PRIMARY' } });
    const subdevice = host.mdev(U1);
    const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(domain, subdevice);
    expect(enabled(host)).toEqual([true, null, true]);
    host.kernel.detach(domain, subdevice);
    expect(enabled(host)).toEqual([false, null, false]);
  });
});
