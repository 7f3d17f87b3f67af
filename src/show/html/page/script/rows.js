// The section on rows: rows, sizes and rejects per day.

function rowsPerDay(set, id) {
  const days = set.days;
  const out = [h('h3', { id: id + 'rows' }, 'Rows per day')];
  const known = days.some((d) => isNumber(d.rows));
  const value = (d) => (known ? d.rows : d.bytes);
  const format = known ? count : size;
  if (!known) out.push(none('The number of rows is not known for any day. The bars show the size of the files instead.'));
  if (!days.some((d) => value(d) > 0)) return [...out, none('No day of the range has a file with data.')];
  const rejected = days.some((d) => d.rejects > 0);
  const box = h('div', {
    class: 'chart small',
    role: 'img',
    'aria-label': `${known ? 'Rows' : 'Size of the files'} per day. The table of days shows the same.`,
  });
  const frame = h('div', { class: 'scroll', role: 'region', 'aria-label': known ? 'Rows per day' : 'Size per day' }, box);
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
      known && !rejected ? (days.some((d) => isNumber(d.rejects)) ? ' No record was rejected.' : ' The number of rejected records is not known.') : '',
    ),
  );
  return out;
}
