import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remaining, said } from '../remaining.js';

test('an emoji is one character, as on the server', () => assert.equal(remaining('🙂é', 10), 8));
test('a line break is one character, however it was typed', () => assert.equal(remaining('a\r\nb\nc', 10), 5));
test('nothing is said while there is room', () => assert.equal(said(101), ''));
test('what is left is said near the end', () => assert.equal(said(100), '100 left'));
test('what is too much is said', () => assert.equal(said(-3), '3 too many'));
