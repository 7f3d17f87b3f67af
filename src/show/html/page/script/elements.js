// Makes elements: paragraphs, figures, lists and tables.

// All text is added as text nodes: names come from foreign files and must never be parsed as HTML.

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

// A number of the document, with its place in the document.
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
// In tables an unknown number is a dash, so that known numbers stand out.
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
  // Each name has its own element: a name in a right-to-left script must not reorder its neighbours.
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
