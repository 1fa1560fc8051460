import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { element, readXml, writeXml } from './xml.ts';

test('is written with everything escaped that a reader would change', () => {
  const root = element('a', { b: '<"&\n\'>' }, [element('c', {}), element('d', { e: 1 }, ['<"&\n\'>'])]);
  expect(writeXml(root)).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<a b="&lt;&quot;&amp;&#10;\'&gt;">\n  <c/>\n  <d e="1">&lt;"&amp;\n\'&gt;</d>\n</a>\n',
  );
});

test('what was written is read back', () => {
  const text = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), minLength: 1 });
  fc.assert(
    fc.property(text, text, (attribute, content) => {
      const root = element('a-b', { c: attribute }, [element('d', {}, [content])]);
      const read = readXml(writeXml(root));
      expect(read.attributes).toEqual({ c: attribute });
      expect(read.children.filter((child) => typeof child !== 'string')).toEqual([
        element('d', {}, [content]),
      ]);
    }),
  );
});

test('entities are resolved once', () => {
  expect(readXml('<a>&amp;lt; &#65;&#x42; &nbsp; &#x110000;</a>').children).toEqual([
    '&lt; AB &nbsp; &#x110000;',
  ]);
});

test.for([
  '',
  'x',
  '<a>',
  '<a></b>',
  '<a/><b/>',
  '<a b=c/>',
  '<a',
  '<a b="<"/>',
  '<!DOCTYPE a><a/>',
  '</a>',
  '<a></a></a>',
])('what is not a whole document is refused: %s', (text) => {
  expect(() => readXml(text)).toThrow(/XML/);
});
