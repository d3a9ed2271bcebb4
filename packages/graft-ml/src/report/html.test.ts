import { expect, test } from 'vitest';
import { html, trusted } from './html.ts';

test.each([
  ['an element', '<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)&gt;'],
  ['the end of an attribute', `" onload='x' &amp;`, '&quot; onload=&#39;x&#39; &amp;amp;'],
  ['a right-to-left override', 'gpj.\u202etac', 'gpj.\\u202etac'],
  ['a null byte', 'a\u0000b', 'a\\u0000b'],
  ['what XML does not allow', '\uffff', '\ufffd'],
  ['a percentage, on one line', '92.5 %', '92.5\u00a0%'],
])('%s is text', (_, text, expected) => {
  expect(html`<b title="${text}">${text}</b>`.text).toBe(`<b title="${expected}">${expected}</b>`);
});

test('markup stays, lists are joined, and nothing is left of null, undefined and false', () => {
  const items = ['a&b', 'c'].map((text) => html`<li>${text}</li>`);
  expect(html`${items}${null}${undefined}${false}${0}${trusted('<hr>')}`.text).toBe('<li>a&amp;b</li><li>c</li>0<hr>');
});
