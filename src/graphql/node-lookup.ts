import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';
import { decodeId } from './ids.js';
import {
  type NodeView,
  containerView,
  deviceView,
  domainView,
  eventView,
  groupView,
  platformView,
  softwareDeviceView,
  softwareSubdeviceView,
  subdeviceView,
  unitView,
} from './views.js';

/** The object an id stands for; null when there is none. */
export function lookUp(host: PlatformHost, id: string): NodeView | null {
  const decoded = decodeId(id);
  const platform = decoded === null ? null : host.platform(decoded.platform);
  if (decoded === null || platform === null) return null;
  const { kernel, events } = platform;
  const view = <T extends object, V>(make: (on: Platform, it: T) => V, it: T | undefined) =>
    it === undefined ? null : make(platform, it);
  switch (decoded.kind) {
    case 'Platform':
      return platformView(platform, platform);
    case 'Device':
      return view(deviceView, kernel.devices.get(decoded.key));
    case 'Subdevice':
      return view(subdeviceView, kernel.subdevices.get(decoded.key));
    case 'SoftwareDevice':
      return view(softwareDeviceView, kernel.softwareParents.get(decoded.key));
    case 'SoftwareSubdevice':
      return view(softwareSubdeviceView, kernel.softwareSubdevices.get(decoded.key));
    case 'IommuUnit':
      return view(
        unitView,
        kernel.units.find(({ name }) => name === decoded.key),
      );
    case 'Group':
      return view(groupView, kernel.groups.get(Number(decoded.key)));
    case 'Domain':
      return view(domainView, kernel.domains.get(Number(decoded.key)));
    case 'Event':
      return view(eventView, events.at(Number(decoded.key)));
    case 'VfioContainer':
      return view(containerView, kernel.containers.get(Number(decoded.key)));
  }
}
