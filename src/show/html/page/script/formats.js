// The section on formats: which days have files of the same format.

function shapeWords(e) {
  return [
    delimiterWord(e.delimiter),
    e.line_end,
    e.encoding + (e.byte_order_mark ? ' with byte order mark' : ''),
    e.compression === 'none' ? 'not compressed' : e.compression,
  ];
}

function epochs(set, id) {
  const runs = set.epochs;
  const days = set.days;
  const out = [h('h3', { id: id + 'formats' }, 'Formats over time')];
  if (!runs.length || !days.length) return [...out, none('No file was read, so no format is known.')];
  out.push(
    p(
      'soft',
      'An epoch is a run of days whose files have the same format: header, delimiter, line ending, encoding and compression. A format that appears again stays in its lane.',
    ),
  );

  const lanes = [...new Set(runs.map((e) => e.format))].sort((a, b) => a - b);
  const index = (iso, end) => {
    const i = days.findIndex((d) => d.date >= iso);
    const at = i < 0 ? days.length - 1 : i;
    return end && days[at].date > iso && at > 0 ? at - 1 : at;
  };
  const bars = runs.map((e) => [index(e.from), index(e.to, true), lanes.indexOf(e.format)]);
  const LANE = 34;
  const box = h('div', {
    class: 'chart small',
    role: 'img',
    'aria-label': `Timeline of ${counted(runs.length, 'epoch')} in ${counted(lanes.length, 'format')}. The table of epochs shows the same.`,
  });
  const frame = h('div', { class: 'scroll', role: 'region', 'aria-label': 'Timeline of formats' }, box);
  let width = 0;
  chart(
    box,
    () => {
      width = widthFor(frame, days);
      return {
        width,
        height: lanes.length * LANE + 34,
        option: {
          grid: { left: GUTTER, right: 12, top: 4, height: lanes.length * LANE },
          xAxis: dateAxis(days, width - GUTTER - 12),
          yAxis: {
            type: 'category',
            inverse: true,
            data: lanes.map((l) => 'Format ' + l),
            axisLine: { show: false },
            axisTick: { show: false },
            splitLine: { show: true, lineStyle: { color: colours.line } },
            axisLabel: { color: colours.ink, fontSize: 11, margin: 8, width: GUTTER - 8, overflow: 'truncate' },
          },
          series: {
            type: 'custom',
            silent: true,
            data: bars,
            encode: { x: [0, 1], y: 2 },
            renderItem: (params, api) => {
              const e = runs[params.dataIndex];
              const [from, lane] = api.coord([api.value(0), api.value(2)]);
              const to = api.coord([api.value(1), api.value(2)])[0];
              const band = api.size([1, 1])[0];
              const x = from - band / 2;
              const w = Math.max(2, to - from + band - 1);
              const text =
                [`${count(e.columns)} columns, ${counted(e.files, 'file')}`, `${count(e.columns)} columns`, count(e.columns)].find(
                  (t) => t.length * 6.4 + 12 < w,
                ) || '';
              return {
                type: 'group',
                children: [
                  { type: 'rect', shape: { x, y: lane - 11, width: w, height: 22 }, style: { fill: colours.bar } },
                  {
                    type: 'text',
                    style: { text, x: x + 7, y: lane + 0.5, verticalAlign: 'middle', fill: colours['bar-ink'], font: `12px ${FONT}` },
                  },
                ],
              };
            },
          },
        },
      };
    },
    (made, x, y) => {
      const day = dayAt(days, width, x);
      const lane = Math.floor((y - 4) / LANE);
      const n = bars.findIndex((b) => day >= b[0] && day <= b[1] && lane === b[2]);
      if (day < 0 || n < 0) return null;
      const e = runs[n];
      return [
        span(e.from, e.to),
        [
          ['Format', String(e.format)],
          ['Columns', count(e.columns)],
          ['Files', count(e.files)],
          ['Written as', shapeWords(e).join(', ')],
          e.changes.length && ['Changes', e.changes.join('; ')],
        ],
      ];
    },
  );
  out.push(frame);

  out.push(
    table(
      'Changes between the epochs',
      [
        ['From', 'fixed'],
        ['To', 'fixed'],
        ['Changes since the epoch before', 'text'],
        ['Format', 'right'],
        ['Columns', 'right'],
        ['Files', 'right'],
        ['Written as', 'name'],
      ],
      runs.map((e, n) => [
        e.from,
        e.to,
        e.changes.length ? list(e.changes, 12) : h('span', { class: 'soft' }, n === 0 ? 'the first epoch' : 'none'),
        String(e.format),
        cell(e.columns),
        cell(e.files),
        shapeWords(e).join(', '),
      ]),
    ),
  );
  return out;
}
