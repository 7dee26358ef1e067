// What the pages do in a browser. Without it they work all the same.
import { ago } from './ago.js';
import { keep, kept } from './draft.js';
import { remaining, said } from './remaining.js';

export function enhance(document, storage, now) {
  for (const time of document.querySelectorAll('.moment')) {
    time.title = time.textContent;
    time.textContent = ago(time.textContent, now);
  }
  const body = document.querySelector('textarea[name=body]');
  const left = document.querySelector('.left');
  if (!body || !left) return;
  const limit = body.maxLength;
  body.removeAttribute('maxlength'); // a browser counts UTF-16 units, and cuts what is pasted without a word
  if (!body.value) body.value = kept(storage);
  const show = () => { left.textContent = said(remaining(body.value, limit)); };
  body.addEventListener('input', () => { keep(storage, body.value); show(); });
  body.form.addEventListener('submit', () => keep(storage, ''));
  show();
}

if (globalThis.document) enhance(document, localStorage, Date.now());
