// Only what the report draws with: bars, custom shapes, a calendar and a grid.
// Tooltips are the report's own (one for the page, text only), so the tooltip component is left out.
import { init, use } from 'echarts/core';
import { BarChart, CustomChart } from 'echarts/charts';
import { CalendarComponent, GridComponent } from 'echarts/components';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';

use([BarChart, CustomChart, CalendarComponent, GridComponent, CanvasRenderer, SVGRenderer]);

export { init };
