import { type Api, startApi } from '../support/api.js';

const [U1, U2, SOFTWARE] = ['01', '02', '03'].map((end) => `4b20d080-1b54-4048-85b3-a6a62d165c${end}`);
const AT = '0000:6a:01.0';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

interface Answer {
  __typename: string;
  errno?: string;
  message?: string;
  warnings?: string[];
  domain?: { id: string };
  events?: object[];
}
interface Finding {
  code: string;
  severity: string;
  message: string;
}

/** A platform on which a hazard of the review is shown, or refused. */
class Hazard {
  constructor(private readonly name: string) {}

  static async on(auxRequirement: string, template = 'sapphire-rapids'): Promise<Hazard> {
    const name = `hazard-${platforms++}`;
    const { made } = await api.ask<{ made: Answer }>(
      `mutation { made: createPlatform(input: { name: "${name}", template: "${template}", kernel: { auxRequirement: ${auxRequirement} } }) { __typename } }`,
    );
    expect(made.__typename).toBe('PlatformPayload');
    const hazard = new Hazard(name);
    if (template === 'sapphire-rapids') for (const uuid of [U1, U2]) await hazard.create(uuid);
    return hazard;
  }

  async run(field: string, selection = ''): Promise<Answer> {
    const { answer } = await api.ask<{ answer: Answer }>(
      `mutation { answer: ${field} { __typename ... on Error { message } ... on KernelError { errno } ${selection} } }`,
    );
    return answer;
  }

  id(kind: string, name: string): string {
    return `"${kind}:${this.name}/${name}"`;
  }

  create(uuid: string): Promise<Answer> {
    return this.run(
      `createMdev(input: { parent: ${this.id('Device', AT)}, type: "idxd-1dwq-v1", uuid: "${uuid}" })`,
    );
  }

  async domain(): Promise<string> {
    const made = await this.run(
      `allocDomain(input: { platform: "Platform:${this.name}", bus: "mdev" })`,
      '... on DomainPayload { domain { id } }',
    );
    return made.domain!.id;
  }

  attach(domain: string, uuid: string): Promise<Answer> {
    return this.run(
      `attach(input: { domain: "${domain}", target: ${this.id('Subdevice', uuid)} })`,
      '... on AttachPayload { warnings }',
    );
  }

  detach(domain: string, uuid: string): Promise<Answer> {
    return this.run(`detach(input: { domain: "${domain}", target: ${this.id('Subdevice', uuid)} })`);
  }

  aux(verb: 'enable' | 'disable'): Promise<Answer> {
    return this.run(`${verb}Feature(input: { device: ${this.id('Device', AT)}, feature: AUX })`);
  }

  async findings(code: string): Promise<Finding[]> {
    const { platform } = await api.ask<{ platform: { findings: Finding[] } }>(
      `{ platform(name: "${this.name}") { findings { code severity message } } }`,
    );
    return platform.findings.filter((each) => each.code === code);
  }

  /** Whose domain the parent's own requests go through. */
  async parentDomain(): Promise<string | null> {
    const { node } = await api.ask<{ node: { domain: { id: string } | null } }>(
      `{ node(id: ${this.id('Device', AT)}) { ... on Device { domain { id } } } }`,
    );
    return node.domain?.id ?? null;
  }

  /** Everything the API shows of tables, registers, queues, caches and objects. */
  async everything(): Promise<unknown> {
    const { platform } = await api.ask<{ platform: object }>(`{ platform(name: "${this.name}") {
      lastSequence
      kernelLog(first: 1000) { nodes { text } }
      findings { code message }
      domains(first: 200) { nodes { id type tableBytes mappedBytes attachments { pasid domainIdTag kind endpoint { id } } } }
      groups(first: 200) { nodes { id members { id } domain { id } defaultDomain { id } } }
      devices(first: 200) { nodes { id driver features { feature enabled } contextEntry { words } domain { id }
        pasidAttachments { pasid domain { id } } pasidTable { pasid entry { words } } subdevices { nodes { id pasid domain { id } group { id } } } } }
      softwareSubdevices { id }
      iommuUnits { name domainIdsUsed registers { name value } caches(first: 1000) { kind address target pasid }
        translation: debugfs(file: "dmar_translation_struct") queue: debugfs(file: "invalidation_queue") }
    } }`);
    return platform;
  }

  /** Runs what must be refused, and sees that nothing is touched. */
  async refuses(act: () => Promise<Answer>): Promise<string | undefined> {
    const before = await this.everything();
    const { __typename, errno } = await act();
    expect(__typename).toBe('KernelError');
    expect(await this.everything()).toEqual(before);
    return errno;
  }
}

let platforms = 0;
const POSTED = 'FALL_BACK_TO_PRIMARY';

describe('as posted, each hazard of the review happens and is told', () => {
  test('without AUX, a subdevice’s domain takes the parent’s own translation; the warning names who is harmed', async () => {
    const host = await Hazard.on(POSTED);
    const before = await host.parentDomain();
    const domain = await host.domain();
    const { warnings } = await host.attach(domain, U1);
    expect(warnings![0]).toContain(`becomes the primary domain of ${AT} itself`);
    expect([before === domain, await host.parentDomain()]).toEqual([false, domain]);
    const [found] = await host.findings('PARENT_TRANSLATION_REPLACED');
    expect(found).toMatchObject({ severity: 'ERROR' });
    expect(found.message).toContain(`Other subdevices harmed: ${U2}`);
  });

  test('the detach then leaves the parent without any domain', async () => {
    const host = await Hazard.on(POSTED);
    const domain = await host.domain();
    await host.attach(domain, U1);
    await host.detach(domain, U1);
    expect(await host.parentDomain()).toBeNull();
    expect(await host.findings('DEVICE_WITHOUT_DOMAIN')).toMatchObject([{ severity: 'ERROR' }]);
  });

  test('without AUX, a second subdevice of the parent evicts the first without an error', async () => {
    const host = await Hazard.on(POSTED);
    const [first, second] = [await host.domain(), await host.domain()];
    await host.attach(first, U1);
    const { __typename, warnings } = await host.attach(second, U2);
    expect(__typename).toBe('AttachPayload');
    expect(warnings!.some((text) => text.includes(`of subdevice ${U1} is evicted`))).toBe(true);
    const [found] = await host.findings('PARENT_TRANSLATION_REPLACED');
    expect(found.message).toMatch(new RegExp(`${U1} \\(domain \\d+ translates nothing any more\\)`));
  });

  test('AUX switched off before the detach leaks PASID and domain id, and takes the parent’s domain', async () => {
    const host = await Hazard.on(POSTED);
    await host.aux('enable');
    const domain = await host.domain();
    await host.attach(domain, U1);
    expect((await host.aux('disable')).__typename).toBe('DevicePayload');
    await host.detach(domain, U1);
    expect((await host.findings('ATTACHMENT_LEAKED'))[0].message).toContain('PASID 1');
    expect(await host.findings('DEVICE_WITHOUT_DOMAIN')).toHaveLength(1);
  });

  test('a group without default domain takes a second domain beside the first', async () => {
    const host = await Hazard.on(POSTED);
    await host.aux('enable');
    const [first, second] = [await host.domain(), await host.domain()];
    await host.attach(first, U1);
    expect((await host.attach(second, U1)).__typename).toBe('AttachPayload');
    expect((await host.findings('SECOND_ATTACH'))[0].message).toContain('(PASID 1) and');
  });

  test('a software subdevice is made and has no group, so that VFIO has no device for it', async () => {
    const host = await Hazard.on(POSTED, 'two-vendors');
    const made = await createSoftware(host);
    expect(made.__typename).toBe('CreateSoftwareMdevPayload');
    expect((await host.findings('SUBDEVICE_WITHOUT_GROUP'))[0].message).toContain(SOFTWARE);
  });
});

const createSoftware = (host: Hazard) =>
  host.run(
    `createSoftwareMdev(input: { parent: ${host.id('SoftwareDevice', 'mtty')}, type: "mtty-2", uuid: "${SOFTWARE}" })`,
  );

describe('where AUX is required, each is refused and nothing is touched', () => {
  test('attaching without AUX, so that no parent loses its translation and none is left without', async () => {
    const host = await Hazard.on('REQUIRED');
    const domain = await host.domain();
    expect(await host.refuses(() => host.attach(domain, U1))).toBe('EPERM');
    expect(await host.refuses(() => host.attach(domain, U2))).toBe('EPERM');
  });

  test('switching AUX off while anything is attached', async () => {
    const host = await Hazard.on('REQUIRED');
    await host.aux('enable');
    const domain = await host.domain();
    await host.attach(domain, U1);
    expect(await host.refuses(() => host.aux('disable'))).toBe('EBUSY');
    await host.detach(domain, U1);
    expect((await host.aux('disable')).__typename).toBe('DevicePayload');
  });

  test('a second domain for a subdevice', async () => {
    const host = await Hazard.on('REQUIRED');
    await host.aux('enable');
    const [first, second] = [await host.domain(), await host.domain()];
    await host.attach(first, U1);
    expect(await host.refuses(() => host.attach(second, U1))).toBe('EBUSY');
    await host.detach(first, U1);
    expect((await host.attach(second, U1)).__typename).toBe('AttachPayload');
  });

  test('a subdevice the operations of its bus cannot serve', async () => {
    const host = await Hazard.on('REQUIRED', 'two-vendors');
    // On this template the operations are the second vendor's, which know no unit for it.
    expect(await host.refuses(() => createSoftware(host))).toBe('ENODEV');
  });
});
