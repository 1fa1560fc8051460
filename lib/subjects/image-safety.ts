import { FormatError } from '../errors.ts';
import { fact } from '../facts.ts';
import { inspectImage } from '../image/safety.ts';
import { type IronicConfig, ironicConfig } from '../ironic/config.ts';
import { type Refusal, inspectorOf, ironicAccepts } from '../ironic/image-safety.ts';
import { type Release, releaseOf } from '../ironic/release.ts';
import { knownRelease, usableConfigs } from './config.ts';
import { type UserImage, userImageBytes, userImageRecord } from './user-images.ts';

/** What one conductor would make of an image. */
export interface ConductorJudgement {
  readonly conductor: string;
  /** Undefined where it looks into no image: `[conductor]disable_deep_image_inspection`. */
  readonly refusals: readonly Refusal[] | undefined;
}

export interface ImageJudgement {
  readonly judgements: readonly ConductorJudgement[];
  /** The release is not known, and releases disagree about this image. */
  readonly undecided: boolean;
}

/** The last release with the older inspector: what is not known to be newer could be it. */
const older = releaseOf('2024.2');

/** What the conductors would make of a user image; where none is named, one with Ironic's defaults. */
export const imageSafety = fact(
  'safety of a user image',
  async (image: UserImage, use): Promise<ImageJudgement> => {
    const blob = await use(userImageBytes, image);
    const { disk_format: diskFormat } = await use(userImageRecord, image);
    const { release, known } = await use(knownRelease, 'all');
    const named = await use(usableConfigs, 'all');
    const defaults = { name: 'a conductor with the defaults', config: ironicConfig([], {}, release) };
    const conductors = named.map(({ conductor, config }) => ({ name: conductor.name, config }));
    if (conductors.length === 0) conductors.push(defaults);

    const judge = async (judging: Release): Promise<ConductorJudgement[]> => {
      const verdict = await inspectImage(blob, inspectorOf(judging));
      return conductors.map(({ name: conductor, config }) => {
        const permittedFormats = permittedBy(config, conductor);
        if (permittedFormats === undefined) return { conductor, refusals: undefined };
        return {
          conductor,
          refusals: ironicAccepts(verdict, { diskFormat, permittedFormats, release: judging }).refusals,
        };
      });
    };
    const judgements = await judge(release);
    if (known || older === undefined) return { judgements, undecided: false };
    const others = await judge(older);
    return { judgements, undecided: judgements.some(isRefused) !== others.some(isRefused) };
  },
);

function isRefused({ refusals = [] }: ConductorJudgement): boolean {
  return refusals.length > 0;
}

/** `[conductor]permitted_image_formats`; undefined where images are not inspected. */
function permittedBy(config: IronicConfig, conductor: string): readonly string[] | undefined {
  const disabled = config.boolean('conductor', 'disable_deep_image_inspection');
  if (disabled.ok && disabled.value === true) return undefined;
  const permitted = config.list('conductor', 'permitted_image_formats');
  if (!permitted.ok) {
    throw new FormatError(`${conductor}: [conductor]permitted_image_formats: ${permitted.problem}`);
  }
  return permitted.value ?? [];
}
