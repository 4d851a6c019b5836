import { execute, parse } from 'graphql';
import { buildSchema } from '../../../src/graphql/schema.js';
import { openMemoryLog } from '../../../src/log/memory-log.js';
import type { CommandLog } from '../../../src/log/port.js';
import { createFromTemplate } from '../../../src/platform/create.js';
import { PlatformHost } from '../../../src/platform/host.js';
import type { Written } from './random-commands.js';

/** The API over a host of its own, without a server, at a clock that moves only when told. */
export interface Graph {
  readonly host: PlatformHost;
  readonly log: CommandLog;
  readonly clock: { now: number };
  ask<T = Record<string, never>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Sends one mutation and gives its answer. */
  send(written: Written, selection?: string): Promise<Record<string, unknown>>;
}

export async function graphWith(platforms: Record<string, string>): Promise<Graph> {
  const log = await openMemoryLog();
  const clock = { now: 1_600_000_000_000 };
  const host = await PlatformHost.open(log, () => clock.now);
  for (const [name, template] of Object.entries(platforms))
    await createFromTemplate(host, name, template, {});
  return graphOver(host, log, clock);
}

export function graphOver(host: PlatformHost, log: CommandLog, clock: { now: number }): Graph {
  const schema = buildSchema();
  const ask = async <T>(query: string, variables: Record<string, unknown> = {}) => {
    const answer = await execute({
      schema,
      document: parse(query),
      variableValues: variables,
      contextValue: { host },
    });
    if (answer.errors !== undefined) throw new Error(answer.errors.map(String).join('\n'));
    return JSON.parse(JSON.stringify(answer.data)) as T;
  };
  const send = async ([name, input]: Written, selection = '... on CommandPayload { revision }') => {
    const type = inputOf(name);
    const { answer } = await ask<{ answer: Record<string, unknown> }>(
      `mutation ($input: ${type}Input!) { answer: ${name}(input: $input) { __typename ... on Error { message } ${selection} } }`,
      { input },
    );
    return answer;
  };
  return { host, log, clock, ask, send };
}

/** The input type of a mutation, without the word Input. */
function inputOf(mutation: string): string {
  if (mutation.endsWith('Feature')) return 'Feature';
  if (mutation.endsWith('Container') && mutation.includes('Group')) return 'ContainerGroup';
  return mutation[0].toUpperCase() + mutation.slice(1);
}
