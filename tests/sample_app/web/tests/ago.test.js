import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ago, parse } from '../ago.js';

const NOW = Date.UTC(2024, 4, 17, 9, 30);

describe('ago', () => {
  for (const [moment, expected] of [
    ['2024-05-17 09:30 UTC', 'just now'],
    ['2024-05-17 09:29 UTC', '1 minute ago'],
    ['2024-05-17 07:30 UTC', '2 hours ago'],
    ['2024-05-16 09:30 UTC', '1 day ago'],
    ['2024-05-10 09:30 UTC', '2024-05-10 09:30 UTC'],
    ['2024-05-17 09:31 UTC', '2024-05-17 09:31 UTC'],
    ['yesterday', 'yesterday'],
  ]) {
    it(`says ${expected} of ${moment}`, () => assert.equal(ago(moment, NOW), expected));
  }
});

describe('parse', () => {
  it('reads what the server writes', () => assert.equal(parse('2024-05-17 09:30 UTC'), NOW));
  it('reads nothing else', () => assert.ok(Number.isNaN(parse('17.5.2024'))));
});
