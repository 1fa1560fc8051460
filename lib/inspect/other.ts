/** Something that no node boots, or that is not known. */
export interface OtherInspection {
  readonly kind: 'other';
  readonly problems: readonly string[];
}
