import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.js';
import './scalars.js';
import './enums.js';
import './interfaces.js';
import './types/node-fields.js';
import './types/platform.js';
import './types/kernel.js';
import './types/dmar.js';
import './types/iommu-unit.js';
import './types/device.js';
import './types/subdevice.js';
import './types/software-device.js';
import './types/group.js';
import './types/domain.js';
import './types/vfio-container.js';
import './types/events/fault.js';
import './types/events/hardware.js';
import './types/events/kernel.js';
import './types/decoded-log.js';
import './types/explanation.js';
import './types/scene.js';
import './queries.js';
import './plan.js';
import './why-not.js';
import './readiness.js';
import './explain.js';
import './mutations/platform.js';
import './mutations/fork.js';
import './mutations/device.js';
import './mutations/slot.js';
import './mutations/software-device.js';
import './mutations/domain.js';
import './mutations/vfio.js';
import './mutations/dma.js';
import './mutations/dma-api.js';
import './mutations/hardware.js';
import './mutations/scene.js';
import './subscriptions/streams.js';

let schema: GraphQLSchema | null = null;

/** The whole schema, built once. */
export function buildSchema(): GraphQLSchema {
  schema ??= builder.toSchema();
  return schema;
}

/** The SDL as it is committed: sorted, so that a diff shows what changed and nothing else. */
export function printSdl(): string {
  return printSchema(lexicographicSortSchema(buildSchema())) + '\n';
}
