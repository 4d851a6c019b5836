export type DeviceFeature = 'AUX' | 'SVA' | 'IOPF';

/** Whether a device feature is there and on, with the reason when it is not there. */
export interface FeatureState {
  readonly feature: DeviceFeature;
  readonly supported: boolean;
  readonly enabled: boolean;
  readonly reason: string | null;
}
