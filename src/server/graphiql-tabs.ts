import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One tab of GraphiQL as it opens the first time; its title is the name of its first operation. */
export interface GraphiqlTab {
  readonly query: string;
  /** JSON text. */
  readonly variables?: string;
}

/** The documents a newcomer finds, in reading order. */
export const STARTER_DOCUMENTS = [
  'look-around',
  'create-attach-map-dma',
  'watch-faults',
  'play-a-scene',
] as const;

/**
 * Reads the starter tabs: `<name>.graphql`, and `<name>.json` with variables where there is one. They are
 * kept outside the code because each of them is also run by a test.
 */
export function readGraphiqlTabs(directory: string): GraphiqlTab[] {
  return STARTER_DOCUMENTS.map((name) => {
    const query = readFileSync(join(directory, `${name}.graphql`), 'utf8');
    const variables = join(directory, `${name}.json`);
    return existsSync(variables) ? { query, variables: readFileSync(variables, 'utf8') } : { query };
  });
}
