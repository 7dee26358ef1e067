// A time as people say it, from the moment that the server writes: "2024-05-17 09:30 UTC".

const STEPS = [['day', 86400], ['hour', 3600], ['minute', 60]];
const MOMENT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC$/;

export function parse(moment) {
  const found = MOMENT.exec(moment);
  return found ? Date.parse(`${found[1]}T${found[2]}:00Z`) : NaN;
}

export function ago(moment, now) {
  const seconds = (now - parse(moment)) / 1000;
  if (!(seconds >= 0 && seconds < 7 * 86400)) return moment; // a clock that is wrong, or too long ago to count
  for (const [unit, length] of STEPS) {
    const count = Math.floor(seconds / length);
    if (count) return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}
