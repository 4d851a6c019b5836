/** What every subscriber asks for; the message of one event has about the 250 bytes of a usual fault report. */
export const SUBSCRIPTION = `subscription Faults($platform: ID!) {
  faults(platform: $platform) {
    cursor
    events { sequence sourceId pasid address access reason { hex mnemonic } }
  }
}`;

export const PLATFORM = 'Platform:demo';
/** Nothing of this device's is mapped, so that every request it makes is a fault. */
export const DEVICE_NAME = '0000:6a:01.0';

/** The page that the event with this number is about; pages never come twice. */
export const pageOf = (event) => 0x1_0000_0000 + event * 0x1000;

export const pageText = (event) => `0x${pageOf(event).toString(16)}`;
