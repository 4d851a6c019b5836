import {
  type DocumentNode,
  type ExecutionArgs,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  getOperationAST,
  visit,
} from 'graphql';
import { canonicalJson } from './canonical-json.js';

/**
 * A text that is equal for subscriptions whose answers are: the same document, operation name and variables.
 * A variable that is used for nothing but to tell where the stream begins does not count.
 */
export function operationKey({ schema, document, operationName, variableValues }: ExecutionArgs): string {
  const variables = { ...variableValues };
  const start = startVariable(schema, document, operationName);
  if (start !== null) delete variables[start];
  return JSON.stringify([textOf(document), operationName ?? null, canonicalJson(variables)]);
}

/** The variable behind the argument that the field's `startArgument` extension names, if that is its one use. */
function startVariable(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
): string | null {
  const root = getOperationAST(document, operationName)?.selectionSet.selections[0];
  if (root?.kind !== Kind.FIELD) return null;
  const name = startArgument(schema, root);
  const value = root.arguments?.find((argument) => argument.name.value === name)?.value;
  if (value?.kind !== Kind.VARIABLE) return null;
  const variable = value.name.value;
  return usesOf(document, variable) === 1 ? variable : null;
}

function startArgument(schema: GraphQLSchema, root: FieldNode): unknown {
  return schema.getSubscriptionType()?.getFields()[root.name.value]?.extensions.startArgument;
}

/** How often a document reads a variable, besides declaring it. */
function usesOf(document: DocumentNode, variable: string): number {
  let uses = 0;
  visit(document, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void (name.value === variable && uses++),
  });
  return uses;
}

function textOf(document: DocumentNode): string {
  if (document.loc === undefined) throw new Error('a document without its text');
  return document.loc.source.body;
}
