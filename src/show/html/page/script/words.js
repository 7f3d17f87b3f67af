// Writes numbers, sizes and dates as text.

const grouped = new Intl.NumberFormat('en-US');
const isNumber = (v) => typeof v === 'number' && Number.isFinite(v);
const count = (v) => (isNumber(v) ? grouped.format(v) : 'not known');
const plural = (n, one, many = one + 's') => (n === 1 ? one : many);
const counted = (n, one, many) => count(n) + ' ' + plural(n, one, many);

function size(bytes) {
  if (!isNumber(bytes)) return 'not known';
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let v = bytes;
  while (v >= 999.5 && unit < units.length - 1) {
    v /= 1000;
    unit += 1;
  }
  if (unit === 0) return counted(bytes, 'byte', 'bytes');
  return (v >= 100 ? v.toFixed(0) : v.toPrecision(3)) + ' ' + units[unit];
}

// A control character in a delimiter would be invisible.
const WORDS = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar', ' ': 'space' };
function delimiterWord(d) {
  if (!d) return 'none';
  if (WORDS[d]) return WORDS[d];
  const code = d.codePointAt(0);
  return code < 33 ? 'U+' + code.toString(16).toUpperCase().padStart(4, '0') : d;
}
const span = (a, b) => (a === b ? a : a + ' to ' + b);
const shown = (name) => (name === '' ? '(no name)' : name);
