import type { Fact } from './facts.ts';

/** What a check is judged for: a conductor, a node, a boot file, an image. */
export interface Subject {
  /** For people and reports, unique in its kind: `aarch64 uefi ipxe_aa64.efi on conductor-1`. */
  readonly label: string;
  /** Spelt as `uname -m`; absent when the subject is shared by all architectures. */
  readonly architecture?: string;
  /** The nodes that depend on it, by name. */
  readonly affects: readonly string[];
}

/** A kind of subject and how the deployment's are found. */
export interface SubjectKind<S extends Subject> {
  /** Plural, for people: `boot files`. */
  readonly name: string;
  /** Whether each belongs to one architecture; the others are shared by all. */
  readonly perArchitecture: boolean;
  /** Finds them all; what is found is what gets judged. */
  readonly all: Fact<'all', readonly S[]>;
  /** Why there may be none of them, said when there are none. */
  readonly none: string;
  /** The architectures that must be ready, and of which none can be found yet: not verified, where none is found. */
  readonly awaited?: Fact<'all', readonly Awaited[]>;
}

/** An architecture that has to be there, and what is waited for. */
export interface Awaited {
  readonly architecture: string;
  readonly reason: string;
}
