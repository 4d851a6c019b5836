import { Endpoint, Node } from '../interfaces.js';
import { DeviceRef, SubdeviceRef } from '../refs.js';
import { SubdeviceView, deviceView } from '../views.js';
import { IommuOps } from './kernel.js';
import { MdevType } from './mdev-type.js';
import { Attachment } from './node-fields.js';

SubdeviceRef.implement({
  description: "A mediated part of a device with a DMA identity of its own: (parent's source id, PASID).",
  interfaces: [Node, Endpoint],
  isTypeOf: (value) => value instanceof SubdeviceView,
  fields: (t) => ({
    uuid: t.field({ type: 'UUID', description: 'Its name on the mdev bus.', resolve: ({ it }) => it.uuid }),
    type: t.field({
      type: MdevType,
      description: 'The type it was created from.',
      resolve: ({ platform, it }) => {
        const type = platform.kernel.mdevTypes(it.parent).find(({ name }) => name === it.typeName);
        if (type === undefined) throw new Error(`${it.parent.name} no longer offers ${it.typeName}`);
        return { platform, it: type };
      },
    }),
    parent: t.field({
      type: DeviceRef,
      description: 'The physical function behind it.',
      resolve: ({ platform, it }) => deviceView(platform, it.parent),
    }),
    attachment: t.field({
      type: Attachment,
      nullable: true,
      description: 'How its domain is attached; null when none is.',
      resolve: ({ platform, it }) => (it.attachment === null ? null : { platform, it: it.attachment }),
    }),
    pasid: t.int({
      nullable: true,
      description: 'The PASID its requests carry; null until an auxiliary or PASID attachment gives it one.',
      resolve: ({ it }) => it.pasid,
    }),
    iommuOps: t.field({
      type: IommuOps,
      nullable: true,
      description: "The operations that serve it, which can differ from its parent's.",
      resolve: ({ it }) => it.iommuOps,
    }),
  }),
});
