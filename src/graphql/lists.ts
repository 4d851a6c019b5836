import { comparePciAddress, parsePciAddress } from '../bits/pci-address.js';
import type { Subdevice } from '../kernel/mdev/subdevice.js';
import { whenWhole } from '../platform/in-slices.js';
import type { Platform } from '../platform/platform.js';
import { type Page, type PageArgs, connectionType, pageOf } from './connection.js';
import { DeviceRef, DomainRef, GroupRef, PlatformRef, SubdeviceRef } from './refs.js';
import {
  type DeviceView,
  type DomainView,
  type GroupView,
  type PlatformView,
  type SubdeviceView,
  deviceView,
  domainView,
  groupView,
  platformView,
  subdeviceView,
} from './views.js';
import type { PlatformHost } from '../platform/host.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import type { Domain } from '../kernel/iommu/domain.js';

export const PlatformConnection = connectionType('Platform', PlatformRef, {
  // Each by itself: the others need not wait for one in the midst of a command.
  shown: (view: PlatformView) => whenWhole(view.it, () => view),
});
export const DeviceConnection = connectionType('Device', DeviceRef);
export const SubdeviceConnection = connectionType('Subdevice', SubdeviceRef);
export const GroupConnection = connectionType('Group', GroupRef);
export const DomainConnection = connectionType('Domain', DomainRef);

const byText = (text: string, key: string) => (text < key ? -1 : text > key ? 1 : 0);

/** Platforms by name. */
export function platformPage(host: PlatformHost, args: PageArgs): Page<PlatformView> {
  const items = host
    .platforms()
    .map((platform) => platformView(platform, platform))
    .sort((a, b) => byText(a.it.name, b.it.name));
  return pageOf(
    'platforms',
    items,
    args,
    ({ it }) => it.name,
    ({ it }, key) => byText(it.name, key),
  );
}

/** Devices by PCI address. */
export function devicePage(
  platform: Platform,
  args: PageArgs,
  accept: (device: KernelDevice) => boolean,
): Page<DeviceView> {
  const items: DeviceView[] = [];
  for (const device of platform.kernel.devices.values())
    if (accept(device)) items.push(deviceView(platform, device));
  items.sort((a, b) => comparePciAddress(a.it.address, b.it.address));
  return pageOf(
    'devices',
    items,
    args,
    ({ it }) => it.name,
    ({ it }, key) => {
      const at = parsePciAddress(key);
      return at === null ? -1 : comparePciAddress(it.address, at);
    },
  );
}

/** Subdevices by UUID. */
export function subdevicePage(
  platform: Platform,
  args: PageArgs,
  accept: (one: Subdevice) => boolean,
): Page<SubdeviceView> {
  const items: SubdeviceView[] = [];
  for (const one of platform.kernel.subdevices.values())
    if (accept(one)) items.push(subdeviceView(platform, one));
  items.sort((a, b) => byText(a.it.uuid, b.it.uuid));
  return pageOf(
    'subdevices',
    items,
    args,
    ({ it }) => it.uuid,
    ({ it }, key) => byText(it.uuid, key),
  );
}

/** Groups by number. */
export function groupPage(platform: Platform, args: PageArgs): Page<GroupView> {
  const items = [...platform.kernel.groups.values()].map((group) => groupView(platform, group));
  items.sort((a, b) => a.it.number - b.it.number);
  return pageOf(
    'groups',
    items,
    args,
    ({ it }) => it.number,
    ({ it }, key) => it.number - Number(key),
  );
}

/** Domains by number. */
export function domainPage(
  platform: Platform,
  args: PageArgs,
  accept: (domain: Domain) => boolean,
): Page<DomainView> {
  const items: DomainView[] = [];
  for (const domain of platform.kernel.domains.values())
    if (accept(domain)) items.push(domainView(platform, domain));
  items.sort((a, b) => a.it.number - b.it.number);
  return pageOf(
    'domains',
    items,
    args,
    ({ it }) => it.number,
    ({ it }, key) => it.number - Number(key),
  );
}
