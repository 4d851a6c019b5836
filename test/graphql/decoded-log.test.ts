import { type Api, startApi } from '../support/api.js';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const DECODE = /* GraphQL */ `
  query Decode($text: String!) {
    decodeKernelLog(text: $text) {
      line
      text
      kind
      sourceId
      pasid
      address
      access
      reason {
        code
        hex
        mnemonic
        text
        mode
      }
      suppressed
    }
  }
`;
const NOTHING = { sourceId: null, pasid: null, address: null, access: null, reason: null, suppressed: null };

it('decodeKernelLog answers with the fields each line states, in the order of the lines', async () => {
  const lines = [
    '[   20.1] usb 1-1: new device',
    '[   20.2] dmar_fault: 23 callbacks suppressed',
    '[   20.3] DMAR: [DMA Write PASID 0x5] Request device [6a:01.0] fault addr 0xfffffffffffff000 [fault reason 0x59] SM: Present bit in PASID Table Entry is clear',
    '[   20.4] DMAR: [DMA Read NO_PASID] Request device [6a:01.0] fault addr 0x0 [fault reason 0xff] Unknown',
  ];
  const { decodeKernelLog } = await api.ask<{ decodeKernelLog: unknown }>(DECODE, { text: lines.join('\n') });
  const fault = { ...NOTHING, kind: 'DMA_FAULT', sourceId: '0000:6a:01.0' };
  expect(decodeKernelLog).toEqual([
    { ...NOTHING, line: 2, text: lines[1], kind: 'SUPPRESSED_CALLBACKS', suppressed: 23 },
    {
      ...fault,
      line: 3,
      text: lines[2],
      pasid: 5,
      address: '0xfffffffffffff000',
      access: 'WRITE',
      reason: {
        code: 0x59,
        hex: '0x59',
        mnemonic: 'SPT.2',
        text: 'SM: Present bit in PASID Table Entry is clear',
        mode: 'SCALABLE',
      },
    },
    {
      ...fault,
      line: 4,
      text: lines[3],
      address: '0x0',
      access: 'READ',
      reason: { code: 0xff, hex: '0xff', mnemonic: '', text: 'Unknown', mode: 'SCALABLE' },
    },
  ]);
});

it('a fault of a platform decodes to its own event', async () => {
  const { platform } = await api.ask<{ platform: { id: string; devices: { nodes: { id: string }[] } } }>(
    '{ platform(name: "demo") { id devices(first: 200) { nodes { id } } } }',
  );
  const dma = /* GraphQL */ `
    mutation Dma($input: DmaInput!) {
      dma(input: $input) {
        ... on DmaPayload {
          events {
            ... on FaultEvent {
              kernelLogLine
              sourceId
              pasid
              address
              access
              reason {
                code
              }
            }
          }
        }
      }
    }
  `;
  for (const { id } of platform.devices.nodes) {
    const { dma: result } = await api.ask<{ dma: { events?: { kernelLogLine?: string | null }[] } }>(dma, {
      input: { endpoint: id, address: '0x12345000', access: 'WRITE' },
    });
    const fault = result.events?.find(({ kernelLogLine }) => kernelLogLine);
    if (!fault) continue;
    const { kernelLogLine: text, ...fields } = fault;
    const { decodeKernelLog } = await api.ask<{ decodeKernelLog: object[] }>(DECODE, { text });
    expect(decodeKernelLog).toMatchObject([{ ...fields, kind: 'DMA_FAULT' }]);
    return;
  }
  throw new Error('no device of the demo platform faults');
});
