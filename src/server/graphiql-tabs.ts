/** One tab of GraphiQL as it opens the first time; its title is the name of the operation. */
export interface GraphiqlTab {
  readonly query: string;
  /** JSON text. */
  readonly variables?: string;
}

const LOOK_AROUND = `# Press Ctrl-Enter (or the pink button) to run. Ctrl-Space completes; the book icon opens the documentation.

query LookAround {
  platforms {
    nodes {
      id
      name
    }
  }
}
`;

/** What a newcomer finds in GraphiQL, in reading order. */
export const GRAPHIQL_TABS: readonly GraphiqlTab[] = [{ query: LOOK_AROUND }];
