import type { Command } from '../../platform/command.js';
import { NotFoundError } from '../../platform/errors.js';
import { type Played, type Scene as It, playScene, scenes } from '../../platform/scenes/index.js';
import { builder } from '../builder.js';
import { keyField, termsOf } from '../commands/asked.js';
import { inputLiteral, writtenCommand } from '../commands/written.js';
import { FaultEventRef } from '../refs.js';
import { KernelErrorType, Refusal, refusalsAsValues } from '../types/errors.js';
import type { PayloadShape } from '../types/payloads.js';
import { Scene } from '../types/scene.js';
import { eventView } from '../views.js';
import { payloadType, resultUnion } from './command.js';

const PlaySceneInput = builder.inputType('PlaySceneInput', {
  description: 'Which scene to play, and where.',
  fields: (t) => ({
    scene: t.string({ required: true, description: 'Name of a scene, as scenes lists them.' }),
    name: t.string({
      required: true,
      description: 'A name that is not taken, for the platform it is played on.',
    }),
    ...keyField(t),
  }),
});

interface PlayedScene extends Played {
  readonly scene: It;
}

const PlayScenePayload = payloadType<'PlayScenePayload', PlayedScene>(
  'PlayScenePayload',
  'A scene was played. The revision and the events are those of its last command; the events before are in Platform.events.',
);
PlayScenePayload.implement((t) => ({
  scene: t.field({ type: Scene, description: 'The scene.', resolve: ({ value }) => value.scene }),
  fault: t.field({
    type: FaultEventRef,
    nullable: true,
    description: 'The fault it ends with; null when it ends with a refusal.',
    resolve: ({ platform, value: { fault } }) => (fault === null ? null : eventView(platform, fault)),
  }),
  refusal: t.field({
    type: KernelErrorType,
    nullable: true,
    description: 'The refusal it ends with; null when it ends with a fault.',
    resolve: ({ platform, value: { refusal } }) => (refusal === null ? null : new Refusal(refusal, platform)),
  }),
  ask: t.string({
    description: 'A document that asks why, to be sent next: explainFault for a fault, whyNot for a refusal.',
    resolve: ({ platform, value: { fault, lastCommand } }) =>
      fault === null
        ? whyNotDocument(platform.name, lastCommand)
        : explainDocument(eventView(platform, fault).id),
  }),
}));
const PlaySceneResult = resultUnion('PlaySceneResult', PlayScenePayload.ref, 'NO_KERNEL');

function explainDocument(event: string): string {
  const step = '{ level index entryAddress words present fields { name value meaning } }';
  const mapping = '{ iova size access mappedBy mappedByCommand unmappedBy unmappedByCommand domainId }';
  const cause =
    '{ code confidence explanation evidence remedies { text weakensIsolation commands { document } } }';
  return `{ explainFault(event: ${JSON.stringify(event)}) { fault { kernelLogLine } stoppedAt ${step} lastMapping ${mapping} hypotheses ${cause} } }`;
}

function whyNotDocument(platform: string, command: Command): string {
  const written = writtenCommand(platform, command);
  const choice = `{ ${written.name}: ${inputLiteral(written)} }`;
  return `{ whyNot(command: ${choice}) { code message remedy subject { id } } minimalRepair(command: ${choice}) { verdict reason commands { document } } }`;
}

builder.mutationField('playScene', (t) =>
  t.field({
    type: PlaySceneResult,
    description:
      'Plays a scene: builds its machine under a name and gives it the commands of the scene. The platform stays, to be looked at and gone on with.',
    args: { input: t.arg({ type: PlaySceneInput, required: true, description: 'Which scene, and where.' }) },
    resolve: (_root, { input }, { host }) =>
      refusalsAsValues(async (): Promise<PayloadShape<'PlayScenePayload', PlayedScene>> => {
        const scene = scenes.find(({ name }) => name === input.scene);
        if (scene === undefined) throw new NotFoundError('Scene', input.scene, null);
        const { request } = termsOf('playScene', input);
        const played = await playScene(host, scene, input.name, request);
        const { platform, last } = played;
        const { revision, firstSequence, lastSequence } = last;
        const value = { ...played, scene };
        return { __typename: 'PlayScenePayload', platform, revision, firstSequence, lastSequence, value };
      }),
  }),
);
