// The section on coverage: a calendar of the days, its legend and a table.

function coverage(set, id) {
  const days = set.days;
  const out = [h('h3', { id: id + 'coverage' }, 'Coverage')];
  if (!days.length) return [...out, none('The range of this report has no days.')];

  const first = days[0].date;
  const last = days[days.length - 1].date;
  const monday = (asTime(first) / DAY + 3) % 7; // days from Monday to the first day
  const weeks = Math.ceil((monday + days.length) / 7);
  const box = h('div', {
    class: 'chart small',
    role: 'img',
    'aria-label': `Calendar of ${set.dataset}: the state of each day from ${first} to ${last}. The table of days shows the same.`,
  });
  const frame = h('div', { class: 'scroll', role: 'region', 'aria-label': 'Calendar of coverage' }, box);
  const rowsOf = Object.keys(STATES).map((s) => [s, days.filter((d) => stateKey(d.state) === s).length]);
  const legend = h(
    'div',
    { class: 'states' },
    table(
      'States of the days',
      [
        ['State', 'fixed'],
        ['Days', 'right'],
        ['Meaning', 'meaning'],
      ],
      rowsOf.map(([s, n]) => [h('span', null, swatch(s), ' ' + s), cell(n), STATES[s].means]),
      { wide: false, zero: (n) => rowsOf[n][1] === 0 },
    ),
  );
  const wrap = h('div', { class: 'coverage' }, frame, legend);
  const LEFT = 36;
  const TOP = 22;
  let c = 24;
  const at = new Map(days.map((d, i) => [d.date, i]));
  // Whether the day n days later is shown and is in another month.
  const next = (d, n) => {
    const o = days[at.get(d.date) + n];
    return Boolean(o) && o.date.slice(0, 7) !== d.date.slice(0, 7);
  };
  const heads = new Map();
  let lastWeek = -9;
  days.forEach((d, i) => {
    const week = Math.floor((monday + i) / 7);
    const begins = d.date.endsWith('-01') || (i === 0 && Number(d.date.slice(8)) <= 20);
    if ((!begins && !(i === 0 && days.length < 15)) || week - lastWeek < 3) return;
    lastWeek = week;
    heads.set(d.date, MONTHS[Number(d.date.slice(5, 7)) - 1] + (weeks > 30 && d.date.slice(5, 7) === '01' ? ' ' + d.date.slice(0, 4) : ''));
  });

  chart(
    box,
    () => {
      c = Math.max(17, Math.min(26, Math.floor((room(wrap) - LEFT - 4) / weeks)));
      if (printing) c = Math.max(10, Math.min(22, Math.floor((PRINT_WIDTH - LEFT - 4) / weeks)));
      return {
        width: LEFT + Math.max(weeks * c + 4, 44),
        height: TOP + 7 * c + 4,
        option: {
          calendar: {
            left: LEFT,
            top: TOP,
            cellSize: [c, c],
            range: [first, last],
            orient: 'horizontal',
            itemStyle: { color: 'transparent', borderWidth: 0 },
            splitLine: { show: false },
            monthLabel: { show: false },
            yearLabel: { show: false },
            dayLabel: { firstDay: 1, color: colours.soft, fontSize: 11, margin: 8, nameMap: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] },
          },
          series: {
            type: 'custom',
            coordinateSystem: 'calendar',
            silent: true,
            data: days.map((d, i) => [d.date, i]),
            renderItem: (params, api) => {
              const d = days[api.value(1)];
              const s = stateKey(d.state);
              const [x, y] = api.coord(d.date);
              const side = c - 3;
              const open = s === 'historical' || s === 'forward' || s === 'missing';
              const half = c / 2;
              const border = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: colours.ink, lineWidth: 1 } });
              return {
                type: 'group',
                children: [
                  // The borders between months, and the name of a month above its first week.
                  next(d, 7) && border(x + half, y - half, x + half, y + half),
                  next(d, 1) && y < TOP + 6 * c && border(x - half, y + half, x + half, y + half),
                  heads.has(d.date) && {
                    type: 'text',
                    style: {
                      text: heads.get(d.date),
                      x: x - half + 1,
                      y: TOP - 8,
                      align: 'left',
                      verticalAlign: 'bottom',
                      fill: colours.soft,
                      font: `11px ${FONT}`,
                    },
                  },
                  {
                    type: 'rect',
                    shape: { x: x - side / 2, y: y - side / 2, width: side, height: side },
                    style: {
                      fill: colours[s],
                      stroke: open ? colours[s + '-ink'] : colours[s],
                      lineWidth: 1,
                      lineDash: s === 'missing' ? [2, 2] : null,
                    },
                  },
                  {
                    type: 'text',
                    style: {
                      text: has(STATES, d.state) ? STATES[s].mark : '!',
                      x,
                      y: y + 0.5,
                      align: 'center',
                      verticalAlign: 'middle',
                      fill: colours[s + '-ink'],
                      font: `600 ${c < 14 ? 8 : 11}px ${FONT}`,
                    },
                  },
                ].filter(Boolean),
              };
            },
          },
        },
      };
    },
    (made, x, y) => {
      const i = Math.floor((x - LEFT) / c) * 7 + Math.floor((y - TOP) / c) - monday;
      if (x < LEFT || y < TOP || y >= TOP + 7 * c || !days[i]) return null;
      return [days[i].date, dayPairs(days[i])];
    },
  );

  out.push(wrap);
  if (days.every((d) => d.state === 'unknown' || !hasFile(d))) {
    out.push(none('No database was configured, so the calendar only shows which days have a file.'));
  }
  out.push(
    h(
      'details',
      null,
      h('summary', null, `The days as a table (${count(days.length)})`),
      table(
        'Days',
        [
          ['Date', 'fixed'],
          ['State', 'fixed'],
          ['Files', 'right'],
          ['Size', 'right'],
          ['Rows', 'right'],
          ['Rejects', 'right'],
          ['Why', 'text'],
        ],
        days.map((d) => [d.date, d.state, cell(d.files), bytesCell(d.bytes), cell(d.rows), cell(d.rejects), d.why || '']),
      ),
    ),
  );
  return out;
}

function swatch(s) {
  const open = s === 'historical' || s === 'forward' || s === 'missing';
  return h(
    'span',
    {
      class: 'swatch',
      'aria-hidden': 'true',
      style: `background:var(--${s});color:var(--${s}-ink);border-color:var(--${s}${open ? '-ink' : ''});border-style:${s === 'missing' ? 'dashed' : 'solid'}`,
    },
    STATES[s].mark,
  );
}
