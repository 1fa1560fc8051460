/** How patient a source is. */
export interface Patience {
  /** How long an answer is waited for; each source has its own usual time where nothing is said. */
  readonly timeoutInMilliseconds?: number;
}

/**
 * A request that calls back, with its answer in bounded time.
 * @throws what `late` makes, after `timeoutInMilliseconds`
 */
export async function within<Answer>(
  timeoutInMilliseconds: number,
  late: () => Error,
  ask: (resolve: (answer: Answer) => void, reject: (error: unknown) => void) => unknown,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => reject(late()), timeoutInMilliseconds);
  try {
    ask(resolve, reject);
    return await promise;
  } catch (error) {
    // Awaited here, so that a request that throws at once leaves no promise behind.
    promise.catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
