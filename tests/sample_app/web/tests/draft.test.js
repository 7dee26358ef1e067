import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keep, kept } from '../draft.js';

function storage() {
  const items = new Map();
  return {
    setItem: (key, value) => items.set(key, value),
    getItem: (key) => items.get(key) ?? null,
    removeItem: (key) => items.delete(key),
  };
}

const full = { setItem() { throw new Error('no room'); }, getItem() { throw new Error('not allowed'); }, removeItem() {} };

test('what was written is there again', () => {
  const browser = storage();
  keep(browser, 'half a thought');
  assert.equal(kept(browser), 'half a thought');
});

test('what was sent or emptied is not', () => {
  const browser = storage();
  keep(browser, 'half a thought');
  keep(browser, '  ');
  assert.equal(kept(browser), '');
});

test('a browser that keeps nothing is no fault', () => {
  keep(full, 'half a thought');
  assert.equal(kept(full), '');
});
