import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enhance } from '../page.js';

function field(value) {
  const heard = {};
  return {
    value, maxLength: 10, heard, form: { addEventListener: (name, does) => { heard[name] = does; } },
    addEventListener(name, does) { heard[name] = does; }, removeAttribute() { this.maxLength = -1; },
  };
}

function page({ body = null, moments = [] }) {
  const left = { textContent: '' };
  return { left, querySelectorAll: () => moments, querySelector: (wanted) => (wanted === '.left' ? left : body) };
}

const storage = { kept: '', getItem() { return this.kept; }, setItem(_key, text) { this.kept = text; }, removeItem() { this.kept = ''; } };

test('times become relative, and stay readable', () => {
  const time = { textContent: '2024-05-17 09:29 UTC' };
  enhance(page({ moments: [time] }), storage, Date.UTC(2024, 4, 17, 9, 30));
  assert.deepEqual(time, { textContent: '1 minute ago', title: '2024-05-17 09:29 UTC' });
});

test('a comment is counted and kept while it is written, and forgotten when it is sent', () => {
  const body = field('');
  const shown = page({ body });
  enhance(shown, storage, 0);
  body.value = 'twelve chars';
  body.heard.input();
  assert.equal(shown.left.textContent, '2 too many');
  assert.equal(storage.kept, 'twelve chars');
  body.heard.submit();
  assert.equal(storage.kept, '');
});
