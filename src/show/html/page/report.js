'use strict';
(() => {
  const root = document.documentElement;

  // An error must be seen: a half drawn report reads like a good one.
  function fail(message) {
    root.dataset.state = 'failed';
    const box = document.getElementById('problem');
    box.textContent = 'This report could not be drawn completely: ' + message;
    box.hidden = false;
  }
  window.addEventListener('error', (e) => fail(e.message || String(e.error)));
  window.addEventListener('unhandledrejection', (e) => fail(String(e.reason)));

  // ---------------------------------------------------------------- words and numbers

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

  // A control character in a delimiter would show as nothing.
  const WORDS = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar', ' ': 'space' };
  function delimiterWord(d) {
    if (!d) return 'none';
    if (WORDS[d]) return WORDS[d];
    const code = d.codePointAt(0);
    return code < 33 ? 'U+' + code.toString(16).toUpperCase().padStart(4, '0') : d;
  }
  const span = (a, b) => (a === b ? a : a + ' to ' + b);
  const shown = (name) => (name === '' ? '(no name)' : name);

  // ---------------------------------------------------------------- elements
  // All text goes in as text nodes: names come from files of others and are never read as HTML.

  function h(tag, props, ...children) {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(props || {})) {
      if (v !== null && v !== undefined && v !== false) e.setAttribute(k, v === true ? '' : v);
    }
    for (const c of children.flat(Infinity)) {
      if (c !== null && c !== undefined && c !== false) e.append(c);
    }
    return e;
  }
  const p = (cls, ...c) => h('p', { class: cls }, ...c);
  const none = (...c) => p('none', ...c);

  // A number of the document, with the place it came from.
  function figure(value, path, format = count) {
    return h(
      'span',
      {
        class: isNumber(value) ? 'num' : 'num unknown',
        'data-path': path,
        'data-value': String(value),
        title: format === size && isNumber(value) ? counted(value, 'byte', 'bytes') : null,
      },
      format(value),
    );
  }
  // In tables an unknown number is a dash, or a column of them would drown the known ones.
  const cell = (v) => (isNumber(v) ? grouped.format(v) : h('span', { title: 'not known', class: 'soft' }, '\u2013'));
  const bytesCell = (v) => (isNumber(v) ? h('span', { title: counted(v, 'byte', 'bytes') }, size(v)) : cell(v));

  function list(items, limit = 6) {
    const li = (t) => h('li', null, t);
    if (items.length <= limit + 1) return h('ul', null, items.map(li));
    return h(
      'div',
      null,
      h('ul', null, items.slice(0, limit).map(li)),
      h('details', { class: 'more' }, h('summary', null, count(items.length - limit) + ' more'), h('ul', null, items.slice(limit).map(li))),
    );
  }
  function names(all, limit = 8) {
    // Each name by itself: one written from right to left must not turn its neighbours around.
    const text = (x) => x.map((n, i) => [i ? ', ' : '', h('bdi', null, shown(n))]);
    if (all.length <= limit + 1) return h('span', null, text(all));
    return h(
      'div',
      null,
      text(all.slice(0, limit)),
      ',',
      h('details', { class: 'more' }, h('summary', null, count(all.length - limit) + ' more'), text(all.slice(limit))),
    );
  }

  // columns: [[heading, class]], rows: arrays of text or nodes; the first cell of a row is its heading.
  function table(caption, columns, rows, { wide = true, dense = false, zero = () => false } = {}) {
    const td = (c, i) => h(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, class: columns[i][1] }, c);
    const t = h(
      'table',
      { class: (wide ? 'wide' : '') + (dense ? ' dense' : '') },
      h('caption', null, h('span', null, caption)),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          columns.map(([text, cls]) => h('th', { scope: 'col', class: cls === 'right' ? 'right' : null }, text)),
        ),
      ),
      h(
        'tbody',
        null,
        rows.map((r, n) => h('tr', { class: zero(n) ? 'zero' : null }, r.map(td))),
      ),
    );
    return h('div', { class: 'scroll', role: 'region', 'aria-label': caption }, t);
  }

  // ---------------------------------------------------------------- one tooltip for all charts

  const tip = h('div', { id: 'tip', 'aria-hidden': 'true', hidden: true });
  const short = (t) => {
    const s = String(t);
    return s.length > 300 ? s.slice(0, 300) + '\u2026' : s;
  };
  function showTip(x, y, title, pairs) {
    tip.replaceChildren(
      h('b', null, short(title)),
      h(
        'dl',
        null,
        pairs.filter(Boolean).map(([k, v]) => [h('dt', null, k), h('dd', null, short(v))]),
      ),
    );
    tip.hidden = false;
    const w = tip.offsetWidth;
    const t = tip.offsetHeight;
    // Beside the pointer, and always inside the window.
    let left = x + 14;
    if (left + w > innerWidth - 8) left = x - w - 14;
    left = Math.max(8, Math.min(left, innerWidth - w - 8));
    let top = y + 14;
    if (top + t > innerHeight - 8) top = y - t - 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(8, top))}px)`;
  }
  const hideTip = () => {
    tip.hidden = true;
  };
  addEventListener('keydown', (e) => {
    if (e.key === 'Escape') hideTip();
  });
  addEventListener('scroll', hideTip, { passive: true, capture: true });

  // ---------------------------------------------------------------- charts

  const charts = [];
  let colours = {};
  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif';

  function readColours() {
    const style = getComputedStyle(root);
    colours = {};
    for (const name of [
      'paper',
      'panel',
      'ink',
      'soft',
      'line',
      'edge',
      'accent',
      'shifted',
      'altered',
      'absent',
      'bar',
      'bar-ink',
      'reject',
      ...Object.keys(STATES).flatMap((s) => [s, s + '-ink']),
    ]) {
      colours[name] = style.getPropertyValue('--' + name).trim();
    }
  }

  // layout() gives { width, height, option } for the room there is; hover(x, y) gives [title, pairs] or null.
  function chart(box, layout, hover, { renderer = 'svg', ratio } = {}) {
    let made = null;
    const draw = () => {
      const { width, height, option } = layout();
      box.style.width = width + 'px';
      box.style.height = height + 'px';
      if (!made) {
        made = echarts.init(box, null, { renderer, width, height, devicePixelRatio: ratio });
        const zr = made.getZr();
        const point = (e) => {
          const found = hover(made, e.offsetX, e.offsetY);
          if (!found) {
            hideTip();
            return;
          }
          const r = box.getBoundingClientRect();
          showTip(r.left + e.offsetX, r.top + e.offsetY, found[0], found[1]);
        };
        zr.on('mousemove', point);
        zr.on('click', point);
        zr.on('globalout', () => {
          hideTip();
          hover(made, -1, -1);
        });
      } else {
        made.resize({ width, height });
      }
      made.setOption({ animation: false, textStyle: { fontFamily: FONT, fontSize: 12, color: colours.soft }, ...option }, true);
      made.getZr().flush();
    };
    charts.push(draw);
  }
  function drawAll() {
    readColours();
    hideTip();
    for (const draw of charts) draw();
    markScrolling();
  }
  // Only a box that really scrolls takes the focus of the keyboard.
  function markScrolling() {
    for (const box of document.querySelectorAll('.scroll, .drift')) {
      const over = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      box.classList.toggle('over', over);
      if (over) box.tabIndex = 0;
      else box.removeAttribute('tabindex');
    }
  }
  const PRINT_WIDTH = 680; // A4 or Letter, upright, in CSS pixels without the margins
  let printing = false;
  const room = (e) => (printing ? PRINT_WIDTH : Math.max(200, Math.floor(e.getBoundingClientRect().width)));

  // ---------------------------------------------------------------- states of a day

  // A mark besides the colour: the map must be readable in grey and to colour-blind readers.
  const STATES = {
    loaded: { mark: '', means: 'in the target, loaded by backfill' },
    elsewhere: { mark: 'E', means: 'in the target, put there by the live loader' },
    historical: { mark: 'H', means: 'a gap before the live loader began: in S3, not in the target' },
    forward: { mark: 'F', means: 'a gap since the live loader began, which is its own work' },
    changed: { mark: 'C', means: 'loaded, and the object or the SQL changed since: a run refuses it' },
    refused: { mark: 'R', means: 'unreadable or empty: a run fails on it' },
    missing: { mark: '\u00d7', means: 'no file for this day' },
    'not-due': { mark: '', means: 'no file, and none is due on this day' },
    unknown: { mark: '?', means: 'in S3; no database was named, so it is not known whether it is loaded' },
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

  function coverage(set, id) {
    const days = set.days;
    const out = [h('h3', { id: id + 'coverage' }, 'Coverage')];
    if (!days.length) return [...out, none('The range of this report holds no day.')];

    const first = days[0].date;
    const last = days[days.length - 1].date;
    const monday = (asTime(first) / DAY + 3) % 7; // days from Monday to the first day
    const weeks = Math.ceil((monday + days.length) / 7);
    const box = h('div', {
      class: 'chart small',
      role: 'img',
      'aria-label': `Calendar of ${set.dataset}: the state of each day from ${first} to ${last}. The same is in the table of days.`,
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
    // Whether the day so many days later is shown and is in another month.
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
      out.push(none('No database was named, so nothing is known of the target: the calendar shows only which days have a file.'));
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

  // ---------------------------------------------------------------- axes over the days

  // Labels at Mondays or at the first of a month, as many as there is room for.
  function dateAxis(days, width, more) {
    const per = width / days.length;
    // Over about a year a day and a month are not enough to name a date.
    const every = (days.length <= 330 && [7, 14, 28].find((n) => n * per >= 52)) || 0;
    const start = days.findIndex((d) => new Date(asTime(d.date)).getUTCDay() === 1);
    const step = Math.max(1, Math.ceil((days.length * 60) / Math.max(52, width) / 30.4));
    const month = (iso) => Number(iso.slice(5, 7)) - 1 + 12 * Number(iso.slice(0, 4));
    const at = (i) => {
      if (per >= 52) return true;
      if (every && start >= 0) return i >= start && (i - start) % every === 0;
      if (days.length < 28) return i === 0;
      return days[i].date.endsWith('-01') && month(days[i].date) % step === 0;
    };
    return {
      type: 'category',
      data: days.map((d) => d.date),
      axisLine: { lineStyle: { color: colours.edge } },
      axisTick: { interval: at, alignWithLabel: true, lineStyle: { color: colours.edge } },
      axisLabel: {
        interval: at,
        color: colours.soft,
        fontSize: 11,
        hideOverlap: true,
        formatter: (v) => (every || per >= 52 || days.length < 28 ? shortDate(v) : MONTHS[Number(v.slice(5, 7)) - 1] + ' ' + v.slice(0, 4)),
      },
      ...more,
    };
  }
  const GUTTER = 72;
  const widthFor = (frame, days) => (printing ? PRINT_WIDTH : Math.max(room(frame), GUTTER + 16 + days.length * 2));
  const dayAt = (days, width, x) => {
    const i = Math.floor(((x - GUTTER) / (width - GUTTER - 12)) * days.length);
    return x >= GUTTER && i >= 0 && i < days.length ? i : -1;
  };

  // ---------------------------------------------------------------- epochs

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
        'An epoch is a run of days whose files have the same format: header, delimiter, line end, encoding and compression. A format that comes back keeps its lane.',
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
      'aria-label': `Timeline of ${counted(runs.length, 'epoch')} in ${counted(lanes.length, 'format')}. The same is in the table of epochs.`,
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
          ['Changes against the epoch before', 'text'],
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

  // ---------------------------------------------------------------- drift

  const LEVELS = [
    [1, 'shifted distribution'],
    [2, 'changed type, date format or categories'],
    [3, 'column absent in the file of that day'],
  ];
  // The shape tells the level too: small square, full square, open square with a stroke.
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
    if (!c) return [...out, none('The contents of the files were not compared, so nothing is known of drift.')];
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
      'aria-label': `Drift of ${set.dataset}: columns by dates. The findings are in the table below.`,
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
          [['Date', c.dates[d]], ['Against the reference', level ? level[1] : 'no difference'], found && found[1] && ['Detail', found[1]]],
        ];
        // Many cells are too many elements for SVG; the canvas is kept below the size limits of phones.
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
          ? none('There is no finding: the single differences are in the map.')
          : '',
    );
    return out;
  }

  // The same as the map for a keyboard, a screen reader or paper; made when it is opened, for it may be long.
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

  // ---------------------------------------------------------------- rows a day

  function rowsPerDay(set, id) {
    const days = set.days;
    const out = [h('h3', { id: id + 'rows' }, 'Rows a day')];
    const known = days.some((d) => isNumber(d.rows));
    const value = (d) => (known ? d.rows : d.bytes);
    const format = known ? count : size;
    if (!known) out.push(none('The number of rows is not known for any day. The bars show the size of the files instead.'));
    if (!days.some((d) => value(d) > 0)) return [...out, none('No day of the range has a file with data.')];
    const rejected = days.some((d) => d.rejects > 0);
    const box = h('div', {
      class: 'chart small',
      role: 'img',
      'aria-label': `${known ? 'Rows' : 'Size of the files'} a day. The same is in the table of days.`,
    });
    const frame = h('div', { class: 'scroll', role: 'region', 'aria-label': known ? 'Rows a day' : 'Size a day' }, box);
    const most = Math.max(...days.map((d) => value(d) || 0));
    const brief = (v) =>
      v === 0
        ? '0'
        : !known
          ? size(v)
              .replace(/\.0+ /, ' ')
              .replace(/(\.\d*[1-9])0+ /, '$1 ')
          : most >= 1e6
            ? v / 1e6 + ' M'
            : most >= 1e4
              ? v / 1e3 + ' k'
              : grouped.format(v);
    const missing = days
      .map((d, i) => [i, d])
      .filter((x) => x[1].state === 'missing')
      .map((x) => [x[0], 0]);
    let width = 0;
    const TOP = 16;
    const H = 150;
    const HR = 44;
    const yAxis = {
      type: 'value',
      minInterval: known ? 1 : 0,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: colours.line } },
    };
    chart(
      box,
      () => {
        width = widthFor(frame, days);
        const inner = width - GUTTER - 12;
        const axisText = { color: colours.soft, fontSize: 11, formatter: brief };
        const line = { lineStyle: { color: colours.line } };
        const grid = [{ left: GUTTER, right: 12, top: TOP, height: H }];
        const xAxis = [dateAxis(days, inner, rejected ? { axisLabel: { show: false }, axisTick: { show: false } } : null)];
        const y = [{ ...yAxis, splitNumber: 4, splitLine: line, axisLabel: axisText }];
        const series = [
          {
            type: 'bar',
            silent: true,
            data: days.map(value),
            itemStyle: { color: colours.bar },
            barCategoryGap: inner / days.length > 6 ? '22%' : '10%',
            barMaxWidth: 60,
          },
          {
            type: 'custom',
            silent: true,
            data: missing,
            renderItem: (params, api) => {
              const [x, y] = api.coord([api.value(0), 0]);
              return {
                type: 'group',
                children: [
                  {
                    type: 'line',
                    shape: { x1: x, y1: TOP, x2: x, y2: y },
                    style: { stroke: colours['missing-ink'], lineWidth: 1, lineDash: [2, 3] },
                  },
                  {
                    type: 'text',
                    style: {
                      text: STATES.missing.mark,
                      x,
                      y: TOP - 6,
                      align: 'center',
                      verticalAlign: 'middle',
                      fill: colours['missing-ink'],
                      font: `600 12px ${FONT}`,
                    },
                  },
                ],
              };
            },
          },
        ];
        if (rejected) {
          grid.push({ left: GUTTER, right: 12, top: TOP + H + 32, height: HR });
          xAxis.push({ ...dateAxis(days, inner), gridIndex: 1 });
          y.push({
            ...yAxis,
            gridIndex: 1,
            splitNumber: 1,
            splitLine: line,
            name: 'Rejects',
            nameLocation: 'end',
            nameGap: 8,
            nameTextStyle: { color: colours.ink, align: 'right', padding: [0, 8, 0, 0] },
            axisLabel: { color: colours.soft, fontSize: 11, formatter: (v) => grouped.format(v) },
          });
          series.push({
            type: 'bar',
            silent: true,
            xAxisIndex: 1,
            yAxisIndex: 1,
            data: days.map((d) => d.rejects),
            itemStyle: { color: colours.reject },
            barMinHeight: 2,
            barCategoryGap: '22%',
            barMaxWidth: 60,
          });
          // A zero must not get the smallest height.
          series[2].data = series[2].data.map((v) => (v > 0 ? v : null));
        }
        return { width, height: TOP + H + (rejected ? 32 + HR : 0) + 28, option: { grid, xAxis, yAxis: y, series } };
      },
      (made, x) => {
        const i = dayAt(days, width, x);
        return i < 0 ? null : [days[i].date, dayPairs(days[i])];
      },
    );
    out.push(frame);
    const values = days
      .map(value)
      .filter((v) => v > 0)
      .sort((a, b) => a - b);
    const middle = values[Math.floor((values.length - 1) / 2)];
    out.push(
      p(
        'soft',
        `Lowest day with data ${format(values[0])}, median ${format(middle)}, highest ${format(values[values.length - 1])}.`,
        missing.length ? ' A cross marks a day without a file.' : '',
        known && !rejected ? (days.some((d) => isNumber(d.rejects)) ? ' No record was rejected.' : ' Rejects are not known.') : '',
      ),
    );
    return out;
  }

  // ---------------------------------------------------------------- checks, rejects, fit, odd days, notices

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
            ['What it asks', 'text'],
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
              ? 'The reasons of the rejects are not in this report.'
              : 'The records of the files were not read, so nothing is known of rejects.',
        ),
      );
    }
    return out;
  }

  const TARGETS = {
    found: ['The target table was found and its columns were compared.', null],
    missing: ['The target table was not found in the database.', 'bad'],
    unverified: ['No database was named, so nothing is known of the target: its columns were not compared.', 'none'],
  };
  function fit(set, id) {
    const out = [h('h3', { id: id + 'fit' }, 'SQL and target')];
    const f = set.fit;
    if (!f) return [...out, none('The SQL of this dataset was not compared with the files and the target.')];
    const [text, cls] = has(TARGETS, f.target) ? TARGETS[f.target] : ['Target: ' + f.target + '.', null];
    out.push(p(cls, text));
    out.push(
      f.failures.length
        ? h('div', null, h('h4', { class: 'bad' }, `${counted(f.failures.length, 'place')} where the SQL does not fit`), list(f.failures, 20))
        : p(null, 'The SQL fits every format of the files.'),
    );
    if (f.not_given.length) out.push(h('h4', null, 'Columns of the target that no file gives'), p(null, names(f.not_given, 30)));
    const rows = (x) => x.map((r) => [r.days, cell(r.columns.length), names(r.columns)]);
    const columns = [
      ['Days', 'fixed'],
      ['Columns', 'right'],
      ['Names', 'text'],
    ];
    if (f.read_as_null.length)
      out.push(table('Columns the SQL reads that these files do not have (read as null)', columns, rows(f.read_as_null), { wide: false }));
    if (f.not_loaded.length) out.push(table('Columns of the files that are not loaded', columns, rows(f.not_loaded), { wide: false }));
    return out;
  }

  function odd(set, id) {
    return [h('h3', { id: id + 'odd' }, 'Odd days'), set.oddities.length ? list(set.oddities, 30) : none('No day is odd.')];
  }

  function notices(set, id) {
    const texts = set.notices.map((n) => n.text);
    return [h('h3', { id: id + 'notices' }, 'Notices'), texts.length ? list(texts, 30) : none('There is no notice.')];
  }

  // ---------------------------------------------------------------- accounting

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
        none('There is no accounting: no database was named or nothing was loaded, so the records of the files were not followed into the target.'),
      ];
    const at = `${path}.accounting.totals.`;
    out.push(p(null, 'The records of the files under ', h('code', null, set.prefix), ', followed into ', h('code', null, a.target), '.'));
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
    // The prefix is the same for all files and said once, above.
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

  // ---------------------------------------------------------------- verdict and headline

  const PARTS = {
    coverage: 'Coverage',
    formats: 'Formats',
    drift: 'Drift',
    rows: 'Rows',
    checks: 'Checks',
    fit: 'SQL and target',
    odd: 'Odd days',
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
      `${counted(states('changed'), 'day')} changed since the load; a run would refuse ${plural(states('changed'), 'it', 'them')}.`,
    );
    const f = set.fit;
    if (f) {
      add(bad, f.failures.length, 'fit', `The SQL does not fit the files in ${counted(f.failures.length, 'place')}.`);
      if (f.target === 'missing') bad.push(['fit', `The target table ${short(set.table)} was not found.`]);
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
      note.push(['coverage', 'No database was named, so nothing is known of the target.']);
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
            h('li', null, h('b', { class: 'good' }, 'Good'), h('span', null, 'Nothing wrong was found in what was examined.')),
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
    // In the page first: the charts measure the room they have.
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

  // ---------------------------------------------------------------- the page

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
  if (!sets.length) document.getElementById('report').append(none('The report holds no dataset.'));
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

  // What is inside a closed part can be measured only when it is opened.
  document.addEventListener('toggle', markScrolling, true);
  // The place named in the address exists only now.
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
})();
