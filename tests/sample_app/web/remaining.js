// How much may still be written. Counts as the server does: by characters, not by UTF-16 units.

export function remaining(text, limit) {
  return limit - [...text.replaceAll('\r\n', '\n')].length;
}

export function said(left) {
  if (left < 0) return `${-left} too many`;
  return left <= 100 ? `${left} left` : '';
}
