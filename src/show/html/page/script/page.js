// The whole page: the heading, the list of datasets, printing and resizing.

const doc = JSON.parse(document.getElementById('document').textContent);
const sets = doc.datasets;
const top = document.getElementById('top');
if (sets.length > 1) {
  top.before(
    h(
      'nav',
      { class: 'bar', 'aria-label': 'Datasets' },
      h(
        'div',
        null,
        h('strong', null, 'Datasets'),
        h(
          'ul',
          null,
          sets.map((s, i) => h('li', null, h('a', { href: '#d' + i, title: s.dataset }, s.dataset))),
        ),
      ),
    ),
  );
}
const made = String(doc.made_at)
  .replace('T', ' ')
  .replace(/(\.\d+)?Z$/, ' UTC');
top.append(
  h(
    'div',
    { class: 'head' },
    h('h1', null, 'Report on the files of ', doc.from && doc.to ? span(doc.from, doc.to) : 'all days'),
    p('soft', `Made at ${made} by ${doc.program}, `, ...(doc.run_id ? ['in the run ', h('code', null, doc.run_id)] : ['without a run']), '.'),
  ),
);
if (!sets.length) document.getElementById('report').append(none('The report has no datasets.'));
document.body.append(tip);
if (sets.length > 1) {
  const t = (s, i, key, format) => figure(s.totals[key], `datasets.${i}.totals.${key}`, format || dashed);
  document.getElementById('report').append(
    table(
      'Datasets',
      [
        ['Dataset', 'name'],
        ['Files', 'right'],
        ['Size', 'right'],
        ['Rows', 'right'],
        ['Rejects', 'right'],
        ['Missing days', 'right'],
        ['Formats', 'right'],
        ['Findings', 'right'],
        ['Errors', 'right'],
      ],
      sets.map((s, i) => [
        h('a', { href: '#d' + i }, shown(s.dataset)),
        t(s, i, 'files'),
        t(s, i, 'bytes', size),
        t(s, i, 'rows'),
        t(s, i, 'rejects'),
        t(s, i, 'missing_days'),
        t(s, i, 'formats'),
        t(s, i, 'findings'),
        cell(verdicts(s, `datasets.${i}`).filter((v) => v[0] === 'Error').length),
      ]),
    ),
  );
}
sets.forEach(dataset);
document
  .getElementById('foot')
  .append(
    p(
      null,
      'Sizes are decimal: 1 kB is 1,000 bytes. A dash means that the number is not known. Charts are drawn with Apache ECharts (Apache License 2.0).',
    ),
  );
drawAll();

// The content of a closed part can only be measured when it is opened.
document.addEventListener('toggle', markScrolling, true);
// The element that the address names exists only now.
const goal = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (goal) goal.scrollIntoView();

let waiting = 0;
let lastWidth = innerWidth;
addEventListener('resize', () => {
  // On a phone the address bar changes the height while scrolling; only the width matters.
  if (printing || innerWidth === lastWidth) return;
  lastWidth = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
const opened = [];
const print = (on) => {
  if (on === printing) return;
  printing = on;
  root.classList.toggle('print', on);
  // On paper nothing can be opened, so shortened lists are printed in full; the long tables stay as they are.
  if (on)
    for (const d of document.querySelectorAll('details.more:not([open])')) {
      d.open = true;
      opened.push(d);
    }
  else for (const d of opened.splice(0)) d.open = false;
  drawAll();
};
addEventListener('beforeprint', () => print(true));
addEventListener('afterprint', () => print(false));

if (root.dataset.state !== 'failed') root.dataset.state = 'ready';
