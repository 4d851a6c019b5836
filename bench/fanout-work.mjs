/** What every subscriber asks for; the message of one event has about the 250 bytes of a usual fault report. */
export const SUBSCRIPTION = `subscription Faults($platform: ID!) {
  faults(platform: $platform) {
    cursor
    events { sequence sourceId pasid address access reason { hex mnemonic } }
  }
}`;

export const PLATFORM = 'Platform:demo';
/** Nothing of this device's is mapped, so that every request it makes is a fault. */
export const DEVICE = 'Device:demo/0000:6a:01.0';

/** The page that the event with this number is about; pages never come twice. */
export const pageOf = (event) => 0x1_0000_0000 + event * 0x1000;

export const pageText = (event) => `0x${pageOf(event).toString(16)}`;

/** One mutation document that makes `count` faults, first to last; the same text for the same count. */
export function faultsOperation(first, count) {
  const each = Array.from({ length: count }, (_, index) => index);
  const declared = each.map((index) => `$i${index}: DmaInput!`).join(', ');
  const fields = each.map((index) => `f${index}: dma(input: $i${index}) { ... on DmaPayload { outcome } }`);
  const inputs = each.map((index) => [`i${index}`, { endpoint: DEVICE, address: pageText(first + index) }]);
  return {
    query: `mutation Faults(${declared}) { ${fields.join(' ')} }`,
    variables: Object.fromEntries(inputs),
  };
}
