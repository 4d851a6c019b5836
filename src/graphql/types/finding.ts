import type { Finding as It } from '../../platform/findings/index.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { SeverityEnum } from '../enums.js';
import { Node } from '../interfaces.js';
import { subjectView } from '../views.js';

/** A finding together with its platform. */
export interface FindingShape {
  readonly platform: Platform;
  readonly it: It;
}

export const Finding = builder.objectRef<FindingShape>('Finding').implement({
  description: 'Something about a machine that people trip over.',
  fields: (t) => ({
    code: t.string({
      description: 'A stable upper-case word, for programs.',
      resolve: ({ it }) => it.code,
    }),
    severity: t.field({
      type: SeverityEnum,
      description: 'How bad it is.',
      resolve: ({ it }) => it.severity,
    }),
    message: t.string({
      description: 'One or two sentences for people, naming the object and the rule.',
      resolve: ({ it }) => it.message,
    }),
    subject: t.field({
      type: Node,
      nullable: true,
      description: 'The object it is about; null when it is the platform itself.',
      resolve: ({ platform, it }) => (it.subject === null ? null : subjectView(platform, it.subject)),
    }),
    remedy: t.string({
      nullable: true,
      description: 'What mends it; null when nothing does, or nothing need.',
      resolve: ({ it }) => it.remedy,
    }),
  }),
});
