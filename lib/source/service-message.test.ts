import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { serviceMessage } from './service-message.ts';

/** The body of a recorded answer of a real service. */
function recordedBody(name: string): string {
  const path = new URL(`../../fixtures/recorded/${name}.json`, import.meta.url);
  const { response } = JSON.parse(readFileSync(path, 'utf8')) as {
    response: { json?: unknown; text?: string };
  };
  return response.text ?? JSON.stringify(response.json);
}

test.for<[string, string]>([
  ['keystone-token-wrong-password', 'The request you have made requires authentication.'],
  ['ironic-nodes-no-token', 'The request you have made requires authentication.'],
  ['ironic-conductors-as-reader', 'Access was denied to the following resource: baremetal:conductor:get'],
  ['ironic-node-missing', 'Node no-such-node could not be found.'],
  ['glance-image-missing', 'No image found with ID 00000000-0000-0000-0000-000000000000'],
  [
    'glance-file-range-multi',
    'Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead.',
  ],
  ['http-missing', '404 Not Found'],
])('%s says: %s', ([name, message]) => {
  expect(serviceMessage(recordedBody(name))).toBe(message);
});

test('versions and scopes are told as JSON inside JSON says them', () => {
  expect(serviceMessage(recordedBody('ironic-nodes-version-9.99'))).toContain(
    'supported version range is: [1.1, 1.82]',
  );
  expect(serviceMessage(recordedBody('rbac-new-conductors-lab-reader'))).toContain(
    "requires a scope of ['system'], request was made with project scope.",
  );
});

test('what a schema error echoes of the request is left out', () => {
  const body = recordedBody('keystone-token-malformed');
  expect(body).toContain('On instance');
  expect(serviceMessage(body)).toBe("'identity' is a required property");
});

test('other shapes, and none', () => {
  expect(serviceMessage('{"badRequest": {"message": "no", "code": 400}}')).toBe('no');
  expect(serviceMessage('{"NeutronError": {"type": "X", "message": "not here"}}')).toBe('not here');
  expect(serviceMessage('{"error_message": {"faultstring": "as an object"}}')).toBe('as an object');
  expect(serviceMessage('{"error_message": "plain"}')).toBe('plain');
  expect(serviceMessage('<html><body><h1>Bad</h1> <p>Gateway</p></body></html>')).toBe('Bad Gateway');
  expect(serviceMessage('')).toBe('');
  expect(serviceMessage('[]')).toBe('');
  expect(serviceMessage('{broken')).toBe('{broken');
  expect(serviceMessage('a\u001b[31m\tb')).toBe('a [31m b');
  expect(serviceMessage('x'.repeat(1000)).length).toBe(300);
  expect(serviceMessage(`${'{"error":'.repeat(50)}1${'}'.repeat(50)}`)).toBe('');
});
