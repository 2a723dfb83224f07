import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipients } from '../../src/notify/recipients.js';

function author(email: string): { readonly email: string } {
  return { email };
}

test('the configured addresses always get the mail', () => {
  assert.deepEqual(recipients(['team@example.com'], [], author('ada@example.com')), ['team@example.com']);
  assert.deepEqual(recipients(['team@example.com'], ['example.com'], undefined), ['team@example.com']);
});

test('the author of the push gets it too when their domain is allowed, in whatever case', () => {
  const expected = ['team@example.com', 'Ada@Example.COM'];
  assert.deepEqual(recipients(['team@example.com'], ['example.com'], author('Ada@Example.COM')), expected);
});

test('neither a domain below an allowed one nor one that ends like it is allowed', () => {
  for (const email of ['ada@mail.example.com', 'ada@badexample.com', 'ada@example.com.evil.org']) {
    assert.deepEqual(recipients([], ['example.com'], author(email)), []);
  }
});

test('nobody gets a mail twice, with or without their name', () => {
  assert.deepEqual(
    recipients(['Ada <ada@example.com>', 'ADA@example.com'], ['example.com'], author('ada@example.com')),
    ['Ada <ada@example.com>'],
  );
});

test("an author's address that could reach somebody else or write headers is refused", () => {
  const hostile = [
    'x@example.com@evil.org',
    'x@evil.org@example.com',
    'x@evil.org,ada@example.com',
    'x@example.com\r\nBcc: all@evil.org',
    'x\u0000@example.com',
    'Ada <ada@example.com>',
    '"a b"@example.com',
    'example.com',
    '@example.com',
    '',
  ];
  for (const email of hostile) assert.deepEqual(recipients([], ['example.com', 'evil.org'], author(email)), [], email);
});

test('a configured address with a line break or another control character is left out', () => {
  assert.deepEqual(
    recipients(['a@example.com\r\nBcc: b@evil.org', 'c\u0007@example.com', 'd@example.com'], [], undefined),
    ['d@example.com'],
  );
});
