// The section on checks: their results, and the rejected records by reason.

const verdictOf = (k) =>
  k.bad_rows === 0
    ? ['passed', 'good']
    : !isNumber(k.bad_rows)
      ? ['not known', 'soft']
      : k.severity === 'error'
        ? ['failed', 'bad']
        : ['warned', 'warn'];

function quality(set, id, path) {
  const out = [h('h3', { id: id + 'checks' }, 'Checks and rejects')];
  const checks = set.checks;
  if (!checks.length) {
    out.push(none(set.checks_why ? `No check was run: ${set.checks_why}.` : 'There are no checks for this dataset.'));
  } else {
    const order = { failed: 0, warned: 1, 'not known': 2, passed: 3 };
    const sorted = checks.map((k, i) => [k, i, verdictOf(k)]).sort((a, b) => order[a[2][0]] - order[b[2][0]] || a[1] - b[1]);
    const n = (w) => sorted.filter((x) => x[2][0] === w).length;
    out.push(
      p(
        null,
        `${counted(checks.length, 'check')}: ${count(n('passed'))} passed, ${count(n('failed'))} failed, ${count(n('warned'))} warned${n('not known') ? `, ${count(n('not known'))} not known` : ''}.`,
      ),
    );
    out.push(
      table(
        'Checks',
        [
          ['Check', 'name'],
          ['Result', 'fixed'],
          ['Rows found', 'right'],
          ['What it finds', 'text'],
          ['First rows', 'text'],
          ['Severity', 'fixed'],
        ],
        sorted.map(([k, i, [word, cls]]) => [
          h('code', null, k.name),
          h('span', { class: cls }, word),
          figure(k.bad_rows, `${path}.checks.${i}.bad_rows`),
          k.description,
          k.first.length ? list(k.first, 3) : '',
          k.severity,
        ]),
      ),
    );
  }
  if (set.rejects.length) {
    out.push(
      table(
        'Rejected records by reason',
        [
          ['Reason', 'name'],
          ['Records', 'right'],
          ['Files', 'right'],
          ['First record', 'text'],
        ],
        set.rejects.map((r, i) => [r.reason, figure(r.records, `${path}.rejects.${i}.records`), cell(r.files), r.first || '']),
      ),
    );
  } else {
    out.push(
      none(
        set.totals.rejects === 0
          ? 'No record was rejected.'
          : isNumber(set.totals.rejects)
            ? 'This report does not have the reasons.'
            : 'The records of the files were not read, so it is not known which are rejected.',
      ),
    );
  }
  return out;
}
