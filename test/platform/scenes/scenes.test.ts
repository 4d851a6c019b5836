import { openMemoryLog } from '../../../src/log/memory-log.js';
import { explainFault } from '../../../src/platform/explain/index.js';
import { PlatformHost } from '../../../src/platform/host.js';
import { type Scene, playScene, scenes } from '../../../src/platform/scenes/index.js';

let host: PlatformHost;
beforeAll(async () => (host = await PlatformHost.open(await openMemoryLog(), () => 1_600_000_000_000)));
afterAll(() => host.close());

const named = scenes.map((scene) => [scene.name, scene] as const);


describe.each(named)('%s', (name, scene) => {
  test('ends as it is told', async () => {
    const { platform, fault, refusal } = await playScene(host, scene, name);
    const { ending } = scene;
    console.log(name, fault?.kernelLogLine, refusal?.errno, refusal?.mirrors, refusal?.blockers.map(b=>b.code));
    if (fault) {
      const ex = await explainFault(host, platform, fault);
      console.log(ex!.hypotheses.map(h=>[h.code,h.confidence].join(':')).join(' '), '\n', ex!.hypotheses[0].explanation, ex!.hypotheses[0].evidence, ex!.hypotheses[0].remedies);
      expect(ex!.hypotheses[0].code).toBe(ending.verdict);
      expect(fault.kernelLogLine).toBe(ending.logLine);
    } else {
      expect(ending).toMatchObject({ kind: 'REFUSAL', errno: refusal?.errno, mirrors: refusal?.mirrors, verdict: refusal?.blockers[0]?.code });
    }
  });
});
