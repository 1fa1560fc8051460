/**
 * The last few values that were made, by key: L2 tables, decompressed clusters, blocks of inodes. A value that is
 * being made is shared by those who ask meanwhile; one that could not be made is forgotten.
 */
export class Recent<Key, Value> {
  readonly #limit: number;
  readonly #held = new Map<Key, Promise<Value>>();

  /** @param limit how many values are held; at least one is */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  get(key: Key, make: () => Promise<Value>): Promise<Value> {
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#held.delete(key);
      this.#held.set(key, held);
      return held;
    }
    const made = make();
    this.#held.set(key, made);
    made.catch(() => {
      if (this.#held.get(key) === made) this.#held.delete(key);
    });
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#limit) break;
      this.#held.delete(oldest);
    }
    return made;
  }
}
