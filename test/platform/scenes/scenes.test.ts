import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openMemoryLog } from '../../../src/log/memory-log.js';
import { explainFault } from '../../../src/platform/explain/index.js';
import { PlatformHost } from '../../../src/platform/host.js';
import { Platform } from '../../../src/platform/platform.js';
import { playScene, scenes } from '../../../src/platform/scenes/index.js';
import { EVIDENCE } from '../../support/pci-evidence.js';

// Machines are booted and replayed; a busy computer takes its time.
jest.setTimeout(60_000);

let host: PlatformHost;
beforeAll(async () => (host = await PlatformHost.open(await openMemoryLog(), () => 1_600_000_000_000)));
afterAll(() => host.close());

const named = scenes.map((scene) => [scene.name, scene] as const);

describe.each(named)('%s', (name, scene) => {
  test('ends with the line and the verdict it tells, and nothing before is refused that should not be', async () => {
    const { platform, fault, refusal } = await playScene(host, scene, name);
    expect(platform.revision).toBe(scene.steps.length);
    expect(await refusedSteps(name)).toEqual([
      ...scene.steps.slice(0, -1).map((step) => step.isRefused === true),
      scene.ending.kind === 'REFUSAL',
    ]);
    const { ending } = scene;
    if (ending.kind === 'REFUSAL') {
      expect(refusal).toMatchObject({ errno: ending.errno, mirrors: ending.mirrors });
      expect(refusal!.blockers[0].code).toBe(ending.verdict);
      const said = platform.kernel.log.lines.map(({ text }) => text);
      if (ending.logLine !== null) expect(said).toContain(ending.logLine);
      return;
    }
    expect(fault!.kernelLogLine).toBe(ending.logLine);
    const { hypotheses } = (await explainFault(host, platform, fault!))!;
    expect(hypotheses[0].code).toBe(ending.verdict);
    expect(hypotheses[0].explanation).toContain(fault!.event.reason === 0x25 ? '0000:f0:1f.0' : '0000:');
    // No two causes are equally likely, so the order is the rules' and not that of a list.
    if (hypotheses.length > 1) expect(hypotheses[0].confidence).toBeGreaterThan(hypotheses[1].confidence);
  });

  test('is told with its source, and listed in the README', () => {
    expect(scene.thread).toMatch(/^https:\/\//);
    const readme = readFileSync(join(__dirname, '..', '..', '..', 'README.md'), 'utf8');
    expect(readme).toContain(`[\`${name}\`](${scene.thread})`);
  });
});

/** Whether each command of a platform's log is refused when done again. */
async function refusedSteps(name: string): Promise<boolean[]> {
  const replica = new Platform(host.platform(name)!.header);
  const refused: boolean[] = [];
  for await (const { logged } of host.commands(host.platform(name)!, 1, Infinity))
    refused.push(!replica.apply(logged).result.ok);
  return refused;
}

/** Lines that people posted, without time stamps. */
const POSTED: Readonly<Record<string, string>> = {
  'heci-phantom-function': 't450s-xhci-alias.txt',
  'domain-switch': 'hpsa-domain-switch.txt',
  'firmware-buffer': 'thunderbolt-write.txt',
  'cancelled-transfer': 'uas-usb3-write.txt',
  'interrupt-of-bridge': 'sourceid-verification.txt',
  'interrupt-after-resume': 'xps9360-resume-intr-remap.txt',
};
const DMESG = join(EVIDENCE, 'dmesg');
const haveEvidence = existsSync(DMESG) && readdirSync(DMESG).length > 0;
if (!haveEvidence) console.warn(`${DMESG} is not here: lines of scenes are not compared with posted ones`);

(haveEvidence ? test.each : test.skip.each)(Object.entries(POSTED))(
  '%s shows the very line that was posted (%s)',
  (name, file) => {
    const { ending } = scenes.find((scene) => scene.name === name)!;
    expect(readFileSync(join(DMESG, file), 'utf8')).toContain(ending.logLine);
  },
);
