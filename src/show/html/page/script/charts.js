// Draws charts and the tooltip that all of them share.

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

// layout() returns { width, height, option } for the available space; hover(x, y) returns [title, pairs] or null.
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
// Only a box that scrolls gets the keyboard focus.
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
