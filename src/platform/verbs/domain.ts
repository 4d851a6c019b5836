import type { U64 } from '../../bits/u64.js';
import type { Attachment } from '../../kernel/iommu/attachment.js';
import type { Domain, DomainType } from '../../kernel/iommu/domain.js';
import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import { NotFoundError } from '../errors.js';
import { domainOf, groupOf, targetOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface DomainResults {
  allocDomain: Domain;
  freeDomain: number;
  attach: { readonly attachments: readonly Attachment[]; readonly warnings: readonly string[] };
  detach: Domain;
  map: {
    readonly domain: Domain;
    readonly pages: readonly { readonly pageSize: number; readonly count: number }[];
  };
  unmap: { readonly domain: Domain; readonly unmapped: U64 };
  setGroupType: IommuGroup;
}

/** The commands on domains, and on the default domain of a group. */
export const DOMAIN_VERBS: VerbTable<DomainResults> = {
  allocDomain: (platform, { bus, domainType }) => {
    if (!platform.kernel.buses.has(bus)) throw new NotFoundError('Bus', bus, platform.name);
    return () => platform.kernel.allocDomain(bus, domainType as DomainType);
  },
  freeDomain: (platform, { domain }) => {
    const found = domainOf(platform, domain);
    return function* () {
      yield* platform.kernel.inSteps.freeDomain(found);
      return found.number;
    };
  },
  attach: (platform, { domain, target }) => {
    const found = domainOf(platform, domain);
    const to = targetOf(platform, target);
    return () => platform.kernel.attach(found, to);
  },
  detach: (platform, { domain, target }) => {
    const found = domainOf(platform, domain);
    const from = targetOf(platform, target);
    return () => {
      platform.kernel.detach(found, from);
      return found;
    };
  },
  map: (platform, command) => {
    const domain = domainOf(platform, command.domain);
    return function* () {
      return { domain, pages: yield* platform.kernel.inSteps.map(domain, command) };
    };
  },
  unmap: (platform, command) => {
    const domain = domainOf(platform, command.domain);
    return function* () {
      return { domain, unmapped: yield* platform.kernel.inSteps.unmap(domain, command) };
    };
  },
  setGroupType: (platform, { group, word }) => {
    const found = groupOf(platform, group);
    return () => {
      platform.kernel.setGroupType(found, word);
      return found;
    };
  },
};
