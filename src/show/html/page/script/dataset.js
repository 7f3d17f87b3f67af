// One dataset: its verdicts, its totals, and its sections in order.

const PARTS = {
  coverage: 'Coverage',
  formats: 'Formats',
  drift: 'Drift',
  rows: 'Rows',
  checks: 'Checks',
  fit: 'SQL and target',
  odd: 'Unusual days',
  notices: 'Notices',
  accounting: 'Accounting',
};

function verdicts(set, path) {
  const states = (s) => set.days.filter((d) => d.state === s).length;
  const bad = [];
  const note = [];
  const add = (to, n, part, text) => {
    if (n > 0) to.push([part, text]);
  };
  add(bad, states('refused'), 'coverage', `${counted(states('refused'), 'day')} with a file that would make a run fail.`);
  add(
    bad,
    states('changed'),
    'coverage',
    `${counted(states('changed'), 'day')} changed since the load; a run over ${plural(states('changed'), 'it', 'them')} would be refused.`,
  );
  const f = set.fit;
  if (f) {
    add(bad, f.failures.length, 'fit', `The SQL does not fit the files in ${counted(f.failures.length, 'place')}.`);
    if (f.target === 'missing') {
      if (states('loaded') + states('changed') > 0) bad.push(['fit', `The target table ${short(set.table)} was not found, but files were loaded into it.`]);
      else note.push(['fit', `The target table ${short(set.table)} does not exist yet; a run creates it.`]);
    }
  }
  const failed = set.checks.filter((k) => verdictOf(k)[0] === 'failed');
  const warned = set.checks.filter((k) => verdictOf(k)[0] === 'warned');
  add(bad, failed.length, 'checks', `${counted(failed.length, 'check')} failed: ${short(failed.map((k) => k.name).join(', '))}.`);
  const total = (key, one) => [figure(set.totals[key], `${path}.totals.${key}`), ' ' + plural(set.totals[key], one)];
  add(note, set.totals.missing_days, 'coverage', [...total('missing_days', 'day'), ' without a file.']);
  add(note, states('historical'), 'coverage', `${counted(states('historical'), 'day')} not loaded yet.`);
  add(note, states('forward'), 'coverage', `${counted(states('forward'), 'day')} that the live loader has not loaded yet.`);
  add(note, set.totals.rejects, 'checks', [...total('rejects', 'record'), ' rejected.']);
  add(note, warned.length, 'checks', `${counted(warned.length, 'check')} warned: ${short(warned.map((k) => k.name).join(', '))}.`);
  if (set.accounting) {
    const by = new Map();
    for (const x of set.accounting.files) if (!isOk(x)) by.set(x.verdict, (by.get(x.verdict) || 0) + 1);
    if (by.size)
      (by.has('WRONG') ? bad : note).push([
        'accounting',
        `Files with an account other than OK: ${[...by].map(([v, n]) => `${short(v)} ${count(n)}`).join(', ')}.`,
      ]);
  }
  if (set.days.length && set.days.every((d) => d.state === 'unknown' || !hasFile(d)))
    note.push(['coverage', 'No database was configured, so nothing is known about the target.']);
  return [...bad.map((x) => ['Error', 'bad', ...x]), ...note.map((x) => ['Note', 'warn', ...x])];
}

function sentence(t, path) {
  const n = (key, one, many) => [figure(t[key], `${path}.totals.${key}`), ' ' + plural(t[key], one, many)];
  return [
    n('files', 'file'),
    ', ',
    t.missing_days === 0 ? ['no missing day'] : n('missing_days', 'missing day'),
    ', ',
    n('formats', 'format'),
    ', ',
    t.findings === 0 ? ['no finding'] : n('findings', 'finding'),
  ].flat();
}

function dataset(set, i) {
  const path = `datasets.${i}`;
  const id = `d${i}-`;
  const t = set.totals;
  const tile = (name, key, format) => h('div', null, h('dt', null, name), h('dd', null, figure(t[key], `${path}.totals.${key}`, format)));
  const found = verdicts(set, path);
  const section = h(
    'section',
    { class: 'dataset', id: 'd' + i, 'aria-labelledby': id + 'title' },
    h('h2', { id: id + 'title' }, set.dataset),
    p('soft', 'From the prefix ', h('code', null, set.prefix), ' to the table ', h('code', null, set.table)),
    p('lede', ...sentence(t, path), '.'),
    found.length
      ? h(
          'ul',
          { class: 'verdict' },
          found.map(([word, cls, part, text]) =>
            h('li', null, h('b', { class: cls }, word), h('span', null, text, ' ', h('a', { href: '#' + id + part, class: 'to' }, PARTS[part]))),
          ),
        )
      : h(
          'ul',
          { class: 'verdict' },
          h('li', null, h('b', { class: 'good' }, 'Good'), h('span', null, 'Nothing wrong was found.')),
        ),
    h(
      'dl',
      { class: 'tiles' },
      tile('Files', 'files', count),
      tile('Size', 'bytes', size),
      tile('Rows', 'rows', count),
      tile('Rejects', 'rejects', count),
      tile('Days', 'days', count),
      tile('Missing days', 'missing_days', count),
      tile('Epochs', 'epochs', count),
      tile('Formats', 'formats', count),
      tile('Findings', 'findings', count),
    ),
    h(
      'nav',
      { 'aria-label': 'Parts of ' + set.dataset },
      h(
        'ul',
        { class: 'jump' },
        Object.entries(PARTS).map(([key, text]) => h('li', null, h('a', { href: '#' + id + key }, text))),
      ),
    ),
  );
  document.getElementById('report').append(section);
  // Added to the page first, because the charts measure the available space.
  section.append(
    ...coverage(set, id),
    ...epochs(set, id),
    ...drift(set, id),
    ...rowsPerDay(set, id),
    ...quality(set, id, path),
    ...fit(set, id),
    ...odd(set, id),
    ...notices(set, id),
    ...accounting(set, id, path),
  );
}
