// The states of a day: their marks and meanings.

// There is a mark besides the colour: the map must be readable in grey and for colour-blind readers.
const STATES = {
  loaded: { mark: '', means: 'in the target, loaded by backfill' },
  elsewhere: { mark: 'E', means: 'in the target, loaded by the live loader' },
  historical: { mark: 'H', means: 'a gap before the live loader began: in S3, not in the target' },
  forward: { mark: 'F', means: 'a gap since the live loader began: the live loader loads it' },
  changed: { mark: 'C', means: 'loaded, but the object or the SQL has changed since: a run is refused' },
  refused: { mark: 'R', means: 'unreadable or empty: a run fails on it' },
  missing: { mark: '\u00d7', means: 'no file for this day' },
  'not-due': { mark: '', means: 'no file, and none is expected on this day' },
  unknown: { mark: '?', means: 'in S3; no database was configured, so it is not known whether it is loaded' },
};
const has = (o, k) => Object.prototype.hasOwnProperty.call(o, k);
const stateKey = (s) => (has(STATES, s) ? s : 'unknown');

const hasFile = (d) => d.state !== 'missing' && d.state !== 'not-due';

function dayPairs(d) {
  return [
    ['State', d.state + (has(STATES, d.state) ? ': ' + STATES[d.state].means : '')],
    ['Files', count(d.files)],
    hasFile(d) && ['Size', size(d.bytes)],
    hasFile(d) && ['Rows', count(d.rows)],
    hasFile(d) && ['Rejects', count(d.rejects)],
    d.why && ['Why', d.why],
  ];
}

const DAY = 86400000;
const asTime = (iso) => Date.parse(iso + 'T00:00:00Z');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const shortDate = (iso) => Number(iso.slice(8, 10)) + ' ' + MONTHS[Number(iso.slice(5, 7)) - 1];
