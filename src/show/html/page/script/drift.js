// The section on drift: how the values of each column differ from day to day.

const LEVELS = [
  [1, 'shifted distribution'],
  [2, 'changed type, date format or categories'],
  [3, 'column absent in the file of that day'],
];
// The shape shows the level too: small square, full square, open square with a stroke.
function driftShapes(level, x, y, w, t) {
  const gap = w > 6 ? 1 : 0.5;
  if (level === 1)
    return [{ type: 'rect', shape: { x: x + w * 0.22, y: y + t * 0.28, width: w * 0.56, height: t * 0.44 }, style: { fill: colours.shifted } }];
  if (level === 2)
    return [{ type: 'rect', shape: { x: x + gap, y: y + gap, width: w - 2 * gap, height: t - 2 * gap }, style: { fill: colours.altered } }];
  return [
    {
      type: 'line',
      shape: { x1: x + gap + 1, y1: y + t - gap - 2, x2: x + w - gap - 1, y2: y + gap + 2 },
      style: { stroke: colours.absent, lineWidth: 1 },
    },
  ];
}
function driftKey(level) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  const add = (tag, attributes) => {
    const e = document.createElementNS(ns, tag);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    svg.append(e);
  };
  for (const [k, v] of Object.entries({ width: 16, height: 16, 'aria-hidden': 'true' })) svg.setAttribute(k, v);
  add('rect', { x: 0.5, y: 0.5, width: 15, height: 15, fill: 'none', stroke: 'var(--line)' });
  if (level === 1) add('rect', { x: 4, y: 4.5, width: 8, height: 7, fill: 'var(--shifted)' });
  if (level === 2) add('rect', { x: 1, y: 1, width: 14, height: 14, fill: 'var(--altered)' });
  if (level === 3) add('line', { x1: 3, y1: 13, x2: 13, y2: 3, stroke: 'var(--absent)' });
  return svg;
}

function drift(set, id) {
  const out = [h('h3', { id: id + 'drift' }, 'Drift of the contents')];
  const c = set.content;
  if (!c) return [...out, none('The contents of the files were not compared.')];
  out.push(
    p(
      null,
      `Each day is compared with the reference: ${span(c.reference.from, c.reference.to)}, ${counted(c.reference.files, 'file')}, ${counted(c.reference.rows, 'row')}.`,
    ),
  );
  if (c.measure) out.push(p('soft', c.measure));
  if (!c.columns.length || !c.dates.length) return [...out, none('No column was compared.')];

  const byCell = new Map(c.cells.map(([d, col, level, text]) => [col * c.dates.length + d, [level, text]]));
  const marked = new Set(c.cells.map((x) => x[1]));
  for (const f of c.findings) {
    const at = c.columns.indexOf(f.column);
    if (at >= 0) marked.add(at);
  }
  const few = c.columns.map((_, i) => i).filter((i) => marked.has(i));
  const hidden = c.columns.length - few.length;
  let rows = few;

  const used = h(
    'ul',
    { class: 'keys' },
    LEVELS.map(([level, text]) =>
      h(
        'li',
        null,
        driftKey(level),
        h('span', null, text + ' ', h('span', { class: 'soft' }, '(' + counted(c.cells.filter((x) => x[2] === level).length, 'cell') + ')')),
      ),
    ),
    h('li', { class: 'soft' }, 'thick line under the dates: the reference; upright line: a new epoch'),
  );
  const toggle = h('input', { type: 'checkbox' });
  const box = h('div', {
    class: 'chart',
    role: 'img',
    'aria-label': `Drift of ${set.dataset}: columns by dates. The table below lists the findings.`,
  });
  const namesBox = h('div', { class: 'names' });
  const dates = h('div', { class: 'dates', 'aria-hidden': 'true' });
  const frame = h(
    'div',
    { class: 'drift', role: 'region', 'aria-label': 'Map of drift, columns by dates' },
    h('div', { class: 'inner' }, h('div', { class: 'corner' }), dates, namesBox, box),
  );
  const holder = h('div', null, frame);
  const nothing = none(
    set.content.columns_compared
      ? 'There is no finding: no column differs from the reference on any day.'
      : 'Nothing could be compared: the reference has none of the columns of the files.',
  );
  const hint = h('span');
  const switcher = h('label', null, toggle, hint);
  let w = 11;
  let t = 16;
  let labels = [];

  function fill() {
    rows = toggle.checked ? c.columns.map((_, i) => i) : few;
    hint.textContent =
      `All ${count(c.columns.length)} columns` +
      (toggle.checked
        ? ` (${count(hidden)} of them without a difference)`
        : ` (${count(hidden)} without a difference ${plural(hidden, 'is', 'are')} hidden)`);
    labels = rows.map((i) => h('div', { title: c.columns[i] }, shown(c.columns[i])));
    namesBox.replaceChildren(...labels);
    frame.hidden = rows.length === 0;
    nothing.hidden = few.length > 0;
  }
  toggle.addEventListener('change', () => {
    fill();
    drawAll();
  });
  fill();

  const firstDays = new Set(
    set.epochs
      .slice(1)
      .map((e) => c.dates.findIndex((d) => d >= e.from))
      .filter((i) => i > 0),
  );
  function header(namesWidth) {
    frame.style.setProperty('--names', namesWidth + 'px');
    const parts = [];
    const from = c.dates.findIndex((d) => d >= c.reference.from);
    const after = c.dates.findIndex((d) => d > c.reference.to);
    const to = after < 0 ? c.dates.length : after;
    if (from >= 0 && to > from) parts.push(h('i', { style: `left:${from * w}px;width:${(to - from) * w}px` }));
    let free = 0;
    const long = c.dates.length > 330;
    // A week starts with its first file: its Monday may have none.
    const week = (d) => Math.floor((asTime(d) / DAY + 3) / 7);
    c.dates.forEach((d, i) => {
      if ((i === 0 || week(d) !== week(c.dates[i - 1])) && i * w >= free && (c.dates.length - i) * w > (long ? 76 : 44)) {
        parts.push(h('span', { style: `left:${i * w}px` }, shortDate(d) + (long ? ' ' + d.slice(0, 4) : '')));
        free = i * w + (long ? 84 : 52);
      }
    });
    dates.style.width = c.dates.length * w + 'px';
    dates.replaceChildren(...parts);
  }

  chart(
    box,
    () => {
      const all = room(holder);
      const namesWidth = Math.min(220, Math.round(all * 0.34));
      w = Math.max(printing ? 3 : 9, Math.min(18, Math.floor((all - namesWidth - 18) / c.dates.length)));
      t = printing ? 13 : 16;
      for (const l of labels) {
        l.style.height = t + 'px';
        l.style.lineHeight = t + 'px';
      }
      header(namesWidth);
      const width = c.dates.length * w;
      const height = Math.max(1, rows.length * t);
      const place = new Map(rows.map((col, i) => [col, i]));
      const cells = c.cells.filter((x) => place.has(x[1]));
      const lines = [...rows.map((_, i) => ({ x1: 0, y1: (i + 1) * t - 0.5, x2: width, y2: (i + 1) * t - 0.5 }))];
      return {
        width,
        height,
        option: {
          grid: { left: 0, right: 0, top: 0, bottom: 0 },
          xAxis: { type: 'value', min: 0, max: c.dates.length, show: false },
          yAxis: { type: 'value', min: 0, max: Math.max(1, rows.length), show: false },
          series: [
            {
              type: 'custom',
              silent: true,
              data: lines.map((_, i) => [i]),
              encode: { x: -1, y: -1 },
              renderItem: (params) => ({ type: 'line', shape: lines[params.dataIndex], style: { stroke: colours.line, lineWidth: 1 } }),
            },
            {
              type: 'custom',
              silent: true,
              progressive: 0,
              data: cells.map((x) => [x[0], x[1], x[2]]),
              encode: { x: -1, y: -1 },
              renderItem: (params) => {
                const x = cells[params.dataIndex];
                return { type: 'group', children: driftShapes(x[2], x[0] * w, place.get(x[1]) * t, w, t - 1) };
              },
            },
            {
              type: 'custom',
              silent: true,
              data: [...firstDays].map((i) => [i]),
              encode: { x: -1, y: -1 },
              renderItem: (params, api) => {
                const x = api.value(0) * w;
                return { type: 'line', shape: { x1: x, y1: 0, x2: x, y2: height }, style: { stroke: colours.edge, lineWidth: 1 } };
              },
            },
          ],
        },
      };
    },
    (made, x, y) => {
      const d = Math.floor(x / w);
      const r = Math.floor(y / t);
      labels.forEach((l, i) => l.classList.toggle('on', i === r && x >= 0));
      if (x < 0 || y < 0 || d >= c.dates.length || r >= rows.length) return null;
      const found = byCell.get(rows[r] * c.dates.length + d);
      const level = found && LEVELS.find((l) => l[0] === found[0]);
      return [
        shown(c.columns[rows[r]]),
        [['Date', c.dates[d]], ['Compared with the reference', level ? level[1] : 'no difference'], found && found[1] && ['Detail', found[1]]],
      ];
      // Many cells would be too many SVG elements; the canvas is kept below the size limits of phones.
    },
    c.cells.length > 6000
      ? {
          renderer: 'canvas',
          ratio: Math.min(window.devicePixelRatio || 1, Math.max(1, Math.sqrt(12e6 / (c.dates.length * 14 * c.columns.length * 16)))),
        }
      : {},
  );

  if (c.cells.length) out.push(used);
  out.push(nothing, hidden ? switcher : '', holder);
  if (c.cells.length) out.push(cellTable(c));
  out.push(
    c.findings.length
      ? table(
          'Findings',
          [
            ['Column', 'name'],
            ['What', 'fixed'],
            ['Finding', 'text'],
            ['From', 'fixed'],
            ['To', 'fixed'],
          ],
          c.findings.map((f) => [shown(f.column), f.what, f.text, f.from, f.to]),
        )
      : few.length
        ? none('There is no finding; the map shows single differences.')
        : '',
  );
  return out;
}

// The same as the map for a keyboard, a screen reader or paper. It may be long, so it is made when it is opened.
function cellTable(c) {
  const most = 2000;
  const sorted = [...c.cells].sort((a, b) => a[1] - b[1] || a[0] - b[0]);
  const runs = [];
  for (const [d, col, level, text] of sorted) {
    const r = runs[runs.length - 1];
    if (r && r.col === col && r.to === d - 1 && r.level === level && r.text === text) r.to = d;
    else runs.push({ col, from: d, to: d, level, text });
  }
  const details = h('details', null, h('summary', null, `The differences as a table (${count(runs.length)})`));
  const word = (n) => {
    const l = LEVELS.find((x) => x[0] === n);
    return l ? l[1] : 'level ' + n;
  };
  details.addEventListener(
    'toggle',
    () => {
      if (runs.length > most) details.append(p('soft', `The first ${count(most)} of ${count(runs.length)}.`));
      details.append(
        table(
          'Differences from the reference',
          [
            ['Column', 'name'],
            ['From', 'fixed'],
            ['To', 'fixed'],
            ['Difference', 'name'],
            ['Detail', 'text'],
          ],
          runs.slice(0, most).map((r) => [shown(c.columns[r.col]), c.dates[r.from], c.dates[r.to], word(r.level), r.text]),
        ),
      );
      markScrolling();
    },
    { once: true },
  );
  return details;
}
