/**
 * Ironic hides what a token may not see in two ways: secrets become `******`, and whole fields become a text (or an
 * object with one, under `content`) that begins with `** Redacted` or `** Value Redacted`.
 * Source: ironic/api/controllers/v1/node.py (node_sanitize).
 */
const placeholder = /^\*\* (?:Value )?Redacted/iu;

/** The placeholder's text where a field was redacted as a whole, or undefined. */
export function redactedText(field: unknown): string | undefined {
  const content = typeof field === 'object' && field !== null && 'content' in field ? field.content : field;
  return typeof content === 'string' && placeholder.test(content) ? content : undefined;
}

/** Whether a value was masked, or replaced by a placeholder. */
export function isRedacted(value: unknown): boolean {
  return value === '******' || value === '***' || redactedText(value) !== undefined;
}
