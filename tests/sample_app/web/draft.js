// Keeps what is being written, so that a closed tab loses nothing. `storage` is the browser's, or any with its methods.

const KEY = 'inbox-draft';

export function keep(storage, text) {
  try {
    if (text.trim()) storage.setItem(KEY, text);
    else storage.removeItem(KEY);
  } catch {
    // Private windows have no room: then nothing is kept.
  }
}

export function kept(storage) {
  try {
    return storage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}
