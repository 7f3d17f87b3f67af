// The sections on SQL and target, unusual days and notices.

const TARGETS = {
  found: ['The target table was found and its columns were compared.', null],
  missing: ['The target table does not exist, so its columns were not compared; a run creates it from target.sql.', 'none'],
  unverified: ['No database was configured, so the columns of the target were not compared.', 'none'],
};
function fit(set, id) {
  const out = [h('h3', { id: id + 'fit' }, 'SQL and target')];
  const f = set.fit;
  if (!f) return [...out, none('The SQL of this dataset was not compared with the files and the target.')];
  const [text, cls] = has(TARGETS, f.target) ? TARGETS[f.target] : ['Target: ' + f.target + '.', null];
  out.push(p(cls, text));
  out.push(
    f.failures.length
      ? h('div', null, h('h4', { class: 'bad' }, `${counted(f.failures.length, 'place')} in which the SQL does not fit`), list(f.failures, 20))
      : p(null, 'The SQL fits every format of the files.'),
  );
  if (f.absent) out.push(p(null, 'UNVERIFIED, because these files do not exist yet: ' + f.absent.join(', ')));
  if (f.not_given.length) out.push(h('h4', null, 'Columns of the target that stage.sql does not return'), p(null, names(f.not_given, 30)));
  const rows = (x) => x.map((r) => [r.days, cell(r.columns.length), names(r.columns)]);
  const columns = [
    ['Days', 'fixed'],
    ['Columns', 'right'],
    ['Names', 'text'],
  ];
  if (f.read_as_null.length)
    out.push(table('Columns that the SQL reads and these files do not have (read as NULL)', columns, rows(f.read_as_null), { wide: false }));
  if (f.not_loaded.length) out.push(table('Columns of the files that are not loaded', columns, rows(f.not_loaded), { wide: false }));
  return out;
}

function odd(set, id) {
  return [h('h3', { id: id + 'odd' }, 'Unusual days'), set.oddities.length ? list(set.oddities, 30) : none('No day is unusual.')];
}

function notices(set, id) {
  const texts = set.notices.map((n) => n.text);
  return [h('h3', { id: id + 'notices' }, 'Notices'), texts.length ? list(texts, 30) : none('There is no notice.')];
}
