// The section on accounting: what became of the records of each file.

const ACCOUNT = [
  ['records', 'Records'],
  ['accepted', 'Accepted'],
  ['rejected', 'Rejected'],
  ['staged', 'Staged'],
  ['superseded', 'Superseded'],
  ['filtered', 'Filtered'],
  ['inserted', 'Inserted'],
  ['in_target', 'In target'],
];
const isOk = (f) => String(f.verdict).toUpperCase() === 'OK';

function accounting(set, id, path) {
  const out = [h('h3', { id: id + 'accounting' }, 'Accounting')];
  const a = set.accounting;
  if (!a)
    return [
      ...out,
      none('There is no accounting, because no database was configured or nothing was loaded.'),
    ];
  const at = `${path}.accounting.totals.`;
  out.push(p(null, 'How many records of the files under ', h('code', null, set.prefix), ' are in ', h('code', null, a.target), '.'));
  out.push(
    table(
      'Totals',
      [['Files', 'right'], ...ACCOUNT.map((x) => [x[1], 'right']), ['Unverified', 'right']],
      [
        [
          figure(a.totals.files, at + 'files'),
          ...ACCOUNT.map((x) => figure(a.totals[x[0]], at + x[0], dashed)),
          figure(a.totals.unverified, at + 'unverified'),
        ],
      ],
    ),
  );
  if (!a.files.length) return [...out, none('No file is in the accounting.')];
  const columns = [['Date', 'fixed'], ['Verdict', 'name'], ...ACCOUNT.map((x) => [x[1], 'right']), ['Loaded by', 'by'], ['File', 'text']];
  const row = (f) => [
    f.date,
    h('div', null, h('span', { class: isOk(f) ? 'good' : f.verdict === 'WRONG' ? 'bad' : 'warn' }, f.verdict), f.why && h('div', { class: 'soft' }, f.why)),
    ...ACCOUNT.map((x) => cell(f[x[0]])),
    f.loaded_by || '',
    h('span', { title: f.key }, within(f.key)),
  ];
  // The prefix is the same for all files and is shown once, above.
  const within = (key) => (set.prefix && key.startsWith(set.prefix) ? key.slice(set.prefix.length) : key);
  const other = a.files.filter((f) => !isOk(f));
  const many = a.files.length > 12;
  if (many && other.length && other.length <= 40)
    out.push(table(`Files with a verdict other than OK (${count(other.length)})`, columns, other.map(row), { dense: true }));
  else if (!other.length) out.push(p(null, 'The verdict of every file is OK.'));
  const full = table('Files', columns, a.files.map(row), { dense: true });
  out.push(many ? h('details', null, h('summary', null, `All ${count(a.files.length)} files`), full) : full);
  return out;
}
const dashed = (v) => (isNumber(v) ? grouped.format(v) : '\u2013');
