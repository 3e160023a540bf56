// A fan of a forecast as a series of lightweight-charts: bands from target to target and the median as a line.
import type { CustomData, CustomSeriesOptions, CustomSeriesWhitespaceData, ICustomSeriesPaneRenderer, ICustomSeriesPaneView, PaneRendererCustomData, PriceToCoordinateConverter, Time } from 'lightweight-charts'; // prettier-ignore
import type { FanPoint } from './model.ts';

export interface FanData extends CustomData<Time> {
  point: FanPoint;
}

export interface FanOptions extends CustomSeriesOptions {
  opacities: number[]; // of the bands, from the widest to the narrowest
  dash: number[];
}

type Target = Parameters<ICustomSeriesPaneRenderer['draw']>[0];

class Renderer implements ICustomSeriesPaneRenderer {
  data: PaneRendererCustomData<Time, FanData> | undefined;
  options: FanOptions | undefined;

  draw(target: Target, toY: PriceToCoordinateConverter): void {
    const { data, options } = this;
    if (!data || !options || data.bars.length < 2) return;
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio, verticalPixelRatio }) => {
      const at = (x: number, price: number): [number, number] | null => {
        const y = toY(price);
        return y === null ? null : [x * horizontalPixelRatio, y * verticalPixelRatio];
      };
      context.save();
      context.fillStyle = options.color;
      const bands = data.bars[data.bars.length - 1]!.originalData.point.bands.length;
      for (let i = 0; i < bands; i++) {
        const upper: [number, number][] = [];
        const lower: [number, number][] = [];
        for (const bar of data.bars) {
          const band = bar.originalData.point.bands[i];
          const low = band && at(bar.x, band[0]);
          const high = band && at(bar.x, band[1]);
          if (low && high) {
            lower.push(low);
            upper.push(high);
          }
        }
        if (upper.length < 2) continue;
        context.globalAlpha = options.opacities[i] ?? 0.15;
        context.beginPath();
        for (const [x, y] of upper) context.lineTo(x, y);
        for (const [x, y] of lower.reverse()) context.lineTo(x, y);
        context.closePath();
        context.fill();
      }
      context.globalAlpha = 1;
      context.strokeStyle = options.color;
      context.lineWidth = 1.5 * verticalPixelRatio;
      context.setLineDash(options.dash.map((n) => n * horizontalPixelRatio));
      context.beginPath();
      for (const bar of data.bars) {
        const p = at(bar.x, bar.originalData.point.median);
        if (p) context.lineTo(...p);
      }
      context.stroke();
      context.restore();
    });
  }
}

/** The fan's view. `defaults` are the library's default options of custom series, which is loaded only when a chart is shown. */
export class FanView implements ICustomSeriesPaneView<Time, FanData, FanOptions> {
  #renderer = new Renderer();
  #defaults: CustomSeriesOptions;

  constructor(defaults: CustomSeriesOptions) {
    this.#defaults = defaults;
  }

  priceValueBuilder({ point }: FanData): number[] {
    const widest = point.bands.find((b) => b !== null);
    return widest ? [widest[0], widest[1], point.median] : [point.median];
  }

  isWhitespace(data: FanData | CustomSeriesWhitespaceData<Time>): data is CustomSeriesWhitespaceData<Time> {
    return (data as Partial<FanData>).point === undefined;
  }

  renderer(): ICustomSeriesPaneRenderer {
    return this.#renderer;
  }

  update(data: PaneRendererCustomData<Time, FanData>, options: FanOptions): void {
    this.#renderer.data = data;
    this.#renderer.options = options;
  }

  defaultOptions(): FanOptions {
    return { ...this.#defaults, opacities: [0.12, 0.12, 0.14, 0.18], dash: [5, 4] };
  }
}
