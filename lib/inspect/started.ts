/** The entry that starts when nobody chooses, as far as it can be told. */
export function startedOf<Entry extends { readonly isDefault: boolean }>(
  entries: readonly Entry[],
): Entry | undefined {
  return entries.find(({ isDefault }) => isDefault) ?? entries[0];
}
