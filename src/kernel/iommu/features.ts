import { KernelError } from '../errno.js';
import type { DeviceFeature, FeatureState } from './device-feature.js';
import type { Endpoint } from './endpoint.js';
import type { KernelState } from '../state.js';

const FEATURES: readonly DeviceFeature[] = ['AUX', 'SVA', 'IOPF'];

/** Every feature of an endpoint; none when its bus's driver has no such operation. Linux: iommu_dev_has_feature(). */
export function featureStates(endpoint: Endpoint): FeatureState[] {
  const ops = endpoint.iommuOps;
  return FEATURES.map(
    (feature) =>
      ops?.devHasFeat?.(endpoint, feature) ?? {
        feature,
        supported: false,
        enabled: false,
        reason: ops === null ? 'No IOMMU driver serves its bus.' : `${ops.name} has no feature operations.`,
      },
  );
}

/** Linux: iommu_dev_enable_feature(). */
export function enableFeature(_state: KernelState, endpoint: Endpoint, feature: DeviceFeature): void {
  const ops = endpoint.iommuOps;
  if (ops?.devEnableFeat === undefined) throw absent('ENODEV', 'iommu_dev_enable_feature', endpoint);
  ops.devEnableFeat(endpoint, feature);
}

/** Linux: iommu_dev_disable_feature(). */
export function disableFeature(_state: KernelState, endpoint: Endpoint, feature: DeviceFeature): void {
  const ops = endpoint.iommuOps;
  if (ops?.devDisableFeat === undefined) throw absent('EBUSY', 'iommu_dev_disable_feature', endpoint);
  ops.devDisableFeat(endpoint, feature);
}

function absent(errno: 'ENODEV' | 'EBUSY', mirrors: string, endpoint: Endpoint): KernelError {
  const rule = `No operation of the ${endpoint.bus.name} bus switches features of ${endpoint.name}.`;
  return new KernelError(errno, mirrors, rule, [
    { code: 'NO_FEATURE_OPS', message: rule, subject: endpoint.subject, remedy: null },
  ]);
}
