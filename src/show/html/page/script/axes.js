// Axes over the days, shared by the charts below.

// Labels at Mondays or at the first of a month, as many as fit.
function dateAxis(days, width, more) {
  const per = width / days.length;
  // In a range of about a year or more, a day and a month do not name a date.
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
