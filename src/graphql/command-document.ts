import { type U64, toHex, u64FromNumber } from '../bits/u64.js';
import type { RemedyCommand } from '../platform/explain/hypothesis.js';
import { encodeId } from './ids.js';

/** A command as the mutation a client would send, ready to be pasted. */
export function commandDocument(platform: string, command: RemedyCommand): string {
  const input = Object.entries(inputOf(platform, command))
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  return `mutation { ${command.type}(input: { ${input} }) { __typename ... on Error { message } } }`;
}

/** The fields of the input, each as GraphQL text. */
function inputOf(platform: string, command: RemedyCommand): Readonly<Record<string, string>> {
  const id = (...of: [Parameters<typeof encodeId>[0], string | number]) =>
    JSON.stringify(encodeId(of[0], platform, of[1]));
  switch (command.type) {
    case 'map':
      return {
        domain: id('Domain', command.domain),
        iova: address(command.iova),
        physical: address(command.physical),
        size: address(command.size),
        access: `[${[command.read ? 'READ' : [], command.write ? 'WRITE' : []].flat().join(', ')}]`,
      };
    case 'unmap':
      return {
        domain: id('Domain', command.domain),
        iova: address(command.iova),
        size: address(command.size),
      };
    case 'attach': {
      const { target } = command;
      const key = target.kind === 'Group' ? target.number : target.name;
      return { domain: id('Domain', command.domain), target: id(target.kind, key) };
    }
    case 'enableFeature':
      return { device: id('Device', command.device), feature: command.feature };
    case 'setContainerIommu':
      return {
        container: id('VfioContainer', command.container),
        type: command.iommuType === 1 ? 'TYPE1' : 'TYPE1V2',
      };
    case 'pokeMemory':
      return {
        platform: id('Platform', ''),
        address: address(u64FromNumber(command.address)),
        words: words(command.words),
      };
    case 'submitDescriptor':
      return { unit: id('IommuUnit', command.unit), words: words(command.words) };
  }
}

function address(value: U64): string {
  return `"${toHex(value)}"`;
}

function words(values: readonly U64[]): string {
  return `[${values.map(address).join(', ')}]`;
}
